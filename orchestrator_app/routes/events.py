"""`/events`: changes of the directory as server-sent events."""

import json
from functools import partial

from flask import Blueprint, Response, request

from orchestrator_app.directory.events import EVENT_TYPES, DirectoryChange, Event, EventLog
from orchestrator_app.routes.event_stream import stream
from orchestrator_app.services import services
from wasmiot_td.problem import ProblemError

blueprint = Blueprint("events", __name__)


@blueprint.get("/events")
def all_events() -> Response:
    """Stream every change."""
    return _stream(EVENT_TYPES)


@blueprint.get("/events/<event_type>")
def events_of_type(event_type: str) -> Response:
    """Stream the changes of one type."""
    if event_type not in EVENT_TYPES:
        detail = f"{event_type[:100]!r} is none of: {', '.join(EVENT_TYPES)}"
        raise ProblemError(404, "No such event", detail)
    return _stream((event_type,))


def _stream(types: tuple[str, ...]) -> Response:
    log, is_diff = services().events, request.args.get("diff") == "true"
    return stream(log, partial(_text, log, types, is_diff))


def _text(
    log: EventLog[DirectoryChange],
    types: tuple[str, ...],
    is_diff: bool,
    event: Event[DirectoryChange],
) -> str | None:
    if event.change.kind not in types:
        return None
    data = json.dumps(event.change.data(is_diff), ensure_ascii=False)
    return f"event: {event.change.kind}\nid: {log.identifier(event)}\ndata: {data}\n\n"
