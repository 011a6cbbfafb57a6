"""Where each client of a long poll has got to.

A poll is answered once, and the next one comes a moment later: what changes in between must not be
lost, and a client that polls names no event. So the number of the change that a poll told is kept
for a while, for the next poll of the same client: of the same address and program, to the same
affordances. Of several such clients each poll that ends expects one that comes. A newcomer that is
taken for one of them is told, at worst, of a change that came moments before it.
"""

import threading
import time
from collections.abc import Hashable

from supervisor_app.observations import LINGER_SECONDS

_MOST_CLIENTS = 1024


class PollPlaces:
    """The polls that are expected to come again."""

    def __init__(self, keep_seconds: float = LINGER_SECONDS) -> None:
        self._keep_seconds = keep_seconds
        self._lock = threading.Lock()
        self._expected: dict[Hashable, list[tuple[float, int]]] = {}

    def leave(self, client: Hashable, number: int) -> None:
        """Note the last change that a poll told, or that came before it."""
        with self._lock:
            expected = self._expected.pop(client, [])
            self._expected[client] = [*expected[-_MOST_CLIENTS:], (time.monotonic(), number)]
            while len(self._expected) > _MOST_CLIENTS:
                del self._expected[next(iter(self._expected))]

    def resume(self, client: Hashable) -> int | None:
        """Return after which change a poll goes on; None for that of a newcomer."""
        oldest = time.monotonic() - self._keep_seconds
        with self._lock:
            expected = [e for e in self._expected.pop(client, ()) if e[0] > oldest]
            if not expected:
                return None
            (_, number), *rest = expected
            if rest:
                self._expected[client] = rest
            return number
