"""What every route needs: the supervisor, the addresses, the body of a request."""

from typing import Any

from flask import Response, current_app, json, request

from supervisor_app.execution import Outcome
from supervisor_app.request_input import FilePart, RequestBody
from supervisor_app.supervisor import Supervisor

JSON = "application/json"
_WILDCARDS = frozenset({"0.0.0.0", "::"})


def supervisor() -> Supervisor:
    """Return the supervisor of the current application."""
    found: Supervisor = current_app.extensions["supervisor"]
    return found


def device_base() -> str:
    """Return the device's address as the client reaches it, with a slash at the end.

    Where the device listens on every address, it is the one that was asked.
    """
    settings = supervisor().settings
    if settings.host in _WILDCARDS and not settings.public_url:
        return request.host_url
    return supervisor().base


def installation_base(slug: str) -> str:
    """Return the address of an installation, with a slash at the end."""
    return f"{device_base()}deployments/{slug}/"


def json_response(document: Any, media_type: str = JSON, status: int = 200) -> Response:
    """Return a document as a response."""
    return Response(json.dumps(document, ensure_ascii=False), status, content_type=media_type)


def outcome_response(outcome: Outcome) -> Response:
    """Return what an operation gave: a value, a file, or nothing."""
    if outcome.file is not None:
        return Response(outcome.file.read_bytes(), content_type=outcome.media_type)
    return json_response(outcome.value) if outcome.has_value else Response(status=204)


def request_body() -> RequestBody:
    """Return what came with the request."""
    files = [
        FilePart(name, part.filename or "", part.mimetype, part.read())
        for name, part in request.files.items(multi=True)
    ]
    is_form = request.mimetype == "multipart/form-data"
    return RequestBody(
        media_type=request.mimetype,
        content=b"" if is_form else request.get_data(),
        query=request.args.to_dict(),
        fields=request.form.to_dict() if is_form else {},
        files=files,
    )
