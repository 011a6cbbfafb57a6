"""Actions that functions stand behind (W3C WoT Profile, HTTP Basic Profile, clause 6.3)."""

import re

from flask import Blueprint, Response, request

from supervisor_app.execution import Inputs
from supervisor_app.fingerprint import fingerprint
from supervisor_app.installation import Operation
from supervisor_app.parts import inputs_of_parts, part_of
from supervisor_app.request_input import inputs_of
from supervisor_app.routes.context import (
    installation_base,
    json_response,
    outcome_response,
    request_body,
    supervisor,
)
from supervisor_app.statuses import Status
from wasmiot_td.call_context import INPUT, CallContext, input_name
from wasmiot_td.problem import ProblemError

blueprint = Blueprint("actions", __name__, url_prefix="/deployments/<slug>/actions")
_WAIT = re.compile(r"(?:^|[,;])\s*wait=(\d{1,4})")


@blueprint.post("/<name>")
def invoke(slug: str, name: str) -> Response:
    """Invoke an action: with its output at once, or with the status to ask for it later."""
    device = supervisor()
    operation = device.operation(slug, "actions", name)
    part_name = input_name(request.headers.get)
    if not part_name:
        inputs = inputs_of(operation, request_body())
    elif operation.is_join:
        part = part_of(operation, part_name, request_body())
        return _accepted(slug, device.joins.accept(operation, part, _context()))
    else:
        inputs = inputs_of_parts(operation, [part_of(operation, part_name, request_body())])
    if not operation.is_synchronous:
        return _accept(slug, operation, inputs)
    if _context().key:
        return _answered_once(slug, operation, inputs)
    with device.run_now(operation, inputs) as outcome:
        return outcome_response(outcome)


@blueprint.get("")
def every(slug: str) -> Response:
    """Return the statuses of all invocations by action, the newest first."""
    installation = supervisor().installations.get(slug)
    base = installation_base(slug)
    found: dict[str, list[dict[str, object]]] = {
        name: [] for kind, name in installation.operations if kind == "actions"
    }
    for status in supervisor().invocations.statuses_of(slug):
        found.setdefault(status.action, []).append(status.to_document(base))
    return json_response(found)


@blueprint.get("/<name>/<invocation>")
def query(slug: str, name: str, invocation: str) -> Response:
    """Return the status of an invocation; with `Prefer: wait=N` at its end, or after N seconds."""
    status = _status(slug, name, invocation, _wait_seconds() or 0.0)
    return json_response(status.to_document(installation_base(slug)))


@blueprint.delete("/<name>/<invocation>")
def cancel(slug: str, name: str, invocation: str) -> Response:
    """Stop an invocation and what it has begun elsewhere; one that has ended is forgotten."""
    supervisor().cancel(_status(slug, name, invocation))
    return Response(status=204)


@blueprint.get("/<name>/<invocation>/output")
def output(slug: str, name: str, invocation: str) -> Response:
    """Return the output file of an invocation."""
    status = _status(slug, name, invocation)
    if not status.file_media_type:
        raise ProblemError(404, "No output file", "the invocation has no output file")
    content = supervisor().statuses.output_path(status.id).read_bytes()
    return Response(content, content_type=status.file_media_type)


def _accept(slug: str, operation: Operation, inputs: Inputs) -> Response:
    return _accepted(slug, _submitted(slug, operation, inputs))


def _submitted(slug: str, operation: Operation, inputs: Inputs) -> Status:
    """Return the invocation of a call, which is an earlier one where it has the same key.

    What comes from another step counts once, whatever comes of that step when it is done again.

    Raises:
        ProblemError: 422, its key came with another input before.
    """
    status = supervisor().invocations.submit(slug, operation, inputs, _context())
    known = status.fingerprint
    if INPUT not in request.headers and known and known != fingerprint(inputs):
        detail = f"it came with another input, and began {status.id}; take another key"
        raise ProblemError(422, "Idempotency-Key is already used", detail)
    return status


def _answered_once(slug: str, operation: Operation, inputs: Inputs) -> Response:
    """Run a call that has a key, if it was not run before, and answer with what came of it."""
    invocations, status = supervisor().invocations, _submitted(slug, operation, inputs)
    seconds = supervisor().settings.call_seconds
    status = invocations.status_at_end(slug, operation.name, status.id, seconds) or status
    if not status.is_ended:
        raise ProblemError(503, "Busy", "the call has not ended; ask again, with the same key")
    if status.file_media_type:
        return output(slug, operation.name, status.id)
    if "error" in status.members:
        raise ProblemError(**status.members["error"])
    has_output = "output" in status.members
    return json_response(status.members["output"]) if has_output else Response(status=204)


def _context() -> CallContext:
    return CallContext.of(request.headers.get)


def _accepted(slug: str, status: Status) -> Response:
    invocations, seconds = supervisor().invocations, _wait_seconds()
    if seconds is not None:
        status = invocations.status_at_end(slug, status.action, status.id, seconds) or status
    document = status.to_document(installation_base(slug))
    response = json_response(document, status=201)
    response.headers["Location"] = str(document["href"])
    if seconds is not None:
        response.headers["Preference-Applied"] = f"wait={seconds:g}"
    return response


def _wait_seconds() -> float | None:
    """Return how long the client would wait for the end (RFC 7240, clause 4.3)."""
    preferred = _WAIT.search(request.headers.get("Prefer", ""))
    return min(float(preferred[1]), supervisor().settings.call_seconds) if preferred else None


def _status(slug: str, name: str, invocation: str, seconds: float = 0.0) -> Status:
    supervisor().operation(slug, "actions", name)
    status = supervisor().invocations.status_at_end(slug, name, invocation, seconds)
    if status is None:
        raise ProblemError(404, "No such invocation", f"{name} has no invocation {invocation!r}")
    return status
