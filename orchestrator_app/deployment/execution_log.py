"""Executions in the store, so that their results outlive the orchestrator; the oldest go first."""

import threading
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator_app.deployment.provenance import triples
from orchestrator_app.store import Store

PREFIX = "urn:wasmiot:execution:"
MOST_EXECUTIONS = 500
"""How many executions of one deployment are kept."""

Status = dict[str, Any]


@dataclass(frozen=True)
class _Document:
    id: str
    document: Mapping[str, Any]
    n_triples: bytes


class ExecutionLog:
    """The statuses of executions, by deployment and invocation; newest last."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: defaultdict[str, deque[str]] = defaultdict(deque)
        for stored in store.list("execution"):
            slug, _, invocation = stored.id.removeprefix(PREFIX).rpartition(":")
            self._known[slug].append(invocation)

    def write(self, slug: str, invocation: str, status: Status) -> None:
        """Keep a status, and drop the oldest beyond the limit."""
        id_ = _id(slug, invocation)
        document = _Document(id_, status, triples(id_, slug, status))
        self._store.put(document, kind="execution")
        self.note(slug, invocation)

    def note(self, slug: str, invocation: str) -> None:
        """Know of an execution whose status is not kept yet."""
        with self._lock:
            known = self._known[slug]
            if invocation not in known:
                known.append(invocation)
            dropped = [known.popleft() for _ in range(len(known) - MOST_EXECUTIONS)]
        for old in dropped:
            self._store.delete(_id(slug, old))

    def read(self, slug: str, invocation: str) -> Status | None:
        """Return a status, or None."""
        stored = self._store.get(_id(slug, invocation))
        return stored.document if stored is not None and stored.kind == "execution" else None

    def invocations(self, slug: str) -> list[str]:
        """Return the invocations of a deployment, newest first."""
        with self._lock:
            return list(reversed(self._known[slug]))

    def unfinished(self) -> list[tuple[str, str, Status]]:
        """Return what was going on when the orchestrator ended."""
        with self._lock:
            pairs = [(slug, i) for slug, known in self._known.items() for i in known]
        found = [(slug, i, s) for slug, i in pairs if (s := self.read(slug, i)) is not None]
        return [entry for entry in found if entry[2]["status"] in ("pending", "running")]


def _id(slug: str, invocation: str) -> str:
    return f"{PREFIX}{slug}:{invocation}"
