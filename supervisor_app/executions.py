"""Executions that this device started by itself: each has a key, and only so many go on at once.

An execution goes on while one of its invocations does, on whatever device: their statuses say
where the outputs went. Nobody looks while there is room for another, unless somebody asks.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from supervisor_app.execution import Outcome
from supervisor_app.references import Reference
from supervisor_app.targets import Targets
from wasmiot_td.call_context import CallContext, new_traceparent
from wasmiot_td.consumed_thing import ConsumedThing, Transport
from wasmiot_td.errors import InteractionError
from wasmiot_td.models.action_status import ActionStatus
from wasmiot_td.request_id import current_request_id

MOST_AT_ONCE = 4
"""How many executions of one installation a trigger may have under way."""

MOST_LOOKS = 256
_log = logging.getLogger(__name__)


class Executions:
    """What the triggers of this device have started."""

    def __init__(self, targets: Targets, transport: Transport) -> None:
        self._targets = targets
        self._transport = transport
        self._lock = threading.Lock()
        self._going: dict[str, dict[str, set[str]]] = {}

    def start(self, slug: str, feeds: Sequence[Reference], outcome: Outcome) -> bool:
        """Start an execution, and say whether there was room for it.

        Raises:
            InteractionError: an action could not be invoked; the others were.
        """
        if self.count(slug) >= MOST_AT_ONCE and self.look(slug) >= MOST_AT_ONCE:
            return False
        request_id = current_request_id()
        context = CallContext(uuid.uuid4().hex, new_traceparent(request_id), request_id)
        begun: set[str] = set()
        error: InteractionError | None = None
        for feed in feeds:
            try:
                answer = self._targets.send(feed, outcome, context)
            except InteractionError as failure:
                error = failure
            else:
                begun |= _hrefs([answer])
        if begun:
            with self._lock:
                self._going.setdefault(slug, {})[context.key] = begun
        _log.info("execution_started slug=%s key=%s", slug, context.key)
        if error is not None:
            raise error
        return True

    def count(self, slug: str) -> int:
        """Return how many executions went on when they were last looked at."""
        return len(self._going.get(slug, ()))

    def forget(self, slug: str) -> None:
        """Look after the executions of an installation no more."""
        with self._lock:
            self._going.pop(slug, None)

    def look(self, slug: str) -> int:
        """Look how the executions of an installation stand, and return how many go on."""
        with self._lock:
            before = dict(self._going.get(slug, {}))
        after = {key: still_going(hrefs, self._transport) for key, hrefs in before.items()}
        with self._lock:
            kept = self._going.get(slug, {})
            for key in after.keys() & kept.keys():
                kept[key] = after[key]
                if not after[key]:
                    del kept[key]
            return len(kept)


def still_going(hrefs: Iterable[str], transport: Transport) -> set[str]:
    """Return the statuses that are the front of an execution: those that have not ended.

    Who cannot be asked is taken to have ended.
    """
    thing, going = ConsumedThing({}, transport), set[str]()

    def look(href: str) -> Iterable[str]:
        try:
            status = thing.query_action(href)
        except InteractionError:
            return ()
        if status.is_ended:
            return onward(status)
        going.add(href)
        return ()

    follow(hrefs, look)
    return going


def follow(hrefs: Iterable[str], look: Callable[[str], Iterable[str]]) -> None:
    """Look at each status once, and at those that it leads to, but at no more than so many."""
    waiting, seen = list(hrefs), set[str]()
    while waiting and len(seen) < MOST_LOOKS:
        href = waiting.pop()
        if href not in seen:
            seen.add(href)
            waiting += look(href)


def onward(status: ActionStatus) -> set[str]:
    """Return the statuses of the invocations that an output went to."""
    several = {begun.href for begun in status.result_urls if begun.href}
    return several | ({status.result_url} if status.result_url else set())


def _hrefs(answers: Iterable[Any]) -> set[str]:
    return {a.href for a in answers if isinstance(a, ActionStatus) and a.href}
