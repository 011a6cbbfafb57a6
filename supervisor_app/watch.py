"""Look after running calls: stop those that have used up their time, room or open files.

One thread for all calls, asleep while nothing runs.
"""

import os
import resource
import threading
import time
from pathlib import Path

from supervisor_app.call import Call
from supervisor_app.errors import CallFailedError

TICK_SECONDS = 0.05
WANTED_OPEN_FILES = 65536
_DESCRIPTORS = Path("/proc/self/fd")


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

    def interrupt_all(self, failure: CallFailedError) -> None:
        """Stop every running call."""
        with self._lock:
            calls = tuple(self._calls)
        for call in calls:
            call.interrupt(failure)

    def close(self) -> None:
        """End the thread."""
        with self._lock:
            self._closed.set()
            self._is_active.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closed.wait(TICK_SECONDS):
            with self._lock:
                calls = tuple(self._calls)
                if not calls and not self._closed.is_set():
                    self._is_active.clear()
            now = time.monotonic()
            for call in calls:
                call.check(now)
            if calls and has_too_many_open_files():
                _stop_file_users(calls)
            self._is_active.wait()


def raise_open_file_limit() -> None:
    """Let this process open more files than usual, so that no guest can take them all at once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, WANTED_OPEN_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def has_too_many_open_files() -> bool:
    """Say whether more than half of the files that this process may open are open."""
    if not _DESCRIPTORS.is_dir():
        return False
    try:
        count = len(os.listdir(_DESCRIPTORS))  # noqa: PTH208 - names alone, it is done often
    except OSError:
        return True
    return count > resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2


def _stop_file_users(calls: tuple[Call, ...]) -> None:
    for call in calls:
        if call.directory is not None:
            call.interrupt(CallFailedError("files", "too many files are open on this device"))
