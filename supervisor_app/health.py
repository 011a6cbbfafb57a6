"""How busy the device is: the only import of psutil."""

import threading
import time
from collections.abc import Callable
from typing import Any

import psutil  # type: ignore[import-untyped]

SHORTEST_SECONDS = 1.0
"""A load is of so long at least: what the processors did in a moment says nothing."""


class ProcessorLoad:
    """The share of the processors in use since it was last looked at, the same for all who ask.

    `psutil.cpu_percent` remembers for each thread when that one asked: to a thread that asks for
    the first time it says 0, and one of the threads that serve requests always does.

    Args:
        times: what the processors have done so far, in seconds by kind.
        clock: in seconds.
    """

    def __init__(
        self,
        times: Callable[[], Any] = psutil.cpu_times,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._times, self._clock = times, clock
        self._lock = threading.Lock()
        self._since, self._looked_at = times(), clock()
        self._load: float | None = None

    def __call__(self) -> float:
        """Return the load, between 0 and 1."""
        with self._lock:
            now = self._clock()
            is_due = now - self._looked_at >= SHORTEST_SECONDS
            if is_due or self._load is None:
                times = self._times()
                self._load = _share_in_use(self._since, times)
            if is_due:
                self._since, self._looked_at = times, now
            return self._load


def _share_in_use(before: Any, now: Any) -> float:
    """Return the share of the time between that no processor was idle; 0 of no time."""
    passed = {name: max(getattr(now, name) - getattr(before, name), 0.0) for name in now._fields}
    # Linux counts the time of guests as that of users too.
    total = sum(passed.values()) - passed.get("guest", 0.0) - passed.get("guest_nice", 0.0)
    idle = passed["idle"] + passed.get("iowait", 0.0)
    return min(max((total - idle) / total, 0.0), 1.0) if total > 0 else 0.0


processor_load = ProcessorLoad()


def measure() -> dict[str, float]:
    """Return the loads of processor and memory, between 0 and 1."""
    return {
        "cpuLoad": round(processor_load(), 4),
        "memoryLoad": round(psutil.virtual_memory().percent / 100, 4),
    }
