"""Do something again and again in a thread of its own, as long as a context is entered."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wasmiot_td.stopping import stopping

_log = logging.getLogger(__name__)


JOIN_SECONDS = 3.0
"""How long a step that waits for other machines is waited for in the end."""

HINT_SECONDS = 0.1
"""How long further hints are waited for, so that a hundred of them make one round."""


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

    def go_round() -> None:
        while not is_over.is_set() and not stopping.is_set():
            try:
                step()
            except Exception:  # noqa: BLE001 - the next round may go better
                _log.exception("round_failed name=%s", name)
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
