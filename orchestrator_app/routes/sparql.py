"""`/sparql`: the query operation of the SPARQL 1.1 Protocol, read-only."""

from flask import Blueprint, Response, render_template, request

from orchestrator_app.access import client_name
from orchestrator_app.directory.query_formats import GRAPH_TYPES, RESULT_TYPES
from orchestrator_app.directory.query_text import refused_update
from orchestrator_app.directory.sparql import GraphQuery
from orchestrator_app.routes.representations import accepted, body, check_utf_8, preferred
from orchestrator_app.services import services
from wasmiot_td.problem import ProblemError
from wasmiot_td.vocabulary_reference import in_form

_QUERY = "application/sparql-query"
_UPDATE = "application/sparql-update"
_FORM = "application/x-www-form-urlencoded"

blueprint = Blueprint("sparql", __name__, template_folder="../ui/templates")


@blueprint.get("/sparql")
def query_by_get() -> Response:
    """Answer the query in the argument `query`; without one, describe the service."""
    if "query" not in request.args and "update" not in request.args:
        return _service_description()
    return answer_get(RESULT_TYPES[0], GRAPH_TYPES[0])


@blueprint.post("/sparql")
def query_by_post() -> Response:
    """Answer the query in a form's field `query`, or in the body."""
    return answer_post(RESULT_TYPES[0], GRAPH_TYPES[0])


def answer_get(result_type: str, graph_type: str) -> Response:
    """Answer a query by GET; the types are for clients that name none."""
    check_utf_8(request.query_string)
    _refuse_updates()
    return _answer(only_query(request.args.getlist("query")), result_type, graph_type)


def answer_post(result_type: str, graph_type: str) -> Response:
    """Answer a query by POST; the types are for clients that name none."""
    _refuse_other_charsets()
    check_utf_8(request.query_string)
    if request.mimetype == _FORM:
        request.max_content_length = services().settings.max_document_bytes
        check_utf_8(request.get_data())
    _refuse_updates()
    if request.mimetype == _QUERY:
        return _answer(_decoded(body()), result_type, graph_type)
    if request.mimetype == _FORM:
        return _answer(only_query(request.form.getlist("query")), result_type, graph_type)
    detail = f"A query comes as {_FORM} or as {_QUERY}."
    raise ProblemError(415, "Unsupported Media Type", detail)


def _answer(text: str, result_type: str, graph_type: str) -> Response:
    answer = services().queries.answer(
        GraphQuery(
            text,
            result_type=_accepted(RESULT_TYPES, result_type),
            graph_type=_accepted(GRAPH_TYPES, graph_type),
            default_graphs=request.values.getlist("default-graph-uri"),
            named_graphs=request.values.getlist("named-graph-uri"),
            base=f"{services().settings.base_url}{request.path[1:]}",
        ),
        client_name(),
    )
    response = Response(answer.body, content_type=answer.media_type)
    response.headers["Vary"] = "Accept"
    return response


def _accepted(media_types: tuple[str, ...], default: str) -> str | None:
    """Return the media type that the client likes best, None if it accepts none of them."""
    offered = (default, *(m for m in media_types if m != default))
    return accepted().best_match(offered) if request.accept_mimetypes else default


def _refuse_updates() -> None:
    if request.mimetype == _UPDATE or "update" in request.values:
        raise refused_update()


def _refuse_other_charsets() -> None:
    charset = request.mimetype_params.get("charset", "utf-8")
    if charset.lower() not in ("utf-8", "utf8", "us-ascii"):
        detail = f"A query comes in UTF-8, not in {charset[:50]!r}."
        raise ProblemError(415, "Unsupported Media Type", detail)


def only_query(texts: list[str]) -> str:
    """Return the one argument `query`.

    Raises:
        ProblemError: 400, there is none, or more than one.
    """
    if len(texts) != 1:
        detail = f"One argument `query` is expected, and {len(texts)} came."
        raise ProblemError(400, "No query" if not texts else "More than one query", detail)
    return texts[0]


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise ProblemError(400, "Not UTF-8", str(error)) from None


def _service_description() -> Response:
    url = f"{services().settings.base_url}sparql"
    media_type = preferred(*GRAPH_TYPES)
    text = in_form(media_type, render_template("service_description.ttl", url=url))
    response = Response(text, content_type=f"{media_type}; charset=utf-8")
    response.headers["Vary"] = "Accept"
    return response
