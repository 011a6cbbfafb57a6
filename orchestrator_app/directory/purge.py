"""Remove now and then what is of no use any more.

That is expired registrations (W3C WoT Discovery, clause 7.2.1), and what was derived from Things
that are gone or say something else: each set of interfaces that a device ever provided has a node.
"""

import logging
from contextlib import AbstractContextManager

from orchestrator_app.directory.things import Directory
from orchestrator_app.rounds import in_rounds
from orchestrator_app.store import Store

INTERVAL_SECONDS = 10.0
UNUSED_INTERVAL_SECONDS = 3600.0

_log = logging.getLogger(__name__)


def purge_expired(
    directory: Directory, interval_seconds: float = INTERVAL_SECONDS
) -> AbstractContextManager[None]:
    """Purge in a thread of its own as long as the context is entered."""

    def purge() -> None:
        if purged := directory.purge():
            _log.info("purged things=%d", purged)

    return in_rounds("purge", interval_seconds, purge)


def remove_unused(
    store: Store, interval_seconds: float = UNUSED_INTERVAL_SECONDS
) -> AbstractContextManager[None]:
    """Remove in a thread of its own the shared graphs that no document names any more."""

    def remove() -> None:
        if removed := store.remove_unused_graphs():
            _log.info("unused_graphs_removed graphs=%d", removed)

    return in_rounds("unused-graphs", interval_seconds, remove)
