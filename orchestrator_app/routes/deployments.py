"""`/deployments`: composed applications as Things, by the HTTP Basic Profile."""

import json
import re
from typing import Any

from flask import Blueprint, Response, request

from orchestrator_app.access import guard
from orchestrator_app.certificates import certificate_of
from orchestrator_app.deployment.devices import Input
from orchestrator_app.deployment.events import EVENTS, DeploymentEvent
from orchestrator_app.deployment.execution import LONGEST_WAIT_SECONDS, OutputFile
from orchestrator_app.deployment.hops import Given
from orchestrator_app.deployment.installation import input_media_type
from orchestrator_app.directory.events import Event
from orchestrator_app.routes.event_stream import stream
from orchestrator_app.routes.representations import JSON_LD, TD, non_negative, represent
from orchestrator_app.services import services
from wasmiot_td import json_text
from wasmiot_td.access.declared import with_security
from wasmiot_td.call_context import CallContext
from wasmiot_td.data_schema import check_value
from wasmiot_td.errors import JsonSyntaxError
from wasmiot_td.problem import ProblemError
from wasmiot_td.report import Report

JSON = "application/json"
OCTETS = "application/octet-stream"
_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d+)")

blueprint = Blueprint("deployments", __name__)


@blueprint.get("/deployments")
def list_deployments() -> Response:
    """List the Thing Descriptions of all deployments."""
    records = services().deployments.records
    offset, limit = non_negative("offset", 0) or 0, non_negative("limit")
    found = records.list()[offset : None if limit is None else offset + limit]
    things = [with_security(records.thing(d), guard()) for d in found]
    return represent(things, JSON_LD)


@blueprint.get("/deployments/<slug>", strict_slashes=False)  # its TD's `base` ends with a slash
def read_deployment(slug: str) -> Response:
    """Give the Thing Description of a deployment."""
    deployments = services().deployments
    thing = deployments.records.thing(deployments.records.require(slug))
    return represent(with_security(thing, guard()), TD)


@blueprint.get("/deployments/<slug>/certificate")
def read_certificate(slug: str) -> Response:
    """Give the report of the policies about what is deployed."""
    certificate = certificate_of(services().store, slug)
    return Response(certificate, content_type="text/turtle; charset=utf-8")


@blueprint.delete("/deployments/<slug>")
def undeploy(slug: str) -> Response:
    """Take a deployment from its devices; 202 if some are away, and will be told later.

    `forget` names one that is away, by its id: it is awaited no longer.
    """
    device, deployments = request.args.get("forget"), services().deployments
    away = deployments.undeploy(slug) if device is None else deployments.give_up(slug, device)
    if not away:
        return Response(status=204)
    return represent({"state": "undeploying", "away": away}, JSON, status=202)


@blueprint.get("/deployments/<slug>/properties/state")
def read_state(slug: str) -> Response:
    """Give the state of a deployment."""
    return represent(services().deployments.records.require(slug).state, JSON)


@blueprint.get("/deployments/<slug>/properties/revision")
def read_revision(slug: str) -> Response:
    """Give the revision of a deployment."""
    return represent(services().deployments.records.require(slug).revision, JSON)


@blueprint.get("/deployments/<slug>/properties/placement")
def read_placement(slug: str) -> Response:
    """Give the device of each step, and who stands by."""
    return represent(services().deployments.placement(slug), JSON)


@blueprint.get("/deployments/<slug>/properties")
def read_all_properties(slug: str) -> Response:
    """Give all properties of a deployment."""
    deployed = services().deployments.records.require(slug)
    values = {"state": deployed.state, "revision": deployed.revision}
    return represent({**values, "placement": services().deployments.placement(slug)}, JSON)


@blueprint.post("/deployments/<slug>/actions/undeploy")
def invoke_undeploy(slug: str) -> Response:
    """Take a deployment from its devices; give those that are away."""
    return represent(services().deployments.undeploy(slug), JSON)


@blueprint.post("/deployments/<slug>/actions/rollback")
def invoke_rollback(slug: str) -> Response:
    """Return to an earlier revision; give the number of the new one."""
    deployments = services().deployments
    schema = deployments.records.require(slug).thing.document["actions"]["rollback"]["input"]
    given = _given(schema if request.get_data() else None)
    return represent(deployments.rollback(slug, given.value).revision, JSON)


@blueprint.get("/deployments/<slug>/events")
def all_events(slug: str) -> Response:
    """Stream every event of a deployment, each with its name."""
    return _stream(slug, "")


@blueprint.get("/deployments/<slug>/events/<name>")
def events_of_kind(slug: str, name: str) -> Response:
    """Stream one event of a deployment; its name is not repeated, as some clients want it."""
    if name not in EVENTS:
        detail = f"{name[:100]!r} is none of: {', '.join(EVENTS)}"
        raise ProblemError(404, "No such event", detail)
    return _stream(slug, name)


@blueprint.post("/deployments/<slug>/actions/execute")
def execute(slug: str) -> Response:
    """Begin an execution; one with an `Idempotency-Key` begins once.

    With `Prefer: wait=N` the answer comes when it has ended, or after N seconds.
    """
    given, executions, seconds = _given_to_sources(slug), services().executions, _wait_seconds()
    invocation, status = executions.start(slug, given, *_context())
    if seconds is not None:
        status = executions.status(slug, invocation, seconds)
    document = _with_href(slug, invocation, status)
    headers = {"Location": document["href"]}
    if seconds is not None:
        headers["Preference-Applied"] = f"wait={seconds:g}"
    return represent(document, JSON, status=201, headers=headers)


@blueprint.post("/deployments/<slug>/actions/run")
def run(slug: str) -> Response:
    """Execute and answer with the result itself: JSON, a file, or nothing."""
    result = services().executions.run(slug, _given_to_sources(slug), *_context())
    if isinstance(result, OutputFile):
        return Response(result.content, content_type=result.content_type)
    return Response(status=204) if result is None else represent(result, JSON)


@blueprint.get("/deployments/<slug>/actions/execute/<invocation>")
def read_execution(slug: str, invocation: str) -> Response:
    """Give the status of an execution; with `Prefer: wait=N` when it ends, or after N seconds."""
    status = services().executions.status(slug, invocation, _wait_seconds() or 0.0)
    return represent(_with_href(slug, invocation, status), JSON)


@blueprint.delete("/deployments/<slug>/actions/execute/<invocation>")
def cancel_execution(slug: str, invocation: str) -> Response:
    """Cancel an execution; its status then says so."""
    services().executions.cancel(slug, invocation)
    return Response(status=204)


@blueprint.get("/deployments/<slug>/actions/execute")
def list_executions(slug: str) -> Response:
    """List the executions that are kept, newest first."""
    return represent(_all(slug), JSON)


@blueprint.get("/deployments/<slug>/actions")
def list_all_actions(slug: str) -> Response:
    """List the executions that are kept, by the name of the action."""
    return represent({"execute": _all(slug)}, JSON)


def _stream(slug: str, name: str) -> Response:
    services().deployments.records.require(slug)
    log = services().deployment_events.log

    def text_of(event: Event[DeploymentEvent]) -> str | None:
        if event.change.slug != slug or name not in ("", event.change.kind):
            return None
        field = "" if name else f"event: {event.change.kind}\n"
        data = json.dumps(event.change.data, ensure_ascii=False)
        return f"{field}id: {log.identifier(event)}\ndata: {data}\n\n"

    return stream(log, text_of)


def _all(slug: str) -> list[dict[str, Any]]:
    found = services().executions.statuses(slug)
    return [_with_href(slug, invocation, status) for invocation, status in found]


def _with_href(slug: str, invocation: str, status: dict[str, Any]) -> dict[str, Any]:
    base = services().deployments.records.base(slug)
    return {"href": f"{base}actions/execute/{invocation}", **status}


def _wait_seconds() -> float | None:
    """Return how long the client would wait for the end (RFC 7240, clause 4.3)."""
    wait = _WAIT.search(request.headers.get("Prefer", ""))
    return min(float(wait[1][:6]), LONGEST_WAIT_SECONDS) if wait else None


def _context() -> tuple[str, str]:
    """Return the caller's span, and what makes the execution run once."""
    context = CallContext.of(request.headers.get)
    return context.traceparent, context.key


def _given_to_sources(slug: str) -> Given:
    """Return the input of an execution; a form of files, where several sources take one."""
    deployed = services().deployments.records.require(slug)
    schema = deployed.thing.document["actions"]["execute"].get("input")
    if request.mimetype != "multipart/form-data" or len(deployed.graph.takers) < 2:
        return Given(_given(schema))
    parts = {name: _part(text.encode(), JSON) for name, text in request.form.items()}
    parts |= {name: _part(f.read(), f.content_type or OCTETS) for name, f in request.files.items()}
    missing = [name for name in schema.get("required", ()) if name not in parts]
    if missing:
        raise ProblemError(422, "Input not acceptable", f"no part for {', '.join(missing)}")
    return Given(Input(), parts)


def _part(content: bytes, content_type: str) -> Input:
    if content_type == JSON:
        return Input(value=json_text.parse(content).value)
    return Input(body=content, content_type=content_type)


def _given(schema: dict[str, Any] | None) -> Input:
    """Return the input, JSON checked against its schema; a file goes on as it came."""
    content = request.get_data()
    if content and request.mimetype not in (JSON, "") and not _is_json_taken(schema):
        return Input(body=content, content_type=request.content_type)
    value = _parsed(content) if content else None
    if schema is not None and "contentMediaType" not in schema:
        findings = check_value(value, schema)
        if findings:
            errors = Report.of(findings).to_validation_errors()
            detail = "; ".join(str(f) for f in findings)[:2000]
            raise ProblemError(422, "Input not acceptable", detail, validationErrors=errors)
    return Input(value=value)


def _is_json_taken(schema: dict[str, Any] | None) -> bool:
    return schema is not None and input_media_type(schema) == JSON


def _parsed(content: bytes) -> Any:
    """Return JSON, whatever it is said to be: some clients say nothing better by default."""
    try:
        return json_text.parse(content).value
    except JsonSyntaxError as error:
        if request.mimetype in (JSON, ""):
            raise
        detail = f"{JSON} is taken here, and {request.mimetype} came"
        raise ProblemError(415, "Unsupported Media Type", detail) from error
