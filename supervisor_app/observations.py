"""What changes in the Things of this device, told to those who asked for it.

A function says what is so, not when it changes: while somebody asks, one thread for each watched
affordance calls its function again and again, and tells of each value that differs from the one
before. Nobody asks, nothing runs. Each one who asks holds a thread of the server, so only so many
may.
"""

import itertools
import json
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from supervisor_app.installation import Operation
from wasmiot_td.problem import ProblemError

LINGER_SECONDS = 5.0
"""How long an affordance stays watched after the last one has left: who comes back soon, as a
long poll does, misses nothing."""

PLACE_SECONDS = 1.0
"""How long one who finds no place waits for it, while those who have one are written to: who has
gone away is noticed by that. The next who comes meanwhile is refused at once."""

_KEPT_CHANGES = 64
_KEPT_CHARACTERS = 4 * 1024 * 1024
_MAX_PENDING = 256
_MAX_PENDING_CHARACTERS = 8 * 1024 * 1024
_FIRST_VALUE_SECONDS = 10.0
_UNKNOWN = object()
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Change:
    """A new value of an affordance; numbers only grow, over restarts too."""

    number: int
    name: str
    data: str
    """The value as JSON."""


class Subscription:
    """The changes that one who asked has not been told yet.

    Attributes:
        is_lost: whether there was no room for one of them: then the rest is worth nothing.
        has_missed: whether there may have been changes, after the last one that was told, of
            which nothing is known any more.
        place: the number after which the changes come; who comes back with it misses nothing.
    """

    def __init__(self, place: int) -> None:
        self.place = place
        self.is_lost = False
        self.has_missed = False
        self._changes: queue.Queue[Change] = queue.Queue(_MAX_PENDING)
        self._characters = 0
        self._lock = threading.Lock()

    def add(self, change: Change) -> None:
        """Note a change; who does not listen for so long that there is no room is dropped."""
        if self.is_lost:
            return
        with self._lock:
            has_room = self._characters <= _MAX_PENDING_CHARACTERS
            self._characters += len(change.data)
        try:
            self.is_lost = not has_room
            if has_room:
                self._changes.put_nowait(change)
        except queue.Full:
            self.is_lost = True
        if self.is_lost:
            _log.warning("listener_dropped name=%s number=%d", change.name, change.number)

    def next(self, seconds: float) -> Change | None:
        """Return the next change; None if there is none for some seconds."""
        try:
            change = self._changes.get(timeout=seconds)
        except queue.Empty:
            return None
        with self._lock:
            self._characters -= len(change.data)
        return change


@dataclass(eq=False)
class _Watched:
    """A watched affordance.

    Attributes:
        known_after: all changes with greater numbers are kept.
        value: the last one that was read, as JSON; empty before.
    """

    operation: Operation
    known_after: int
    value: str = ""
    subscriptions: list[Subscription] = field(default_factory=list)
    changes: deque[Change] = field(default_factory=deque)
    left: float = 0.0
    is_ready: threading.Event = field(default_factory=threading.Event)
    wake: threading.Event = field(default_factory=threading.Event)

    def keep(self, change: Change) -> None:
        """Keep a change for those who come back, in the place of the oldest ones."""
        self.changes.append(change)
        while len(self.changes) > 1 and self._is_crowded():
            self.known_after = self.changes.popleft().number

    def _is_crowded(self) -> bool:
        characters = sum(len(each.data) for each in self.changes)
        return len(self.changes) > _KEPT_CHANGES or characters > _KEPT_CHARACTERS

    def is_wanted(self) -> bool:
        return bool(self.subscriptions) or time.monotonic() - self.left < LINGER_SECONDS


class Observations:
    """All watched affordances of a device."""

    def __init__(
        self, read: Callable[[Operation], Any], *, every_seconds: float, most: int
    ) -> None:
        """Watch by reading.

        Args:
            read: returns the value of an operation.
            every_seconds: the time between two reads.
            most: how many may ask at once.
        """
        self._read = read
        self._every_seconds = every_seconds
        self._most = most
        self._places = threading.BoundedSemaphore(max(most, 1))
        self._seeking = threading.Lock()
        self._lock = threading.Lock()
        self._watched: dict[tuple[str, str, str], _Watched] = {}
        self._numbers = itertools.count(time.time_ns() // 1000)
        self._threads: set[threading.Thread] = set()
        self._is_closed = False

    @contextmanager
    def subscribed(
        self, operations: Sequence[Operation], after: int | None = None
    ) -> Iterator[Subscription]:
        """Yield what changes from now on, or after the change that was the last one told.

        A change that there has not been yet was told by nobody here: the clock was put back.

        Raises:
            ProblemError: 503, too many ask already.
        """
        if not self._has_place():
            raise ProblemError(503, "Busy", f"{self._most} streams are open already")
        now = next(self._numbers)
        begin = now if after is None or after > now else after
        subscription, joined = Subscription(begin), []
        subscription.has_missed = after is not None and after > now
        try:
            for operation in operations:
                joined.append(self._join(operation, subscription, begin, now))
            for watched in joined:
                watched.is_ready.wait(_FIRST_VALUE_SECONDS)
            yield subscription
        finally:
            self._leave(joined, subscription)
            self._places.release()

    def is_sought(self) -> bool:
        """Whether somebody waits for a place, so that all who have one should be tried."""
        return self._seeking.locked()

    def _has_place(self) -> bool:
        """Take a place, and say whether there was one."""
        if self._places.acquire(blocking=False):
            return True
        if not self._seeking.acquire(blocking=False):
            return False
        try:
            return self._places.acquire(timeout=PLACE_SECONDS)
        finally:
            self._seeking.release()

    @property
    def listening(self) -> int:
        """How many affordances are followed, each counted for every client that follows it."""
        return sum(len(watched.subscriptions) for watched in list(self._watched.values()))

    def newest(self, operations: Sequence[Operation]) -> int:
        """Return the number of the last change that is known of some operations; 0 without any."""
        keys = {(o.slug, o.kind, o.name) for o in operations}
        with self._lock:
            known = [
                w.changes[-1].number for k, w in self._watched.items() if k in keys and w.changes
            ]
        return max(known, default=0)

    def value(self, operation: Operation) -> str:
        """Return the last value of what is watched, as JSON; empty if none is known."""
        with self._lock:
            watched = self._watched.get((operation.slug, operation.kind, operation.name))
            return watched.value if watched else ""

    def look_again(self, slug: str) -> None:
        """Read what is watched of an installation at once: something has been done to it."""
        for watched in list(self._watched.values()):
            if watched.operation.slug == slug:
                watched.wake.set()

    def close(self) -> None:
        """End all threads."""
        with self._lock:
            self._is_closed = True
            threads = list(self._threads)
            for watched in self._watched.values():
                watched.wake.set()
        for thread in threads:
            thread.join()

    def _join(
        self, operation: Operation, subscription: Subscription, after: int, now: int
    ) -> _Watched:
        key = (operation.slug, operation.kind, operation.name)
        with self._lock:
            watched = self._watched.get(key)
            if watched is None or watched.operation is not operation:
                watched = self._watched[key] = _Watched(operation, now)
                self._start(key, watched)
            for change in watched.changes:
                if change.number > after:
                    subscription.add(change)
            if after < watched.known_after:
                subscription.has_missed = True
                subscription.place = max(subscription.place, watched.known_after)
            watched.subscriptions.append(subscription)
        return watched

    def _leave(self, joined: Sequence[_Watched], subscription: Subscription) -> None:
        with self._lock:
            for watched in joined:
                watched.subscriptions.remove(subscription)
                watched.left = time.monotonic()

    def _start(self, key: tuple[str, str, str], watched: _Watched) -> None:
        thread = threading.Thread(
            target=self._watch, args=(key, watched), name=f"watch-{key[2]}", daemon=True
        )
        self._threads.add(thread)
        thread.start()

    def _watch(self, key: tuple[str, str, str], watched: _Watched) -> None:
        before: Any = _UNKNOWN
        while self._goes_on(key, watched):
            watched.wake.clear()
            value = self._value(watched.operation)
            if value is not _UNKNOWN:
                if before is not _UNKNOWN and value != before:
                    self._tell(watched, value)
                before, watched.value = value, _text(value)
            watched.is_ready.set()
            watched.wake.wait(self._every_seconds)

    def _goes_on(self, key: tuple[str, str, str], watched: _Watched) -> bool:
        with self._lock:
            if watched.is_wanted() and not self._is_closed:
                return True
            if self._watched.get(key) is watched:
                del self._watched[key]
            self._threads.discard(threading.current_thread())
            return False

    def _value(self, operation: Operation) -> Any:
        try:
            return self._read(operation)
        except Exception as error:  # noqa: BLE001 - the next read may well succeed
            _log.warning("not_read slug=%s name=%s %s", operation.slug, operation.name, error)
            return _UNKNOWN

    def _tell(self, watched: _Watched, value: Any) -> None:
        with self._lock:
            change = Change(next(self._numbers), watched.operation.name, _text(value))
            watched.keep(change)
            for subscription in watched.subscriptions:
                subscription.add(change)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
