"""What every route needs: the supervisor, the addresses, the body of a request."""

import hashlib
import json
from typing import Any

from flask import Response, current_app, request
from werkzeug.exceptions import PreconditionFailed

from supervisor_app.device_thing import TD_MEDIA_TYPE
from supervisor_app.execution import Outcome
from supervisor_app.form_parts import FORM, form_parts
from supervisor_app.request_input import RequestBody
from supervisor_app.supervisor import Supervisor
from wasmiot_td.own_address import WILDCARDS

JSON = "application/json"
_encode = json.JSONEncoder(ensure_ascii=False).encode


def json_text(value: Any) -> str:
    """Return a value as JSON; a number, which most calls give, without making an encoder."""
    return str(value) if type(value) is int else _encode(value)


def supervisor() -> Supervisor:
    """Return the supervisor of the current application."""
    found: Supervisor = current_app.extensions["supervisor"]
    return found


def device_base() -> str:
    """Return the device's address as the client reaches it, with a slash at the end.

    Where the device listens on every address, it is the one that was asked.
    """
    settings = supervisor().settings
    if settings.host in WILDCARDS and not settings.public_url:
        return request.host_url
    return supervisor().base


def installation_base(slug: str) -> str:
    """Return the address of an installation, with a slash at the end."""
    return f"{device_base()}deployments/{slug}/"


def json_response(document: Any, media_type: str = JSON, status: int = 200) -> Response:
    """Return a document as a response."""
    return Response(json_text(document), status, content_type=media_type)


def td_response(document: Any) -> Response:
    """Return a Thing Description; 304 where the client has it already (RFC 9110, clause 13)."""
    response = json_response(document, TD_MEDIA_TYPE)
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:16])
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    if response.status_code == 412:
        raise PreconditionFailed("the description is another one by now")
    return response


def outcome_response(outcome: Outcome) -> Response:
    """Return what an operation gave: a value, a file, or nothing."""
    if outcome.file is not None:
        return Response(outcome.file.read_bytes(), content_type=outcome.media_type)
    return json_response(outcome.value) if outcome.has_value else Response(status=204)


def request_body() -> RequestBody:
    """Return what came with the request."""
    asked = request._get_current_object()  # type: ignore[attr-defined] # each look costs a little
    query = asked.args.to_dict() if asked.query_string else {}
    if asked.mimetype != FORM:
        return RequestBody(asked.mimetype, asked.get_data(), query)
    return RequestBody(FORM, b"", query, form_parts(asked.headers["Content-Type"], asked.stream))
