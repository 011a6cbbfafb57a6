"""`/search`: the directory's search (W3C WoT Discovery, clause 7.3.2.3).

By SPARQL with the same engine as `/sparql`, and what Discovery asks for beside: plain media types
where the client names none, and 400 for whatever is no query. By JSONPath (RFC 9535) over the array
of all descriptions. XPath is not offered, and says so.
"""

from collections.abc import Callable

from flask import Blueprint, Response, request

from orchestrator_app.access import client_name
from orchestrator_app.routes.representations import JSON, JSON_LD, check_utf_8
from orchestrator_app.routes.sparql import answer_get, answer_post, only_query
from orchestrator_app.services import services
from wasmiot_td.problem import ProblemError

blueprint = Blueprint("search", __name__)


@blueprint.get("/search/sparql")
def search_by_get() -> Response:
    """Answer the query in the argument `query`."""
    return _search(answer_get)


@blueprint.post("/search/sparql")
def search_by_post() -> Response:
    """Answer the query in a form or in the body."""
    return _search(answer_post)


@blueprint.get("/search/jsonpath")
def find_by_jsonpath() -> Response:
    """Answer the JSONPath query in the argument `query` with an array of what it selects."""
    check_utf_8(request.query_string)
    answer = services().queries.find(only_query(request.args.getlist("query")), client_name())
    return Response(answer.body, content_type=answer.media_type)


@blueprint.get("/search/xpath")
def not_offered() -> Response:
    """Name what is offered instead."""
    detail = "This directory is searched by /search/sparql?query= and /search/jsonpath?query=."
    raise ProblemError(501, "Not offered", detail)


def _search(answer: Callable[[str, str], Response]) -> Response:
    try:
        return answer(JSON, JSON_LD)
    except ProblemError as error:
        if error.problem.status == 403:
            raise ProblemError(400, error.problem.title, error.problem.detail) from None
        raise
