"""Executions in the store, so that their results outlive the orchestrator; the oldest go first."""

import threading
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator_app.deployment.execution_name import Keyed
from orchestrator_app.deployment.provenance import triples
from orchestrator_app.store import Store, StoredDocument

PREFIX = "urn:wasmiot:execution:"
MOST_EXECUTIONS = 500
"""How many executions of one deployment are kept."""

MOST_OF_ALL = 20_000
"""How many of all deployments, also of those that are there no longer."""

MOST_SWEPT = 50
"""How many are deleted at once, so that nobody has to wait long for the end of it."""

_READ_AT_ONCE = 1_000

Status = dict[str, Any]


@dataclass(frozen=True)
class _Document:
    id: str
    document: Mapping[str, Any]
    n_triples: bytes


class ExecutionLog:
    """The statuses of executions, by deployment and invocation; newest last.

    To delete takes longer than to write, so it is done when there is time for it: what is beyond
    the limit is gone for everybody at once, and from the store later.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: defaultdict[str, deque[str]] = defaultdict(deque)
        self._order: dict[str, tuple[str, str]] = {}
        self._dropped: dict[str, None] = {}
        self._keyed: dict[tuple[str, str], str] = {}
        self._unfinished: list[tuple[str, str, Status]] = []
        names = [self._found(stored) for stored in _each(store)]
        for slug, invocation in sorted(names, key=lambda name: name[1]):  # begins with its time
            self.note(slug, invocation)

    def _found(self, stored: StoredDocument) -> tuple[str, str]:
        """Return what an execution is called; one that has not ended is remembered."""
        slug, _, invocation = stored.id.removeprefix(PREFIX).rpartition(":")
        if stored.document["status"] in ("pending", "running"):
            self._unfinished.append((slug, invocation, stored.document))
        return slug, invocation

    def write(self, slug: str, invocation: str, status: Status) -> None:
        """Keep a status."""
        id_ = _id(slug, invocation)
        document = _Document(id_, status, triples(id_, slug, status))
        self._store.put(document, kind="execution")
        self.note(slug, invocation)

    def note(self, slug: str, invocation: str) -> None:
        """Know of an execution, and drop the oldest beyond the limits."""
        with self._lock:
            known, id_ = self._known[slug], _id(slug, invocation)
            if id_ not in self._order:
                self._order[id_] = slug, invocation
                self._dropped.pop(id_, None)  # it has ended after it was dropped
                known.append(invocation)
                if keyed := Keyed.told_by(invocation):
                    self._keyed[slug, keyed.key] = invocation
            while len(known) > MOST_EXECUTIONS:
                self._drop(slug, known[0])
            while len(self._order) > MOST_OF_ALL:
                self._drop(*next(iter(self._order.values())))

    def _drop(self, slug: str, invocation: str) -> None:
        id_, known = _id(slug, invocation), self._known[slug]
        known.remove(invocation)
        if not known:
            del self._known[slug]
        del self._order[id_]
        self._dropped[id_] = None
        keyed = Keyed.told_by(invocation)
        if keyed and self._keyed.get((slug, keyed.key)) == invocation:
            del self._keyed[slug, keyed.key]

    def sweep(self, *, is_busy: bool) -> None:
        """Delete what was dropped; while others are waiting, only if it has become too much."""
        for _ in range(MOST_SWEPT):
            if len(self._dropped) <= (MOST_EXECUTIONS if is_busy else 0):
                return
            with self._lock:
                oldest = next(iter(self._dropped), None)
            if oldest is None:
                return
            self._store.delete(oldest)
            with self._lock:
                self._dropped.pop(oldest, None)

    def read(self, slug: str, invocation: str) -> Status | None:
        """Return a status, or None."""
        id_ = _id(slug, invocation)
        stored = None if id_ in self._dropped else self._store.get(id_)
        return stored.document if stored is not None and stored.kind == "execution" else None

    def invocations(self, slug: str) -> list[str]:
        """Return the invocations of a deployment, newest first."""
        with self._lock:
            return list(reversed(self._known.get(slug, ())))

    def with_key(self, slug: str, key: str) -> str | None:
        """Return the execution of a deployment that was begun with a key, or None."""
        with self._lock:
            return self._keyed.get((slug, key))

    def unfinished(self) -> list[tuple[str, str, Status]]:
        """Return what was going on when the orchestrator ended."""
        found, self._unfinished = self._unfinished, []
        return [(slug, i, status) for slug, i, status in found if _id(slug, i) in self._order]


def _each(store: Store) -> Iterator[StoredDocument]:
    """Yield all executions, of which only a few are in memory at once."""
    offset = 0
    while found := store.list("execution", limit=_READ_AT_ONCE, offset=offset):
        yield from found
        offset += len(found)


def _id(slug: str, invocation: str) -> str:
    return f"{PREFIX}{slug}:{invocation}"
