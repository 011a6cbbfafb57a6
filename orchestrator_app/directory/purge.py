"""Remove expired registrations now and then (W3C WoT Discovery, clause 7.2.1)."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator_app.directory.things import Directory

INTERVAL_SECONDS = 10.0

_log = logging.getLogger(__name__)


@contextmanager
def purge_expired(
    directory: Directory, interval_seconds: float = INTERVAL_SECONDS
) -> Iterator[None]:
    """Purge in a thread of its own as long as the context is entered."""
    is_over = threading.Event()
    thread = threading.Thread(
        target=_purge, args=(directory, interval_seconds, is_over), name="purge", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _purge(directory: Directory, interval_seconds: float, is_over: threading.Event) -> None:
    while not is_over.wait(interval_seconds):
        try:
            purged = directory.purge()
        except Exception:  # noqa: BLE001 - the next round may go better
            _log.exception("purge_failed")
        else:
            if purged:
                _log.info("purged things=%d", purged)
