"""How much is tried, and how long one try may take."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from hypothesis import HealthCheck, settings

#: `make fuzz` sets it; then each run tries others.
EXAMPLES = os.environ.get("FUZZ_EXAMPLES")
#: Of one processor, so that it does not matter what else the machine does.
MOST_SECONDS = 20.0


class TooSlowError(Exception):
    """One input took more processor time than any may."""


def fuzzed(few: int) -> Callable[[Any], Any]:
    """Return how a property test is run: always the same few, or as many as `make fuzz` says."""
    return settings(
        max_examples=int(EXAMPLES or few),
        derandomize=EXAMPLES is None,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )


@contextmanager
def bounded(seconds: float = MOST_SECONDS) -> Iterator[None]:
    """End what takes longer, by the processor's clock.

    Raises:
        TooSlowError: it did.
    """

    def end(*_: object) -> NoReturn:
        raise TooSlowError(f"more than {seconds:g} s for one input")

    before = signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
