"""How many threads of the server may wait for functions, so that some are left for all else.

Calls that end within a moment may be many: one that finds all places taken waits for one, as there
will be one soon. While most places are held by calls that take longer, it is told to come again
at once, so that a description, the device's health or the end of a call is always answered.
"""

import queue
import time
from threading import get_ident

from wasmiot_td.problem import ProblemError

WAIT_SECONDS = 0.25
"""How long a call waits for a place; one that holds its place for longer is a slow one."""

_LOOK_SECONDS = 0.02
"""How long who waits goes on without a look whether there will be a place soon."""


class CallPlaces:
    """The threads that wait for a function, each since when; the oldest first."""

    def __init__(self, most: int) -> None:
        self._most = max(most, 1)
        self._since: dict[int, float] = {}
        self._free: queue.SimpleQueue[None] = queue.SimpleQueue()  # one entry for each free place
        for _ in range(self._most):
            self._free.put(None)

    @property
    def taken(self) -> int:
        """How many are taken."""
        return len(self._since)

    def take(self) -> None:
        """Take a place for this thread.

        Raises:
            ProblemError: 503, there is none, and there will hardly be one soon.
        """
        try:
            self._free.get_nowait()
        except queue.Empty:
            self._wait()
        self._since[get_ident()] = time.monotonic()

    def leave(self) -> None:
        """Give back the place of this thread, which has taken it."""
        self._since.pop(get_ident(), None)
        self._free.put(None)

    def _wait(self) -> None:
        end = time.monotonic() + WAIT_SECONDS
        while (now := time.monotonic()) <= end and not self._are_slow(now):
            try:
                self._free.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                continue
            return
        raise ProblemError(503, "Busy", f"{self._most} calls are waited for already")

    def _are_slow(self, now: float) -> bool:
        """Say whether most places are held by calls that take longer than a moment."""
        slow = sum(now - since > WAIT_SECONDS for since in list(self._since.values()))
        return 2 * slow >= self._most
