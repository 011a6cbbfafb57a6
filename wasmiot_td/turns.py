"""Few requests are worked on at once, however many threads wait for something.

A server whose answers may have to wait (for an execution, a query, the next event) needs many
threads. Python runs one of them at a time: fifty that all have work hand the interpreter to one
another at every lock and every file, and each takes ten times as long. So a request has a turn
while it is worked on, and lends it to others while it only waits.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

LONG_SECONDS = 0.5
"""Who has waited for a lock for so long lends its turn."""

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]
_mine = threading.local()


class Turns:
    """A WSGI application around another.

    Args:
        app: the other one.
        count: how many requests are worked on at once.
    """

    def __init__(self, app: WsgiApp, count: int) -> None:
        self._app = app
        self._free: SimpleQueue[None] = SimpleQueue()
        for _ in range(max(count, 1)):
            self._free.put(None)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request; what its answer yields later, as a stream does, takes no turn."""
        self._free.get()
        _mine.turns = self._free
        try:
            return self._app(environ, start_response)
        finally:
            _mine.turns = None
            self._free.put(None)


@contextmanager
def resting() -> Iterator[None]:
    """Lend this thread's turn to others, while it waits; without one, or within this, only wait."""
    free = getattr(_mine, "turns", None)
    if free is None:
        yield
        return
    _mine.turns = None
    free.put(None)
    try:
        yield
    finally:
        free.get()
        _mine.turns = free


def take_patiently(lock: "threading.RLock") -> None:
    """Take a lock; who waits long for it lends this thread's turn to others meanwhile."""
    if not lock.acquire(timeout=LONG_SECONDS):
        with resting():
            lock.acquire()


class PatientLock:
    """A reentrant lock; who waits long for it lends this thread's turn to others meanwhile."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        """Take it."""
        take_patiently(self._lock)

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        self._lock.release()
