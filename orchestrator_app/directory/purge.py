"""Remove expired registrations now and then (W3C WoT Discovery, clause 7.2.1)."""

import logging
from contextlib import AbstractContextManager

from orchestrator_app.directory.things import Directory
from orchestrator_app.rounds import in_rounds

INTERVAL_SECONDS = 10.0

_log = logging.getLogger(__name__)


def purge_expired(
    directory: Directory, interval_seconds: float = INTERVAL_SECONDS
) -> AbstractContextManager[None]:
    """Purge in a thread of its own as long as the context is entered."""

    def purge() -> None:
        if purged := directory.purge():
            _log.info("purged things=%d", purged)

    return in_rounds("purge", interval_seconds, purge)
