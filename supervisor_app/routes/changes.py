"""Changes told as they come: a stream of events, or one change by long poll.

A stream is what `Accept: text/event-stream` asks for; anything else is a long poll, whose answer
begins when there is something to tell: a client may take the next one from the head of an answer
(node-wot). After a while the poll of a property is answered with its value, changed or not. An
event that does not come cannot be told: blanks go before it then, by which a client that has gone
is noticed. HEAD answers at once, for clients that try the form first (node-wot).

Source: W3C WoT Profile, HTTP SSE Profile; HTML, clause 9.2 (server-sent events).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

from flask import Response, request

from supervisor_app.installation import Operation
from supervisor_app.observations import Change, Subscription
from supervisor_app.routes.context import JSON, supervisor
from supervisor_app.thing_forms import EVENT_STREAM
from wasmiot_td.problem import ProblemError
from wasmiot_td.server_sent_events import MISSED
from wasmiot_td.serving import stopping

ALIVE_SECONDS = 5.0
"""How often a client that has nothing to be told is written to."""

VALUE_SECONDS = 60.0
"""After which the poll of a property is answered with the value that it had before."""

EVENT_SECONDS = 300.0
"""After which the poll of what has no value is answered with blanks, until there is something."""

LEAST_SECONDS = 0.5
"""For how long a poll is left alone when somebody else wants its place."""

_LOOK_SECONDS = 0.25
_IsSought = Callable[[], bool]
"""Says whether somebody waits for a place, so that whoever has one is tried at once."""

_NO_CACHE = {"Cache-Control": "no-store"}


def wants_stream() -> bool:
    """Say whether the client asks for a stream of events."""
    return EVENT_STREAM in request.headers.get("Accept", "")


def change_response(operations: Sequence[Operation]) -> Response:
    """Answer with the changes of some operations.

    Raises:
        ProblemError: 404 if none of them is told of, 503 if too many ask already.
    """
    if not operations:
        raise ProblemError(404, "Nothing to observe", "nothing here tells of its changes")
    if request.method == "HEAD":
        return Response(content_type=EVENT_STREAM if wants_stream() else JSON)
    if not wants_stream():
        return _polled(operations)
    stack, observations = ExitStack(), supervisor().observations
    subscription = stack.enter_context(observations.subscribed(operations, _last_told()))
    body = _stream(subscription, observations.is_sought)
    response = Response(body, content_type=EVENT_STREAM, headers=_NO_CACHE)
    response.call_on_close(stack.close)
    return response


def _polled(operations: Sequence[Operation]) -> Response:
    """Answer a long poll when there is something to tell, or it has waited for long enough."""
    observations = supervisor().observations
    after, leave = _place(operations)
    known = observations.newest(operations) if after is None else after
    with ExitStack() as stack:
        with _left_on_refusal(leave, known):
            subscription = stack.enter_context(observations.subscribed(operations, after))
        has_value = len(operations) == 1 and operations[0].kind == "properties"
        most = VALUE_SECONDS if has_value else EVENT_SECONDS
        change = _awaited(subscription, observations.is_sought, most)
        value = change.data if change else observations.value(operations[0]) if has_value else ""
        if value and not stopping.is_set():
            leave(change.number if change else known)
            return Response(value, content_type=JSON, headers=_NO_CACHE)
        body = _poll(subscription, observations.is_sought, known, leave)
        response = Response(body, content_type=JSON, headers=_NO_CACHE)
        response.call_on_close(stack.pop_all().close)
    return response


def _awaited(subscription: Subscription, is_sought: _IsSought, most: float) -> Change | None:
    """Return the first change; None after some seconds, or if somebody wants the place."""
    begin = time.monotonic()
    while not stopping.is_set() and (waited := time.monotonic() - begin) < most:
        change = subscription.next(_LOOK_SECONDS)
        if change is not None:
            return change
        if waited > LEAST_SECONDS and is_sought():
            break
    return None


def _place(operations: Sequence[Operation]) -> tuple[int | None, Callable[[int], None]]:
    """Return after which change a client's poll goes on, and what notes where it has got to."""
    names = tuple((o.slug, o.kind, o.name) for o in operations)
    client = (request.remote_addr, request.headers.get("User-Agent"), names)
    places = supervisor().poll_places
    told = _last_told()
    return places.resume(client) if told is None else told, partial(places.leave, client)


@contextmanager
def _left_on_refusal(leave: Callable[[int], None], known: int) -> Iterator[None]:
    try:
        yield
    except ProblemError:
        leave(known)
        raise


def _last_told() -> int | None:
    given = request.headers.get("Last-Event-ID", "")
    return int(given) if given.isdecimal() and len(given) < 20 else None


def _stream(subscription: Subscription, is_sought: _IsSought) -> Iterator[str]:
    """Yield the changes; first a place to come back to, for who hears nothing else.

    An id without data is no event (HTML, clause 9.2.6).
    """
    missed = f"event: {MISSED}\ndata: {{}}\n" if subscription.has_missed else ""
    yield f"retry: 1000\n: subscribed\n\n{missed}id: {subscription.place}\n\n"
    for change in _changes(subscription, is_sought):
        if change is None:
            yield ": alive\n\n"
        else:
            yield f"event: {change.name}\nid: {change.number}\ndata: {change.data}\n\n"


def _poll(
    subscription: Subscription, is_sought: _IsSought, told: int, leave: Callable[[int], None]
) -> Iterator[str]:
    try:
        for change in _changes(subscription, is_sought):
            if change is not None:
                yield change.data
                told = change.number
                return
            yield " "
    finally:  # also of a client that has gone away with nothing
        leave(told)


def _changes(subscription: Subscription, is_sought: _IsSought) -> Iterator[Change | None]:
    """Return the changes until the server stops, with None where a client is to be tried.

    One who is too slow to be told all of them sees the end, and may come back: what is kept comes
    first then, or the event `missed` where that is not all.
    """
    waited = 0.0
    while not stopping.is_set() and not subscription.is_lost:
        change = subscription.next(_LOOK_SECONDS)
        waited += _LOOK_SECONDS
        if change is not None or waited >= ALIVE_SECONDS or is_sought():
            waited = 0.0
            yield change
