"""Errors as problem details, the only form in which one reaches a client (RFC 9457)."""

import logging

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from supervisor_app.errors import (
    ArgumentError,
    CallCutShortError,
    CallFailedError,
    NotKeptError,
    PackageError,
    StateError,
)
from wasmiot_td.errors import AddressRefused, DocumentError, InteractionError, ThingProblem
from wasmiot_td.problem import (
    NO_SPACE_TITLE,
    NOT_WRITABLE_TITLE,
    PROBLEM_MEDIA_TYPE,
    Problem,
    ProblemError,
    problem_of_disk,
    problem_of_document,
)

RETRY_AFTER_SECONDS = 1
_KEPT_HEADERS = ("Allow", "Location")
_log = logging.getLogger(__name__)


def problem_of(error: Exception) -> Problem:
    """Return the problem details of an error."""
    if isinstance(error, ProblemError):
        return error.problem
    if isinstance(error, DocumentError):
        return problem_of_document(error)
    if isinstance(error, HTTPException):
        return Problem(title=error.name, status=error.code or 500, detail=error.description)
    return _problem_of_work(error)


def _problem_of_work(error: Exception) -> Problem:
    detail = str(error)
    if isinstance(error, CallCutShortError):
        return Problem(title="Interrupted", status=503, detail=detail)
    if isinstance(error, CallFailedError):
        return Problem(
            title=f"Call failed: {error.trap}", status=500, detail=detail, trap=error.trap
        )
    if isinstance(error, ArgumentError):
        return Problem(title="Arguments do not fit", status=400, detail=detail)
    if isinstance(error, StateError):
        return Problem(title="State not usable", status=409, detail=detail)
    if isinstance(error, PackageError):
        return Problem(title="Package not usable", status=422, detail=detail, digest=error.digest)
    if isinstance(error, InteractionError):
        return _problem_of_another(error, detail)
    if isinstance(error, TimeoutError):
        return Problem(title="Busy", status=503, detail=detail)
    return _problem_of_disk(error) or Problem(
        title="Internal error", status=500, detail=f"see the log: {type(error).__name__}"
    )


def _problem_of_disk(error: Exception) -> Problem | None:
    if isinstance(error, NotKeptError):
        title = NO_SPACE_TITLE if "full" in str(error) else NOT_WRITABLE_TITLE  # sqlite's words
        return Problem(title=title, status=507, detail=str(error))
    return problem_of_disk(error)


def _problem_of_another(error: InteractionError, detail: str) -> Problem:
    if isinstance(error, AddressRefused):
        title, url = "Address refused", error.url
        return Problem(title=title, status=422, detail=detail, url=url, address=error.address)
    if isinstance(error, ThingProblem):
        extra = {"url": error.url, "cause": error.problem}
        return Problem(title="Another Thing refused", status=502, detail=detail, **extra)
    return Problem(title="Another Thing failed", status=502, detail=detail, url=error.url)


def register(app: Flask) -> None:
    """Have an application answer every error with problem details."""

    @app.errorhandler(Exception)
    def answer(error: Exception) -> Response:
        return response_to_error(error, request.path)


def response_to_error(error: Exception, path: str) -> Response:
    """Return the problem details of an error as a response, and log what nobody foresaw."""
    problem = problem_of(error)
    if problem.status == 500 and problem.title == "Internal error":
        _log.error("request_failed path=%s", path, exc_info=error)
    if problem.status == 507:
        _log.warning("disk_refuses path=%s error=%s", path, error)
    response = problem_response(problem)
    if isinstance(error, HTTPException):
        kept = (header for header in error.get_headers() if header[0] in _KEPT_HEADERS)
        response.headers.extend(kept)
    return response


def problem_response(problem: Problem) -> Response:
    """Return problem details as a response."""
    body = problem.model_dump_json(exclude_none=True)
    response = Response(body, problem.status, content_type=PROBLEM_MEDIA_TYPE)
    if problem.status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response
