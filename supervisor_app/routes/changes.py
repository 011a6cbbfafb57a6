"""Changes told as they come: a stream of events, or one change by long poll.

A stream is what `Accept: text/event-stream` asks for; anything else is a long poll: JSON that
comes when there is something to tell, with blanks before it, by which a client that has gone is
noticed. HEAD answers at once, for clients that try the form first (node-wot).

Source: W3C WoT Profile, HTTP SSE Profile; HTML, clause 9.2 (server-sent events).
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from flask import Response, request

from supervisor_app.installation import Operation
from supervisor_app.observations import Change, Subscription
from supervisor_app.routes.context import JSON, supervisor
from supervisor_app.thing_forms import EVENT_STREAM
from wasmiot_td.problem import ProblemError
from wasmiot_td.serving import stopping

ALIVE_SECONDS = 5.0
"""How often a client that has nothing to be told is written to."""

_LOOK_SECONDS = 0.25
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
    stack = ExitStack()
    observations = supervisor().observations
    subscription = stack.enter_context(observations.subscribed(operations, _last_told()))
    body = _stream(subscription) if wants_stream() else _poll(subscription)
    content_type = EVENT_STREAM if wants_stream() else JSON
    response = Response(body, content_type=content_type, headers=_NO_CACHE)
    response.call_on_close(stack.close)
    return response


def _last_told() -> int | None:
    given = request.headers.get("Last-Event-ID", "")
    return int(given) if given.isdecimal() and len(given) < 20 else None


def _stream(subscription: Subscription) -> Iterator[str]:
    yield "retry: 1000\n: subscribed\n\n"
    for change in _changes(subscription):
        if change is None:
            yield ": alive\n\n"
        else:
            yield f"event: {change.name}\nid: {change.number}\ndata: {change.data}\n\n"


def _poll(subscription: Subscription) -> Iterator[str]:
    for change in _changes(subscription):
        if change is not None:
            yield change.data
            return
        yield " "


def _changes(subscription: Subscription) -> Iterator[Change | None]:
    """Return the changes until the server stops, with None where a client is to be tried."""
    waited = 0.0
    while not stopping.is_set():
        change = subscription.next(_LOOK_SECONDS)
        waited += _LOOK_SECONDS
        if change is not None or waited >= ALIVE_SECONDS:
            waited = 0.0
            yield change
