"""Which nodes of the graph changed since when; so that who keeps a picture need not read all."""

import threading
from collections import OrderedDict
from collections.abc import Iterable

MOST_SUBJECTS = 50_000
"""What is remembered; beyond that, what has not changed for longest is forgotten."""

_PART = "#/"


def nodes_of(subjects: Iterable[str]) -> frozenset[str]:
    """Return what subjects are about: a part of a document counts as the document."""
    return frozenset(subject.partition(_PART)[0] for subject in subjects)


class ChangeLog:
    """The subjects of the triples that were added or removed, by version; for several threads.

    A part of a document (`…#/properties/status`) counts as the document. Only the latest change of
    each is kept: what changes for ever takes no more room than what changes once.
    """

    def __init__(self) -> None:
        self._versions: OrderedDict[str, int] = OrderedDict()
        self._forgotten = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many subjects are remembered."""
        return len(self._versions)

    def note(self, version: int, subjects: Iterable[str]) -> None:
        """Remember what a version changed; versions come in their order."""
        changed = nodes_of(subjects)
        with self._lock:
            for subject in changed:
                self._versions[subject] = version
                self._versions.move_to_end(subject)
            while len(self._versions) > MOST_SUBJECTS:
                _, self._forgotten = self._versions.popitem(last=False)

    def since(self, version: int) -> frozenset[str] | None:
        """Return what changed after a version, or None if that is forgotten."""
        found: set[str] = set()
        with self._lock:
            if version < self._forgotten:
                return None
            for subject, noted in reversed(self._versions.items()):
                if noted <= version:
                    break
                found.add(subject)
        return frozenset(found)
