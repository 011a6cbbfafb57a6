"""Events as they come, in a response that does not end: server-sent events."""

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import TypeVar

from flask import Response, request

from orchestrator_app.directory.events import Event, EventLog, MissedError
from orchestrator_app.services import services
from wasmiot_td.problem import ProblemError
from wasmiot_td.server_sent_events import MISSED
from wasmiot_td.serving import stopping

LOOK_SECONDS = 1.0
SILENCE_SECONDS = 15
UNTOLD_PLACES = 20
"""So many events that a stream does not carry go by before its listener is told the new place."""

LATE_SECONDS = 5.0
"""Whose connection ends after so long a wait for it to take an event has not left by itself."""

_EVENTS = "text/event-stream"
_FRESH = {"Cache-Control": "no-store"}

_log = logging.getLogger(__name__)

Change = TypeVar("Change")


def stream(
    log: EventLog[Change],
    text_of: Callable[[Event[Change]], str | None],
    silence_seconds: int = SILENCE_SECONDS,
) -> Response:
    """Answer with a stream of events; each holds a thread of the server, so only so many may be.

    Who reads too slowly for what is kept, or not at all, is dropped, and the log says so. Who
    comes back hears first what came after its `Last-Event-ID`, or, where that is not all there any
    more, the event `missed`. Everybody is told a place to come back to before anything happens,
    and again when events went by that this stream does not carry: an id without data, which is no
    event (HTML, clause 9.2.6). So who comes back misses nothing, whenever the connection broke.

    HEAD is answered at once, and takes no place.

    Args:
        log: where the events come from.
        text_of: the lines of an event, or None if this stream does not carry it.
        silence_seconds: after so much silence a comment is sent, which finds out who has gone.

    Raises:
        ProblemError: 503, too many listen.
    """
    if request.method == "HEAD":
        return Response(iter(()), content_type=_EVENTS, headers=_FRESH)  # of no length, as GET's
    parts = services()
    if not parts.streams.acquire(blocking=False):
        raise ProblemError(503, "Too many listeners", "Every stream is in use; try again later.")
    heard = request.headers.get("Last-Event-ID", "")
    number = log.position(heard)  # before the greeting: what goes in between ends the stream
    is_missed = heard != "" and not log.has_all_after(heard)
    greeting = (_missed(heard) if is_missed else "") + _place(log, number)
    lines = _lines(log, number, text_of, silence_seconds, greeting)
    response = Response(lines, content_type=_EVENTS, headers=_FRESH)
    place = ExitStack()  # given back once, however often the response is closed
    place.callback(parts.streams.release)
    response.call_on_close(place.close)
    return response


def _missed(heard: str) -> str:
    """Return the event that says that not all can be told again."""
    return f"event: {MISSED}\ndata: {json.dumps({'lastEventId': heard[:100]})}\n"


def _place(log: EventLog[Change], number: int) -> str:
    """Return the lines that tell a listener where to come back to."""
    return f"id: {log.identifier_at(number)}\n\n"


def _lines(
    log: EventLog[Change],
    number: int,
    text_of: Callable[[Event[Change]], str | None],
    silence_seconds: int,
    greeting: str,
) -> Iterator[str]:
    """Yield events as they come, and a comment now and then; end where some would be left out."""
    yield f": listening\n{greeting}"
    silence, told = 0, number
    while not stopping.is_set():
        try:
            events = log.after(number, LOOK_SECONDS)
        except MissedError as error:
            _log.warning("listener_dropped reason=%s", error)
            return
        number = events[-1].number if events else number
        carried = [(e.number, text) for e in events if (text := text_of(e)) is not None]
        texts = [text for _, text in carried]
        told = carried[-1][0] if carried else told
        if number - told >= UNTOLD_PLACES or (number > told and not events):
            told = number
            texts.append(_place(log, number))
        silence = 0 if texts else silence + 1
        yield from _taken(texts)
        if silence >= silence_seconds:
            silence = 0
            yield ":\n\n"


def _taken(texts: Iterable[str]) -> Iterator[str]:
    """Yield texts; tell of whoever did not take one for so long that the connection was ended."""
    for text in texts:
        began = time.monotonic()
        try:
            yield text
        except GeneratorExit:
            if time.monotonic() - began >= LATE_SECONDS:
                _log.warning("listener_dropped reason=%s", "it takes nothing any more")
            raise
