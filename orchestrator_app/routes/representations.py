"""How documents are written into responses, and read out of requests."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Response, request
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import PreconditionFailed, RequestEntityTooLarge

from orchestrator_app.fast_json import dumps
from orchestrator_app.services import services
from wasmiot_td.problem import ProblemError

TD = "application/td+json"
TM = "application/tm+json"
JSON = "application/json"
JSON_LD = "application/ld+json"


def json_text(document: Any) -> bytes:
    """Return the JSON text of a document as it is served.

    One document is laid out for people, a list of them as fast as can be.
    """
    return dumps(document, is_indented=not isinstance(document, list)) + b"\n"


def untyped_if_empty(response: Response) -> Response:
    """Take from an answer without a body the media type that Flask gives to all (RFC 9110, 8.3)."""
    is_empty = response.is_sequence and not any(response.response)  # a stream is left unread
    if response.mimetype == "text/html" and is_empty:
        del response.headers["Content-Type"]
    return response


def entity_tag(text: bytes) -> str:
    """Return the strong ETag of a JSON text."""
    return hashlib.sha256(text).hexdigest()[:16]


def represent(
    document: Any,
    media_type: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a response with a document; 304 where the client has it already."""
    text = json_text(document)
    response = Response(text, status=status, content_type=media_type)
    response.headers.extend(dict(headers or {}))
    if status == 200:
        tag = entity_tag(text)
        response.set_etag(tag)
        response.headers["Cache-Control"] = "no-cache"
        if request.method in ("GET", "HEAD"):  # of others it is not the answer that is meant
            check_if_match(tag)
        rest = {k: v for k, v in request.environ.items() if k != "HTTP_IF_MATCH"}
        response.make_conditional(rest)  # it knows no `*`, and says 412 of what it should not
    return refused_as_problem(response)


def refused_as_problem(response: Response) -> Response:
    """Return the response to a conditional request.

    Raises:
        PreconditionFailed: the condition does not hold, which Werkzeug says without a body.
    """
    if response.status_code == 412:
        response.close()
        raise PreconditionFailed
    return response


def preferred(*media_types: str) -> str:
    """Return which of the media types the client prefers; the first where it has no wish."""
    return accepted().best_match(media_types) or media_types[0]


def accepted() -> MIMEAccept:
    """Return which media types the client accepts; nothing here comes in more than one charset."""
    wishes = request.accept_mimetypes
    return MIMEAccept([(kind.partition(";")[0].strip(), quality) for kind, quality in wishes])


def body() -> bytes:
    """Return the request's body.

    Raises:
        RequestEntityTooLarge: it is longer than a document may be.
    """
    limit = services().settings.max_document_bytes
    if (request.content_length or 0) > limit:
        raise RequestEntityTooLarge(f"A document may have at most {limit} bytes.")
    data = request.stream.read(limit + 1)
    if len(data) > limit:
        raise RequestEntityTooLarge(f"A document may have at most {limit} bytes.")
    return bytes(data)


def check_utf_8(escaped: bytes) -> None:
    """Refuse what is not UTF-8 where its bytes are escaped: it would be read as something else.

    Raises:
        ProblemError: 400, it is not.
    """
    try:
        unquote_to_bytes(escaped).decode()
    except UnicodeDecodeError as error:
        raise ProblemError(400, "Not UTF-8", f"What is escaped is no UTF-8: {error}") from None


def check_preconditions(current: Callable[[], Any | None]) -> None:
    """Refuse a change if `If-Match` or `If-None-Match` say so (RFC 9110, clause 13).

    Args:
        current: returns the document as it is now, None if there is none; asked if a header is.

    Raises:
        PreconditionFailed: somebody changed it in between, or it exists already.
    """
    if "If-Match" not in request.headers and "If-None-Match" not in request.headers:
        return
    document = current()
    tag = None if document is None else entity_tag(json_text(document))
    check_if_match(tag)
    if tag is not None and request.if_none_match.contains_weak(tag):
        raise PreconditionFailed("The document exists, and If-None-Match says it should not.")


def check_if_match(tag: str | None) -> None:
    """Refuse if `If-Match` names another document; `*` names any (RFC 9110, clause 13.1.1).

    Args:
        tag: of the document as it is now, None if there is none.

    Raises:
        PreconditionFailed: it does.
    """
    if "If-Match" in request.headers and (tag is None or not request.if_match.contains(tag)):
        raise PreconditionFailed("The document is not the one that If-Match names.")


def non_negative(name: str, default: int | None = None) -> int | None:
    """Return a query argument that counts something.

    Raises:
        ProblemError: 400, it is no whole number from 0.
    """
    text = request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ProblemError(400, "Bad query argument", f"{name} is a whole number from 0: {text!r}")
    return int(text)
