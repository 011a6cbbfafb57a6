"""Every error leaves as problem details (RFC 9457); nobody is shown a traceback."""

import logging

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from orchestrator_app.store import (
    KindConflictError,
    StoreUnavailableError,
    UnstorableDocumentError,
)
from wasmiot_td.errors import DocumentError
from wasmiot_td.problem import (
    PROBLEM_MEDIA_TYPE,
    Problem,
    ProblemError,
    problem_of_disk,
    problem_of_document,
)

RETRY_AFTER_SECONDS = 2

_STORE_ERRORS = {
    KindConflictError: (409, "Id in use"),
    UnstorableDocumentError: (422, "Document not acceptable"),
    StoreUnavailableError: (503, "Graph store not available"),
}
_log = logging.getLogger(__name__)


def register_problem_answers(app: Flask) -> None:
    """Have each kind of error rendered as its problem details."""
    for kind in (ProblemError, DocumentError, *_STORE_ERRORS):
        app.register_error_handler(kind, lambda error: respond(problem_of(error)))
    app.register_error_handler(HTTPException, _http_exception)
    app.register_error_handler(Exception, _unexpected)


def respond(problem: Problem) -> Response:
    """Return the response of problem details."""
    body = problem.model_dump_json(exclude_none=True)
    response = Response(body, status=problem.status, content_type=PROBLEM_MEDIA_TYPE)
    if problem.status in (429, 503):
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def problem_of(error: Exception) -> Problem:
    """Return the problem details of an error of a document, of the store, or one that has them.

    Raises:
        Exception: the error itself, of another kind.
    """
    if isinstance(error, ProblemError):
        return error.problem
    if isinstance(error, DocumentError):
        return problem_of_document(error)
    if type(error) not in _STORE_ERRORS:
        raise error
    status, title = _STORE_ERRORS[type(error)]
    return Problem(status=status, title=title, detail=str(error)[:2000])


def _http_exception(error: HTTPException) -> Response:
    """Keep what the protocol asks for (`Allow`, `Location`), and replace the page."""
    response = respond(
        Problem(status=error.code or 500, title=error.name, detail=error.description)
    )
    kept = {"Allow", "Location", "Retry-After", "WWW-Authenticate", "Content-Range"}
    response.headers.extend((k, v) for k, v in error.get_headers() if k in kept)
    return response


def problem_of_any(error: Exception) -> Problem:
    """Return the problem details of an error of any kind; one that nobody foresaw is logged."""
    try:
        return problem_of(error)
    except Exception:  # noqa: BLE001 - it is the error itself
        return _problem_of_unexpected(error)


def _unexpected(error: Exception) -> Response:
    return respond(_problem_of_unexpected(error))


def _problem_of_unexpected(error: Exception) -> Problem:
    if problem := problem_of_disk(error):
        _log.warning("disk_refuses path=%s error=%s", request.path, error)
        return problem
    _log.error("unexpected_error", exc_info=error)
    detail = "The orchestrator met an error of its own; its log has the rest."
    return Problem(status=500, title="Internal Server Error", detail=detail)
