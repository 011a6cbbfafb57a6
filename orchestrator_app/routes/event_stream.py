"""Events as they come, in a response that does not end: server-sent events."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TypeVar

from flask import Response, request

from orchestrator_app.directory.events import Event, EventLog
from orchestrator_app.services import services
from wasmiot_td.problem import ProblemError
from wasmiot_td.serving import stopping

LOOK_SECONDS = 1.0
SILENCE_SECONDS = 15
_EVENTS = "text/event-stream"
_FRESH = {"Cache-Control": "no-store"}

Change = TypeVar("Change")


def stream(
    log: EventLog[Change],
    text_of: Callable[[Event[Change]], str | None],
    silence_seconds: int = SILENCE_SECONDS,
) -> Response:
    """Answer with a stream of events; each holds a thread of the server, so half of them at most.

    HEAD is answered at once, and takes no place.

    Args:
        log: where the events come from.
        text_of: the lines of an event, or None if this stream does not carry it.
        silence_seconds: after so much silence a comment is sent, which finds out who has gone.

    Raises:
        ProblemError: 503, too many listen.
    """
    if request.method == "HEAD":
        return Response(content_type=_EVENTS, headers=_FRESH)
    parts = services()
    if not parts.streams.acquire(blocking=False):
        raise ProblemError(503, "Too many listeners", "Every stream is in use; try again later.")
    start = log.position(request.headers.get("Last-Event-ID"))
    lines = _lines(log, start, text_of, silence_seconds)
    response = Response(lines, content_type=_EVENTS, headers=_FRESH)
    place = ExitStack()  # given back once, however often the response is closed
    place.callback(parts.streams.release)
    response.call_on_close(place.close)
    return response


def _lines(
    log: EventLog[Change],
    number: int,
    text_of: Callable[[Event[Change]], str | None],
    silence_seconds: int,
) -> Iterator[str]:
    """Yield events as they come, and a comment now and then."""
    yield ": listening\n\n"
    silence = 0
    while not stopping.is_set():
        events = log.after(number, LOOK_SECONDS)
        number = events[-1].number if events else number
        texts = [text for event in events if (text := text_of(event)) is not None]
        silence = 0 if texts else silence + 1
        yield from texts
        if silence >= silence_seconds:
            silence = 0
            yield ":\n\n"
