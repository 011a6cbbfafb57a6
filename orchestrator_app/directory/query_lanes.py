"""Who may ask now: quick queries among themselves, those that take longer out of their way.

Nobody knows beforehand how long a query takes. So each begins in the quick lane; one that overruns
a short slice gives its place there back and goes on in the slow lane, at low precedence. Where
that is full, it is ended. So however many never end, the next one waits for a slice at most.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

SLICE_SECONDS = 0.5
WAIT_SECONDS = 10.0
"""How long a query waits for a place."""


class Turn:
    """The place of one query, in the quick lane first."""

    def __init__(self, quick: threading.Semaphore, slow: threading.Semaphore) -> None:
        self._place, self._slow = quick, slow
        self._lock = threading.Lock()
        self._is_over = False

    def change_lanes(self) -> bool:
        """Move to the slow lane; return whether there is room, or it is not needed any more."""
        with self._lock:
            if self._is_over:
                return True
            if not self._slow.acquire(blocking=False):
                return False
            self._place.release()
            self._place = self._slow
            return True

    def end(self) -> None:
        """Give the place back."""
        with self._lock:
            self._is_over = True
            self._place.release()


class Lanes:
    """As many places for quick queries as for slow ones."""

    def __init__(self, places: int) -> None:
        self._quick = threading.Semaphore(places)
        self._slow = threading.Semaphore(places)

    @contextmanager
    def turn(self, timeout_seconds: float = WAIT_SECONDS) -> Iterator[Turn | None]:
        """Lend a place, None if none becomes free in time."""
        if not self._quick.acquire(timeout=timeout_seconds):
            yield None
            return
        turn = Turn(self._quick, self._slow)
        try:
            yield turn
        finally:
            turn.end()
