"""`/search`: the directory's search (W3C WoT Discovery, clause 7.3.2.3).

By SPARQL with the same engine as `/sparql`, and what Discovery asks for beside: plain media types
where the client names none, and 400 for whatever is no query. JSONPath and XPath are not offered,
and say so.
"""

from collections.abc import Callable

from flask import Blueprint, Response

from orchestrator_app.routes.representations import JSON, JSON_LD
from orchestrator_app.routes.sparql import answer_get, answer_post
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
@blueprint.get("/search/xpath")
def not_offered() -> Response:
    """Name what is offered instead."""
    detail = "This directory is searched by SPARQL, at /search/sparql?query=."
    raise ProblemError(501, "Not offered", detail)


def _search(answer: Callable[[str, str], Response]) -> Response:
    try:
        return answer(JSON, JSON_LD)
    except ProblemError as error:
        if error.problem.status == 403:
            raise ProblemError(400, error.problem.title, error.problem.detail) from None
        raise
