"""What happened in the directory, kept for a while, for those who listen.

Source: W3C WoT Discovery, clause 7.3.2.2 (notification).
"""

import secrets
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Generic, TypeVar

from orchestrator_app import fast_json
from orchestrator_app.directory.merge_patch import difference

EVENT_TYPES = ("thing_created", "thing_updated", "thing_deleted")
CAPACITY = 1000
MOST_BYTES = 64 * 1024 * 1024
"""What the events that are kept may come to: each has two descriptions."""

_MOST_DIGITS = 19

Change = TypeVar("Change")


@dataclass(frozen=True)
class DirectoryChange:
    """What happened to a Thing.

    Attributes:
        kind: one of `EVENT_TYPES`.
        id: the Thing.
        before: its description before, None if there was none.
        after: its description after, None if there is none.
    """

    kind: str
    id: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None

    @property
    def has_gone(self) -> bool:
        """Whether the Thing is there no longer."""
        return self.kind == "thing_deleted"

    def data(self, is_diff: bool) -> dict[str, Any]:
        """Return what a listener is told: the id, and on demand what changed."""
        if not is_diff or self.after is None:
            return {"id": self.id}
        if self.before is None:
            return dict(self.after)
        return {"id": self.id, **difference(self.before, self.after)}


def bytes_of(change: DirectoryChange) -> int:
    """Return about how much memory a change takes."""
    return len(fast_json.dumps([change.before, change.after]))


@dataclass(frozen=True)
class Event(Generic[Change]):
    """A change with its place in the order of changes."""

    number: int
    change: Change


class MissedError(Exception):
    """A listener was too slow: events that it has not heard are kept no longer."""


class EventLog(Generic[Change]):
    """The latest changes, and a way to wait for the next."""

    def __init__(
        self, capacity: int = CAPACITY, weigh: Callable[[Change], int] = lambda _: 0
    ) -> None:
        """Make an empty log.

        Args:
            capacity: how many events are kept.
            weigh: returns how many bytes a change takes; the oldest go first when all of them
                come to more than `MOST_BYTES`.
        """
        self._events: deque[Event[Change]] = deque(maxlen=capacity)
        self._weigh = weigh
        self._weights: deque[int] = deque(maxlen=capacity)
        self._arrived = threading.Condition()
        self._last = 0
        self._prefix = secrets.token_hex(4)
        self._is_closed = False

    def note(self, change: Change) -> None:
        """Keep a change and wake those who wait."""
        weight = self._weigh(change)
        with self._arrived:
            self._last += 1
            self._events.append(Event(self._last, change))
            self._weights.append(weight)
            while sum(self._weights) > MOST_BYTES and len(self._events) > 1:
                self._events.popleft()
                self._weights.popleft()
            self._arrived.notify_all()

    def close(self) -> None:
        """Wake those who wait: there will be no more."""
        with self._arrived:
            self._is_closed = True
            self._arrived.notify_all()

    def identifier(self, event: Event[Change]) -> str:
        """Return the id of an event; it says which run of the orchestrator gave it out."""
        return self.identifier_at(event.number)

    def identifier_at(self, number: int) -> str:
        """Return the id of a place in the order of changes, also where there is no event yet."""
        return f"{self._prefix}-{number}"

    def position(self, identifier: str | None) -> int:
        """Return the number to go on from: after a known id whose successors are kept, else now."""
        with self._arrived:
            number = self._number_of(identifier or "")
            return self._last if number is None or self._is_behind(number) else number

    def has_all_after(self, identifier: str) -> bool:
        """Return whether everything that came after an event is still there."""
        with self._arrived:
            number = self._number_of(identifier)
            return number is not None and not self._is_behind(number)

    def _number_of(self, identifier: str) -> int | None:
        """Return the number of an event that there was; None if there was none of this id."""
        prefix, _, digits = identifier.rpartition("-")
        if prefix != self._prefix or not digits.isdecimal() or len(digits) > _MOST_DIGITS:
            return None
        number = int(digits)
        return number if number <= self._last else None

    def _is_behind(self, number: int) -> bool:
        return bool(self._events) and number + 1 < self._events[0].number

    def after(self, number: int, timeout_seconds: float) -> list[Event[Change]]:
        """Return the events after a number; wait for one if there is none yet.

        Raises:
            MissedError: some of them are there no longer.
        """
        with self._arrived:
            if self._is_behind(number):
                raise MissedError(f"the events after {number} are not kept any more")
            self._arrived.wait_for(lambda: self._last > number or self._is_closed, timeout_seconds)
            return list(takewhile(lambda e: e.number > number, reversed(self._events)))[::-1]

    def latest(self) -> list[Event[Change]]:
        """Return the events that are kept."""
        with self._arrived:
            return list(self._events)
