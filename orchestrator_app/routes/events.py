"""`/events`: changes of the directory as server-sent events."""

import json
from collections.abc import Iterator
from contextlib import ExitStack

from flask import Blueprint, Response, request

from orchestrator_app.directory.events import EVENT_TYPES, Event, EventLog
from orchestrator_app.services import services
from wasmiot_td.problem import ProblemError
from wasmiot_td.serving import stopping

LOOK_SECONDS = 1.0
SILENCE_SECONDS = 15

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
    """Answer with a stream; each holds a thread of the server, so half of them at most."""
    parts = services()
    if not parts.streams.acquire(blocking=False):
        raise ProblemError(503, "Too many listeners", "Every stream is in use; try again later.")
    log, start = parts.events, parts.events.position(request.headers.get("Last-Event-ID"))
    lines = _lines(log, start, types, request.args.get("diff") == "true")
    response = Response(lines, content_type="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    place = ExitStack()  # given back once, however often the response is closed
    place.callback(parts.streams.release)
    response.call_on_close(place.close)
    return response


def _lines(log: EventLog, number: int, types: tuple[str, ...], is_diff: bool) -> Iterator[str]:
    """Yield events as they come, and a comment now and then, which finds out who has gone."""
    yield ": the directory is listening\n\n"
    silence = 0
    while not stopping.is_set():
        events = log.after(number, LOOK_SECONDS)
        number = events[-1].number if events else number
        wanted = [event for event in events if event.change.kind in types]
        silence = 0 if wanted else silence + 1
        yield from (_text(log, event, is_diff) for event in wanted)
        if silence >= SILENCE_SECONDS:
            silence = 0
            yield ":\n\n"


def _text(log: EventLog, event: Event, is_diff: bool) -> str:
    data = json.dumps(event.change.data(is_diff), ensure_ascii=False)
    return f"event: {event.change.kind}\nid: {log.identifier(event)}\ndata: {data}\n\n"
