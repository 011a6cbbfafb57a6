"""Documents on a graph server: their state, and one operation that writes what differs from it.

Several orchestrators may write to one server. So a document has a revision, an update holds only
if the revision is still the one from which its differences were worked out, and it is one
operation, which a server does whole or not at all (SPARQL 1.1 Update, clause 2.2).
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

from orchestrator_app.store import layout
from orchestrator_app.store.document_quads import (
    Quad,
    State,
    blocks,
    nodes_by_graph,
    nodes_in,
    sought,
    unchanged,
)
from orchestrator_app.store.endpoint import Endpoint
from orchestrator_app.store.errors import StoreError
from orchestrator_app.store.ground_triples import iri_term, result_term, string_term
from orchestrator_app.store.insertions import Insertion
from orchestrator_app.store.server_layout import (
    IS_UNUSED,
    KIND,
    RECORD,
    REVISION,
    SHARED_GRAPH,
    STORE,
    in_store,
    is_record_full,
    new_record,
    new_stamp,
    operation,
    without_older_entries,
)
from orchestrator_app.store.server_log import Change

_THING = string_term(layout.THING)

_log = logging.getLogger(__name__)


class ServerDocuments:
    """The documents on one server; who writes sees to it that nobody else here does."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def state(self, document_id: str, *, is_graph_read: bool = True) -> State:
        """Return what there is of a document."""
        name = iri_term(document_id)
        own = f" UNION {{ GRAPH {name} {{ ?s ?p ?o }} }}" if is_graph_read else ""
        recorded = in_store(f"{name} {RECORD} ?record . ?record ?noted ?o")
        rows = self._endpoint.bindings(
            "SELECT ?noted ?s ?p ?o (STR(?o) AS ?text)"
            f" {{ {{ {in_store(f'{name} ?noted ?o')} }} UNION {{ {recorded} }}{own} }}"
        )
        noted, quads = {}, set()
        for row in rows:
            text = result_term(row["o"], row["text"]["value"])
            if "noted" in row:
                noted[f"<{row['noted']['value']}>"] = text
            else:
                subject, predicate = row["s"], row["p"]["value"]
                quads.add((name, result_term(subject, subject["value"]), f"<{predicate}>", text))
        return State(noted, frozenset(quads), noted.pop(RECORD, ""))

    def is_there(self, known: State, wanted: State, shared: set[Quad]) -> bool:
        """Return whether a document is as it is wanted, with what it shares."""
        is_noted = known.noted.items() >= wanted.noted.items()
        if not is_noted or known.quads != wanted.quads:
            return False
        return not shared or self._endpoint.truth(f"ASK {{ {blocks(shared)} }}")

    def write(self, document_id: str, known: State, wanted: State, shared: set[Quad]) -> bool:
        """Write what differs if nobody was faster; return whether it was written."""
        name, stamp = iri_term(document_id), new_stamp()
        revision = string_term(stamp)
        record = known.record if known.record and not is_record_full() else new_record()
        goal = replace(wanted, noted=wanted.noted | {REVISION: revision}, record=record)
        before, after = known.notes(name), goal.notes(name)
        removed = sought(before - after)
        written = f"{name} {RECORD} {record} . {record} {REVISION} {revision}"
        return self._changed(
            Change(
                stamp,
                documents={document_id: goal.noted[KIND][1:-1]},
                nodes=nodes_in(known.quads ^ goal.quads),
                shared=nodes_by_graph(shared),
            ),
            removed=blocks(removed | (known.quads - goal.quads)),
            added=blocks((after - before) | (goal.quads - known.quads) | shared),
            where=blocks(removed) + unchanged(name, known),
            is_done=f"ASK {{ {in_store(written)} }}",
            are_things=goal.noted[KIND] == _THING and not known.says_the_same(goal),
        )

    def remove(self, document_id: str, known: State) -> bool:
        """Remove a document and its graph, if it is still what is known.

        Virtuoso removes nothing where there is no graph and it is sought.
        """
        name, kind = iri_term(document_id), known.noted[KIND]
        noted = blocks(sought(known.notes(name)))
        graph = f"GRAPH {name} {{ ?s ?p ?o }}" if known.quads else ""
        removed = {document_id: kind[1:-1]}
        return self._changed(
            Change(new_stamp(), removed=removed, nodes=nodes_in(known.quads)),
            removed=f"{noted} {graph}",
            where=f"{noted}{unchanged(name, known)} {graph}",
            is_done=f"ASK {{ FILTER NOT EXISTS {{ {in_store(f'{name} {KIND} ?any')} }} }}",
            are_things=kind == _THING,
        )

    def insert(self, insertion: Insertion, *, are_things: bool) -> bool:
        """Write documents if none of them is there; return whether they were written."""
        return self._changed(
            insertion.change,
            removed="",
            added=insertion.added,
            where=insertion.where,
            is_done=f"ASK {{ {insertion.written} }}",
            are_things=are_things,
        )

    def drop_unused(self, names: Sequence[str]) -> bool:
        """Remove graphs that were shared and that no graph names, also now; return whether any."""
        values = f"VALUES ?g {{ {' '.join(map(iri_term, names))} }}"
        marker = in_store(f"{STORE} {SHARED_GRAPH} ?g")
        removed = f"{marker} GRAPH ?g {{ ?s ?p ?o }}"
        return self._changed(
            Change(new_stamp(), dropped=names),
            removed=removed,
            where=f"{values} {removed} {IS_UNUSED}",
            is_done=f"ASK {{ {values} FILTER NOT EXISTS {{ {marker} }} }}",
            are_things=False,
        )

    def _changed(
        self,
        change: Change,
        *,
        removed: str,
        where: str,
        is_done: str,
        added: str = "",
        are_things: bool,
    ) -> bool:
        """Send one operation that also counts the store's version on; return whether it was done.

        Args:
            change: what it changes, for the log.
            removed: quads that go.
            where: what must hold.
            is_done: asks whether it was done.
            added: quads that come.
            are_things: whether it changes what Things say, or which there are.
        """
        is_full = is_record_full()
        self._endpoint.update(
            operation(
                change,
                removed=removed,
                where=where,
                added=added,
                are_things=are_things,
                is_full=is_full,
            )
        )
        if not self._endpoint.truth(is_done):
            return False
        if is_full:
            self._tidy()
        return True

    def _tidy(self) -> None:
        try:
            self._endpoint.update(without_older_entries())
        except StoreError as error:  # what was written is written; the next one removes more
            _log.warning("old_entries_not_removed error=%s", error)
