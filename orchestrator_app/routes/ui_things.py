"""`/ui/thing`: a Thing as a page, its affordances as forms that use the Thing itself."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, request

from orchestrator_app.services import services
from orchestrator_app.store import StoredDocument
from orchestrator_app.ui.affordances import affordances_of, is_of, written_schema
from orchestrator_app.ui.input_fields import FieldError, fields_of, value_of
from orchestrator_app.ui.page import page, pages
from orchestrator_app.ui.results import Shown, problem, shown
from orchestrator_app.ui.sending import Upload, input_of
from orchestrator_app.ui.topology import steps_of
from wasmiot_td.consumed_thing import ConsumedThing
from wasmiot_td.models.action_status import ActionStatus
from wasmiot_td.problem import ProblemError

KINDS = ("thing", "installation")
WAIT_SECONDS = 0.5

blueprint = pages("ui_things")


@blueprint.get("/thing")
def show() -> Response:
    """Show a Thing with its affordances."""
    stored = _required()
    return page(
        "thing.html",
        title=stored.document.get("title", stored.id),
        td=stored.document,
        kind=stored.kind,
        runs=[step for step in deployed_steps() if step["device"] == stored.id],
        registration=stored.registration,
        affordances=affordances_of(stored.document),
    )


@blueprint.post("/thing/read")
def read() -> Response:
    """Read a property."""
    thing, name = _consumed(), request.args.get("name", "")
    variables = _variables(thing.td, "properties", name)
    return _result(name, lambda: shown(thing.read_property(name, **variables)))


@blueprint.post("/thing/write")
def write() -> Response:
    """Write a property with what was filled in."""
    thing, name = _consumed(), request.args.get("name", "")
    schema = thing.td.get("properties", {}).get(name)

    def written() -> Shown:
        thing.write_property(name, input_of(schema, request.form, uploads()).value)
        return Shown("nothing", "Written.")

    return _result(name, written)


@blueprint.post("/thing/invoke")
def invoke() -> Response:
    """Invoke an action with what was filled in; one that goes on is followed."""
    stored, name = _required(), request.args.get("name", "")
    thing, found = _consumed(stored), stored.document.get("actions", {}).get(name, {})
    try:
        given = input_of(written_schema("actions", found), request.form, uploads())
        outcome = thing.invoke_action(
            name,
            given.value,
            body=given.body,
            content_type=given.content_type,
            **_variables(thing.td, "actions", name),
        )
    except FieldError as error:
        return page("result.html", title=name, status=422, result=problem("Not sent", str(error)))
    if isinstance(outcome, ActionStatus):
        return _status(stored, outcome)
    return page("result.html", title=name, result=shown(outcome))


@blueprint.get("/thing/status")
def status() -> Response:
    """Show how an invocation stands."""
    stored = _required()
    return _status(stored, _consumed(stored).query_action(_own_url(stored)))


def deployed_steps() -> list[dict[str, str]]:
    """Return what runs where, for pages that say so."""
    found = services().deployments.records.list()
    return steps_of((d.thing.document, d.state, d.installations) for d in found)


def _status(stored: StoredDocument, found: ActionStatus) -> Response:
    result = None
    if found.error:
        result = problem(
            str(found.error.get("title", "Failed")), str(found.error.get("detail", ""))
        )
    elif found.output_url:
        content, media_type = _consumed(stored).fetch_output(found.output_url)
        result = shown(content, media_type)
    elif found.is_ended:
        result = shown(found.output)
    return page("status.html", title="Invocation", status_=found, id=stored.id, result=result)


def _result(name: str, use: Callable[[], Shown]) -> Response:
    try:
        return page("result.html", title=name, result=use())
    except FieldError as error:
        return page("result.html", title=name, status=422, result=problem("Not sent", str(error)))


def _required() -> StoredDocument:
    thing_id = request.args.get("id", "")
    stored = services().store.get(thing_id) if thing_id else None
    if stored is None or stored.kind not in KINDS:
        raise ProblemError(404, "Unknown Thing", f"no Thing here has the id {thing_id[:200]!r}")
    return stored


def _consumed(stored: StoredDocument | None = None) -> ConsumedThing:
    return ConsumedThing((stored or _required()).document, services().transport)


def _own_url(stored: StoredDocument) -> str:
    url = request.args.get("href", "")
    if not is_of(stored.document, url):
        raise ProblemError(403, "Not an address of this Thing", f"{url[:200]!r} is elsewhere")
    return url


def _variables(td: Mapping[str, Any], kind: str, name: str) -> dict[str, Any]:
    wanted = td.get(kind, {}).get(name, {}).get("uriVariables", {})
    schema = {"type": "object", "properties": wanted} if wanted else None
    typed = {n: request.form.get(f"variable.{n}", "") for n in wanted}
    return dict(value_of(fields_of(schema), typed, schema) or {})


def uploads() -> dict[str, Upload]:
    """Return the files that came with a form, by field."""
    found = request.files.items()
    return {name: (f.read(), f.mimetype or "application/octet-stream") for name, f in found}
