"""Lists of a graph server's documents, and pages of them.

A server would sort all ids for each page: with 10,000 Things that took it most of a second. So the
ids of a kind are kept here in their order once somebody asked for a page, and kept up by the log of
what is written (`server_changes.py`); the server is asked for the documents of a page by their ids,
and in the same question whether the state is still the one of which the ids are.
"""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator_app.store import layout
from orchestrator_app.store.endpoint import Endpoint
from orchestrator_app.store.ground_triples import iri_term, string_term
from orchestrator_app.store.interface import Documents, Page
from orchestrator_app.store.server_changes import ServerChanges
from orchestrator_app.store.server_layout import KIND, RECORD, TEXTS, in_store, state_pattern
from orchestrator_app.store.server_log import Change
from orchestrator_app.store.server_marks import Reading

Row = Mapping[str, Mapping[str, str]]
"""A row of SPARQL results: each variable with its term."""

MOST_BY_ID = 1000
"""Of more documents at once it is no use to name them."""

_MOST_ATTEMPTS = 3


@dataclass
class _Ids:
    """The ids of a kind, ascending, as of a number of the changes."""

    number: int
    sorted: list[str] = field(default_factory=list)

    def apply(self, changes: Iterable[Change], kind: str) -> None:
        """Bring them to what they are after some changes."""
        for change in changes:
            for name, its_kind in change.removed.items():
                self._set(name, is_there=False, concerns=its_kind == kind)
            for name, its_kind in change.documents.items():
                self._set(name, is_there=True, concerns=its_kind == kind)

    def _set(self, name: str, *, is_there: bool, concerns: bool) -> None:
        if not concerns:
            return
        place = bisect_left(self.sorted, name)
        was_there = place < len(self.sorted) and self.sorted[place] == name
        if is_there and not was_there:
            self.sorted.insert(place, name)
        elif was_there and not is_there:
            del self.sorted[place]


class ServerPages:
    """The documents of a server by kind, in the order of their ids; for several threads."""

    def __init__(self, endpoint: Endpoint, changes: ServerChanges) -> None:
        self._endpoint, self._changes = endpoint, changes
        self._lock = threading.Lock()
        self._ids: dict[str, _Ids] = {}

    def list(self, kind: str, limit: int | None, offset: int) -> Documents:
        """See `Store.list`."""
        if limit is None or limit > MOST_BY_ID:
            return documents_of(self._endpoint.bindings(_list_query(kind, limit, offset)), kind)
        _, names, _ = self._looked_up(kind, limit, offset)
        return documents_of(self._endpoint.bindings(_named_query(kind, names)), kind)

    def page(self, kind: str, limit: int | None, offset: int) -> Page:
        """See `Store.page`; of one moment, as a server answers one question.

        If that would not be so as others write all the time, the server has to sort.
        """
        if limit is not None and limit <= MOST_BY_ID:
            for _ in range(_MOST_ATTEMPTS):
                state, names, total = self._looked_up(kind, limit, offset)
                rows = self._endpoint.bindings(_named_query(kind, names))
                if state and state == _said(rows, "state"):
                    return Page(documents_of(rows, kind), total, state)
        rows = self._endpoint.bindings(_page_query(kind, limit, offset))
        return Page(documents_of(rows, kind), int(_said(rows, "total")), _said(rows, "state"))

    def _looked_up(self, kind: str, limit: int, offset: int) -> tuple[str, Sequence[str], int]:
        """Return the state of a kind, some of its ids in their order, and how many there are.

        The ids may be of a later state: then the server tells another one with the documents.
        """
        now = self._changes.follow()
        if not self._is_kept_up(kind, now.number):
            rows = self._endpoint.bindings(f"SELECT ?id {{ {_of_kind('?id', kind)} }}")
            ids = _Ids(now.number, sorted(row["id"]["value"] for row in rows))
            with self._lock:
                self._ids[kind] = ids
            self._is_kept_up(kind, now.number)
        with self._lock:
            known = self._ids[kind].sorted
            return _state(kind, now), known[offset : offset + limit], len(known)

    def _is_kept_up(self, kind: str, number: int) -> bool:
        """Bring the ids of a kind to what they are as of a number; return whether that can be.

        What is in them already, as another thread looked later, makes no difference.
        """
        with self._lock:
            known = self._ids.get(kind)
            changes = self._changes.since(known.number) if known else None
            if known is None or changes is None:
                return False
            known.apply(changes, kind)
            known.number = max(known.number, number)
            return True


def documents_of(rows: Iterable[Row], kind: str = "") -> Documents:
    """Return the documents in the answer, ascending by id; of this kind where no row says it."""
    noted = {
        row["id"]["value"]: {
            layout.KIND: kind or row["kind"]["value"],
            layout.JSON: row["json"]["value"],
            layout.REGISTRATION: row["registration"]["value"],
        }
        for row in rows
        if "id" in row
    }
    found = (layout.stored_document(name, noted[name]) for name in sorted(noted))
    return [document for document in found if document is not None]


def _state(kind: str, now: Reading) -> str:
    if now.position is None:
        return ""
    return now.things if kind == layout.THING else now.position.stamp


def _said(rows: Iterable[Row], name: str) -> str:
    return next((row[name]["value"] for row in rows if name in row), "")


def _list_query(kind: str, limit: int | None, offset: int) -> str:
    return f"SELECT ?id ?json ?registration {{ {_some(kind, limit, offset)} }}"


def _named_query(kind: str, names: Iterable[str]) -> str:
    """Return the question for documents of a kind by name, and of what state that is."""
    values = f"VALUES ?id {{ {' '.join(map(iri_term, names))} }}"
    documents = in_store(f"?id {KIND} {string_term(kind)} ; {RECORD} ?record . {TEXTS}")
    return (
        f"SELECT ?id ?json ?registration ?state {{ {{ {state_pattern(kind)} }}"
        f" UNION {{ {values} {documents} }} }}"
    )


def _page_query(kind: str, limit: int | None, offset: int) -> str:
    """Return the question for a page by its place, and for all that a page has."""
    total = f"SELECT (COUNT(?each) AS ?total) {{ {_of_kind('?each', kind)} }}"
    return (
        f"SELECT ?id ?json ?registration ?total ?state {{ {{ {total} }}"
        f" UNION {{ {state_pattern(kind)} }} UNION {{ {_some(kind, limit, offset)} }} }}"
    )


def _some(kind: str, limit: int | None, offset: int) -> str:
    documents = in_store(f"?id {RECORD} ?record . {TEXTS}")
    if limit is None and not offset:
        return f"{_of_kind('?id', kind)} {documents}"
    cut = "" if limit is None else f"LIMIT {limit:d}"
    ids = f"SELECT ?id {{ {_of_kind('?id', kind)} }} ORDER BY STR(?id) {cut} OFFSET {offset:d}"
    return f"{{ {ids} }} {documents}"


def _of_kind(variable: str, kind: str) -> str:
    return in_store(f"{variable} {KIND} {string_term(kind)}")
