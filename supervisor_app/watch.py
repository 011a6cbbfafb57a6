"""Look after running calls: stop those that have used up their time or their room.

One thread for all calls, asleep while nothing runs.
"""

import threading
import time

from supervisor_app.call import Call

TICK_SECONDS = 0.05


class Watch:
    """The running calls and the thread that looks at them; it starts with the first call."""

    def __init__(self) -> None:
        self._calls: set[Call] = set()
        self._lock = threading.Lock()
        self._is_active = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, call: Call) -> None:
        """Look after a call until it is removed."""
        with self._lock:
            self._calls.add(call)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
                self._thread.start()
        if not self._is_active.is_set():
            self._is_active.set()

    def remove(self, call: Call) -> None:
        """Forget a call."""
        with self._lock:
            self._calls.discard(call)

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        self._is_active.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closed.wait(TICK_SECONDS):
            with self._lock:
                calls = tuple(self._calls)
                if not calls:
                    self._is_active.clear()
            now = time.monotonic()
            for call in calls:
                call.check(now)
            self._is_active.wait()
