"""Which nodes of the graph changed since when; so that who keeps a picture need not read all."""

import threading
from collections import deque
from collections.abc import Iterable

MOST_SUBJECTS = 200_000
"""What is remembered; beyond that, the oldest changes are forgotten."""

_PART = "#/"


class ChangeLog:
    """The subjects of the triples that were added or removed, by version; for several threads.

    A part of a document (`…#/properties/status`) counts as the document.
    """

    def __init__(self) -> None:
        self._entries: deque[tuple[int, frozenset[str]]] = deque()
        self._size = 0
        self._forgotten = 0
        self._lock = threading.Lock()

    def note(self, version: int, subjects: Iterable[str]) -> None:
        """Remember what a version changed."""
        changed = frozenset(subject.partition(_PART)[0] for subject in subjects)
        with self._lock:
            self._entries.append((version, changed))
            self._size += len(changed) + 1
            while self._size > MOST_SUBJECTS:
                self._forgotten, oldest = self._entries.popleft()
                self._size -= len(oldest) + 1

    def since(self, version: int) -> frozenset[str] | None:
        """Return what changed after a version, or None if that is forgotten."""
        found: set[str] = set()
        with self._lock:
            if version < self._forgotten:
                return None
            for noted, changed in reversed(self._entries):
                if noted <= version:
                    break
                found |= changed
        return frozenset(found)
