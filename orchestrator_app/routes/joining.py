"""`/join`: devices that come with a token, once, and are known by their keys afterwards."""

from flask import Blueprint, Response, request

from orchestrator_app.devices_by_key import admit_device
from orchestrator_app.routes.representations import JSON, represent
from orchestrator_app.services import services
from wasmiot_td import json_text
from wasmiot_td.access.joining import MAX_REQUEST_BYTES
from wasmiot_td.problem import ProblemError

blueprint = Blueprint("joining", __name__)


@blueprint.post("/join")
def join() -> Response:
    """Let a device join that proves to know a join token; the token is used up."""
    content = request.stream.read(MAX_REQUEST_BYTES + 1)
    if len(content) > MAX_REQUEST_BYTES:
        raise ProblemError(413, "Content Too Large", f"at most {MAX_REQUEST_BYTES} bytes")
    return represent(admit_device(services(), json_text.parse(content).value), JSON)


@blueprint.get("/join/revoked")
def list_revoked() -> Response:
    """List the keys that count no more, whatever was granted to them."""
    return represent(sorted(services().guard.known.revoked), JSON)
