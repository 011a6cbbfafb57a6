"""Whose turn it is: the services that were announced, each in one lane and asked by one at a time.

Nothing here waits for another machine. A goodbye counts from the moment it comes: what is being
fetched then is no longer wanted, and nobody is asked again before the goodbye has been heeded.
"""

import heapq
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import count

from orchestrator_app.directory.turns import Lane, Turn, added, is_owed, sighted

MOST_SERVICES = 10_000
"""How many services are kept, with those that Thing Links lead to."""

_SPARE = 64  # entries of a heap that may be void before it is made anew

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asking:
    """One turn of one service.

    Attributes:
        name: of the service.
        turn: what was noted of it when its turn came.
        birth: which of the services that had this name, one after the other.
        number: of the turn; a later one is another.
    """

    name: str
    turn: Turn
    birth: int
    number: int


@dataclass
class _Service:
    """A service that has not said goodbye."""

    turn: Turn
    birth: int
    number: int = 0


class TurnSchedule:
    """The turns of all services; safe for any thread."""

    def __init__(
        self, now: Callable[[], float] = time.monotonic, most_services: int = MOST_SERVICES
    ) -> None:
        self._now = now
        self._most_services = most_services
        self._lock = threading.Lock()
        self._has_turn = {lane: threading.Condition(self._lock) for lane in Lane}
        self._has_goodbye = threading.Condition(self._lock)
        self._heaps: dict[Lane, list[tuple[float, int, str]]] = {lane: [] for lane in Lane}
        self._services: dict[str, _Service] = {}
        self._asked: set[str] = set()
        self._expected: set[str] = set()
        self._goodbyes: dict[str, None] = {}
        self._numbers = count(1)
        self._is_full = False
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Whether it was stopped."""
        return self._is_over

    @property
    def asked_count(self) -> int:
        """How many are being asked."""
        return len(self._asked)

    def expect(self, names: Iterable[str]) -> None:
        """Note who had answered before this program was started, and is not known here yet."""
        with self._lock:
            self._expected.update(names)

    def sight(self, name: str) -> None:
        """Note that a service was announced, or announced differently."""
        with self._lock:
            known = self._services.get(name)
            turn, is_expected = known.turn if known else None, name in self._expected
            self._note(name, sighted(turn, self._now(), is_expected=is_expected))

    def add(self, name: str) -> None:
        """Note a service that needs no announcement; it is asked at once."""
        with self._lock:
            self._note(name, added(self._now(), is_expected=name in self._expected))

    def drop(self, name: str) -> None:
        """Note a goodbye."""
        with self._lock:
            if self._services.pop(name, None) is not None:
                self._is_full = False
                self._goodbyes[name] = None
                self._has_goodbye.notify()

    def next_goodbye(self, timeout_seconds: float) -> str | None:
        """Return who said goodbye, None if nobody does in time; `heeded` is to be called then."""
        with self._lock:
            self._has_goodbye.wait_for(lambda: self._goodbyes or self._is_over, timeout_seconds)
            return None if self._is_over else next(iter(self._goodbyes), None)

    def heeded(self, name: str) -> None:
        """Note that a goodbye was heeded; who came back meanwhile may be asked."""
        with self._lock:
            self._goodbyes.pop(name, None)
            self._queue(name)

    def take(self, lane: Lane, *, waits: bool = True) -> Asking | None:
        """Return whose turn it is in a lane; `settle` is to be called with it.

        Args:
            lane: among whom.
            waits: whether to wait until there is one, or everything is over.
        """
        with self._lock:
            while not self._is_over:
                due = self._first_due(lane)
                if due is not None and due <= self._now():
                    return self._pop(lane)
                if not waits:
                    return None
                self._has_turn[lane].wait(None if due is None else due - self._now())
        return None

    def is_current(self, asking: Asking) -> bool:
        """Return whether what a turn brings is still wanted: there was no goodbye since."""
        with self._lock:
            service = self._services.get(asking.name)
            is_there = service is not None and service.birth == asking.birth
            return is_there and not self._is_over

    def settle(self, asking: Asking, turn: Turn | None) -> None:
        """Note the next turn of who was asked, None if there is none.

        Who was sighted meanwhile has its turn at once.
        """
        name = asking.name
        with self._lock:
            self._asked.discard(name)
            service = self._services.get(name)
            if service is not None and service.number == asking.number:
                if turn is None:
                    del self._services[name]
                    self._is_full = False
                    return
                service.turn, service.number = turn, next(self._numbers)
            self._queue(name)

    def owed(self, interval_seconds: float) -> list[str]:
        """Return whose registration must be held now; `held` is to be called then."""
        with self._lock:
            now, services = self._now(), self._services.items()
            return [name for name, s in services if is_owed(s.turn, now, interval_seconds)]

    def held(self, name: str) -> None:
        """Note that a registration was renewed without an answer."""
        with self._lock:
            service = self._services.get(name)
            if service is not None and service.turn.renewed is not None:
                service.turn = replace(service.turn, renewed=self._now())

    def stop(self) -> None:
        """Have everybody who waits return, and want nothing any more."""
        with self._lock:
            self._is_over = True
            for condition in (self._has_goodbye, *self._has_turn.values()):
                condition.notify_all()

    def _note(self, name: str, turn: Turn) -> None:
        service = self._services.get(name)
        if service is None:
            if len(self._services) + len(self._goodbyes) >= self._most_services:
                self._tell_full(name)
                return
            service = self._services[name] = _Service(turn, next(self._numbers))
        service.turn, service.number = turn, next(self._numbers)
        self._expected.discard(name)
        self._queue(name)

    def _tell_full(self, name: str) -> None:
        if not self._is_full:
            self._is_full = True
            _log.warning("too_many_services most=%d first_left_out=%s", self._most_services, name)

    def _queue(self, name: str) -> None:
        """Let a service wait, unless it is being asked or its goodbye is not heeded yet."""
        service = self._services.get(name)
        if service is None or name in self._asked or name in self._goodbyes:
            return
        lane = service.turn.lane
        heap = self._heaps[lane]
        if len(heap) > 2 * len(self._services) + _SPARE:
            heap[:] = [entry for entry in heap if self._is_valid(entry)]
            heapq.heapify(heap)
        heapq.heappush(heap, (service.turn.due, service.number, name))
        self._has_turn[lane].notify()

    def _is_valid(self, entry: tuple[float, int, str]) -> bool:
        service = self._services.get(entry[2])
        return service is not None and service.number == entry[1] and entry[2] not in self._asked

    def _first_due(self, lane: Lane) -> float | None:
        heap = self._heaps[lane]
        while heap and not self._is_valid(heap[0]):
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def _pop(self, lane: Lane) -> Asking:
        _, number, name = heapq.heappop(self._heaps[lane])
        service = self._services[name]
        self._asked.add(name)
        return Asking(name, service.turn, service.birth, number)
