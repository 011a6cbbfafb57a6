"""Who may ask now: quick queries among themselves, those that take longer out of their way.

Nobody knows beforehand how long a query takes. So each begins in the quick lane; one that overruns
a short slice gives its place there back and goes on in the slow lane, at low precedence. Where
that is full, it is ended. So however many never end, the next one waits for a slice at most.

One client never has all places of a lane, so that the next one finds one, and no more queries at
once than `MOST_A_PLACE` for each place: what waits holds a thread of the server.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from wasmiot_td.problem import ProblemError

SLICE_SECONDS = 0.5
WAIT_SECONDS = 10.0
"""How long a query waits for a place."""

MOST_A_PLACE = 2
"""How many queries of one client may run or wait for each place of a lane."""


class _Lane:
    """Places that several clients share; guarded by the condition of `Lanes`."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._of_one = max(1, places - 1)
        self._taken = Counter[str]()

    def has_room(self, client: str) -> bool:
        """Return whether a client may take a place."""
        return self._taken.total() < self._places and self._taken[client] < self._of_one

    def take(self, client: str) -> None:
        """Take a place."""
        self._taken[client] += 1

    def give_back(self, client: str) -> None:
        """Give a place back."""
        self._taken[client] -= 1
        self._taken += Counter()  # drops what is zero


class Turn:
    """The place of one query, in the quick lane first."""

    def __init__(self, lanes: "Lanes", client: str) -> None:
        self._lanes, self._client = lanes, client
        self._lane = lanes.quick
        self._is_over = False

    def change_lanes(self) -> bool:
        """Move to the slow lane; return whether there is room, or it is not needed any more."""
        with self._lanes.changed:
            if self._is_over:
                return True
            if not self._lanes.slow.has_room(self._client):
                return False
            self._lanes.slow.take(self._client)
            self._lane.give_back(self._client)
            self._lane = self._lanes.slow
            self._lanes.changed.notify_all()
            return True

    def end(self) -> None:
        """Give the place back."""
        with self._lanes.changed:
            self._is_over = True
            self._lane.give_back(self._client)
            self._lanes.changed.notify_all()


class Lanes:
    """As many places for quick queries as for slow ones."""

    def __init__(self, places: int) -> None:
        self.changed = threading.Condition()
        self.quick, self.slow = _Lane(places), _Lane(places)
        self._most_present = MOST_A_PLACE * places
        self._present = Counter[str]()

    @property
    def present_count(self) -> int:
        """How many queries run or wait."""
        return sum(list(self._present.values()))

    @contextmanager
    def presence(self, client: str) -> Iterator[None]:
        """Let a client in with one more query.

        Raises:
            ProblemError: 429, it has too many at once.
        """
        with self.changed:
            if self._present[client] >= self._most_present:
                detail = f"{self._most_present} of yours run or wait; send the next when one ends."
                raise ProblemError(429, "Too many queries at once", detail)
            self._present[client] += 1
        try:
            yield
        finally:
            with self.changed:
                self._present[client] -= 1
                self._present += Counter()  # drops what is zero

    @contextmanager
    def turn(self, client: str, timeout_seconds: float = WAIT_SECONDS) -> Iterator[Turn | None]:
        """Lend a place, None if none becomes free in time.

        Args:
            client: who asks.
            timeout_seconds: how long to wait.
        """
        with self.changed:
            if not self.changed.wait_for(lambda: self.quick.has_room(client), timeout_seconds):
                turn = None
            else:
                self.quick.take(client)
                turn = Turn(self, client)
        try:
            yield turn
        finally:
            if turn is not None:
                turn.end()
