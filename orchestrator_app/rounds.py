"""Do something again and again in a thread of its own, as long as a context is entered."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from orchestrator_app.store import StoreError
from wasmiot_td.stopping import stopping

_log = logging.getLogger(__name__)


JOIN_SECONDS = 3.0
"""How long a step that waits for other machines is waited for in the end."""

HINT_SECONDS = 0.1
"""How long further hints are waited for, so that a hundred of them make one round."""

LONGEST_SILENCE_ROUNDS = 256
"""A step that goes on failing in the same way is told of this often at least."""


class Failures:
    """Tells of the steps that fail: of what is the same as before in the 1st, 2nd, 4th, … round.

    A disk that is full, or a store that is away, is said in one line; only what nobody foresaw
    is told with the place in the program.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._latest = ""
        self._times = 0

    def none(self) -> None:
        """Note that a step went well."""
        if self._times > 1:
            _log.info("round_well_again name=%s failures=%d", self._name, self._times)
        self._latest, self._times = "", 0

    def tell(self, error: Exception) -> None:
        """Write why a step failed, unless that was just said."""
        what = f"{type(error).__name__}: {error}"
        self._times = self._times + 1 if what == self._latest else 1
        self._latest = what
        if self._times & (self._times - 1) and self._times % LONGEST_SILENCE_ROUNDS:
            return
        is_foreseen = isinstance(error, (OSError, StoreError))
        _log.error(
            "round_failed name=%s times=%d error=%s",
            self._name,
            self._times,
            what,
            exc_info=None if is_foreseen else error,
        )


@contextmanager
def in_rounds(
    name: str,
    interval_seconds: float,
    step: Callable[[], object],
    hint: threading.Event | None = None,
) -> Iterator[None]:
    """Take a step at once, and then after each interval; never two at a time.

    Args:
        name: of the thread, and in the log where a step fails; the next round may go better.
        interval_seconds: the pause between the end of a step and the beginning of the next.
        step: what is done.
        hint: set by whoever wants the next step at once.
    """
    is_over, hint = threading.Event(), hint or threading.Event()
    failures = Failures(name)

    def go_round() -> None:
        while not is_over.is_set() and not stopping.is_set():
            try:
                step()
                failures.none()
            except Exception as error:  # noqa: BLE001 - the next round may go better
                failures.tell(error)
            if hint.wait(interval_seconds):
                is_over.wait(min(HINT_SECONDS, interval_seconds))
                hint.clear()

    thread = threading.Thread(target=go_round, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        hint.set()
        thread.join(JOIN_SECONDS)
