"""Do something again and again in a thread of its own, as long as a context is entered."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_log = logging.getLogger(__name__)


@contextmanager
def in_rounds(name: str, interval_seconds: float, step: Callable[[], object]) -> Iterator[None]:
    """Take a step at once, and then after each interval; never two at a time.

    Args:
        name: of the thread, and in the log where a step fails; the next round may go better.
        interval_seconds: the pause between the end of a step and the beginning of the next.
        step: what is done.
    """
    is_over = threading.Event()

    def go_round() -> None:
        while not is_over.is_set():
            try:
                step()
            except Exception:  # noqa: BLE001 - the next round may go better
                _log.exception("round_failed name=%s", name)
            is_over.wait(interval_seconds)

    thread = threading.Thread(target=go_round, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
