"""Follow what is written on a graph server, by whomever, and remember what changed since when."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from orchestrator_app.store.endpoint import Endpoint
from orchestrator_app.store.server_layout import entries_of
from orchestrator_app.store.server_log import Change, changes_between
from orchestrator_app.store.server_marks import Reading, ServerMarks

MOST_NAMES = 20_000
"""What is remembered; who has not looked for longer reads everything."""


class ServerChanges:
    """The changes on one server, by the numbers of `ServerMarks.version`; for several threads."""

    def __init__(self, endpoint: Endpoint, marks: ServerMarks) -> None:
        """Follow them from now on."""
        self._endpoint, self._marks = endpoint, marks
        self._lock = threading.Lock()
        self._seen = Reading(0)
        self._changes = deque[tuple[int, Change]]()
        self._n_names = self._forgotten = 0
        self._shared = set[str]()
        self.follow()

    def follow(self) -> Reading:
        """Look where the server is, and read what was changed since the last look.

        Nobody is kept waiting while the server is asked: of several who look at once, one notes
        what has changed, and the others take that if it is as new as what they have seen.
        """
        while True:
            with self._lock:
                seen = self._seen
            now = self._marks.read()
            if now.position is not None and now.position == seen.position:
                return now
            changes = self._changes_between(seen, now)
            with self._lock:
                if self._seen is seen:
                    self._note(now, changes)
                    return now
                if _is_as_new(self._seen, now):
                    return self._seen

    def since(self, number: int) -> Sequence[Change] | None:
        """Return what was changed after a number until the last look; None if it is not known."""
        with self._lock:
            if number < self._forgotten:
                return None
            return [change for noted, change in self._changes if noted > number]

    def _changes_between(self, seen: Reading, now: Reading) -> Sequence[Change] | None:
        if seen.position is None or now.position is None:
            return None  # nobody has looked before, or there is no such log
        found: list[str] = []
        for record in now.records:
            rows = self._endpoint.bindings(entries_of([record]))
            found += [row["entry"]["value"] for row in rows]
            changes = changes_between(found, seen.position, now.position)
            if changes is not None:
                return changes
        return None

    def _note(self, now: Reading, changes: Sequence[Change] | None) -> None:
        """Remember changes; what is not known is as if everything had changed."""
        self._seen = now
        if changes is None:
            self._forget(now.number + (now.position is None))
            return
        for change in map(self._told_once, changes):
            self._changes.append((now.number, change))
            self._n_names += len(change)
        while self._n_names > MOST_NAMES:
            noted, change = self._changes.popleft()
            self._n_names -= len(change)
            self._forgotten = max(self._forgotten, noted)

    def _told_once(self, change: Change) -> Change:
        """Return a change without the shared graphs that were there before it."""
        new = {name: about for name, about in change.shared.items() if name not in self._shared}
        self._shared.update(new)
        self._shared.difference_update(change.dropped)
        return replace(change, shared=new)

    def _forget(self, until: int) -> None:
        self._forgotten = max(self._forgotten, until)
        self._changes.clear()
        self._shared.clear()
        self._n_names = 0


def _is_as_new(one: Reading, other: Reading) -> bool:
    if one.position is None or other.position is None:
        return False
    return one.position.version >= other.position.version
