"""Documents on a graph server: their state, and one operation that writes what differs from it.

Several orchestrators may write to one server. So a document has a revision, an update holds only
if the revision is still the one from which its differences were worked out, and it is one
operation, which a server does whole or not at all (SPARQL 1.1 Update, clause 2.2). That does not
say that two operations at once see each other: on Oxigraph 0.5 they do not, and both may be done.
So after each one it is asked whether it is the only one. Who comes last finds both, and writes the
document anew.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

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
    LOOSE_RECORDS,
    RECORD,
    REVISION,
    SHARED_GRAPH,
    STORE,
    in_store,
    is_any,
    is_record_full,
    is_unknown,
    new_record,
    new_stamp,
    operation,
    rest_of,
    revisions_of,
    without,
    without_loose,
    without_older_entries,
)
from orchestrator_app.store.server_log import Change

_THING = string_term(layout.THING)
_RECORDS_AT_ONCE = 50

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wish:
    """A document that is to be brought from one state to another."""

    document_id: str
    known: State
    wanted: State

    @property
    def kind(self) -> str:
        """The kind of the document."""
        return self.wanted.noted[KIND][1:-1]

    @property
    def is_fulfilled(self) -> bool:
        """Whether the document is as it is wanted."""
        is_noted = self.known.noted.items() >= self.wanted.noted.items()
        return is_noted and self.known.quads == self.wanted.quads and not self.known.is_mixed

    @property
    def is_of_another_kind(self) -> bool:
        """Whether there is a document of that id, of another kind."""
        return self.known.noted.get(KIND) not in (None, self.wanted.noted[KIND])

    @property
    def changes_things(self) -> bool:
        """Whether it changes which Things there are, or what they say."""
        return self.kind == layout.THING and not self.known.says_the_same(self.wanted)


class ServerDocuments:
    """The documents on one server."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._loose = frozenset[str]()

    def state(self, document_id: str, *, is_graph_read: bool = True) -> State:
        """Return what there is of a document."""
        return self.states([document_id], is_graph_read=is_graph_read)[document_id]

    def states(
        self, document_ids: Iterable[str], *, is_graph_read: bool = True
    ) -> dict[str, State]:
        """Return what there is of some documents."""
        names = {iri_term(document_id): document_id for document_id in document_ids}
        own = f"VALUES ?id {{ {' '.join(names)} }}"
        patterns = [
            in_store("?id ?noted ?o"),
            in_store(f"?id {RECORD} ?record . ?record ?noted ?o"),
            *(["GRAPH ?id { ?s ?p ?o }"] if is_graph_read else []),
        ]
        rows = self._endpoint.bindings(
            "SELECT ?id ?noted ?s ?p ?o (STR(?o) AS ?text)"
            f" {{ {' UNION '.join(f'{{ {own} {each} }}' for each in patterns)} }}"
        )
        noted, quads = defaultdict[str, dict[str, str]](dict), defaultdict[str, set[Quad]](set)
        mixed = set[str]()
        for row in rows:
            name, text = f"<{row['id']['value']}>", result_term(row["o"], row["text"]["value"])
            if "noted" in row:
                what = f"<{row['noted']['value']}>"
                if noted[name].setdefault(what, text) != text:
                    mixed.add(name)
            else:
                said = result_term(row["s"], row["s"]["value"]), f"<{row['p']['value']}>", text
                quads[name].add((name, *said))
        return {
            document_id: State(
                noted[name], frozenset(quads[name]), noted[name].pop(RECORD, ""), name in mixed
            )
            for name, document_id in names.items()
        }

    def are_there(self, shared: set[Quad]) -> bool:
        """Return whether all quads are there that documents share."""
        return not shared or self._endpoint.truth(f"ASK {{ {blocks(shared)} }}")

    def write(self, wishes: Sequence[Wish], shared: set[Quad]) -> bool:
        """Write what differs if nobody was faster; return whether it was written, all or nothing.

        Args:
            wishes: at least one, each of another document.
            shared: quads of the graphs that they share.
        """
        if any(wish.known.is_mixed for wish in wishes):
            return len(wishes) == 1 and self._write_anew(wishes[0], shared)
        stamp = new_stamp()
        revision = string_term(stamp)
        before, after, nodes, conditions = set[Quad](), set[Quad](), set[str](), list[str]()
        for wish in wishes:
            name, known = iri_term(wish.document_id), wish.known
            record = known.record if known.record and not is_record_full() else new_record()
            wanted = wish.wanted.noted | {REVISION: revision}
            goal = replace(wish.wanted, noted=wanted, record=record)
            before |= known.notes(name) | known.quads
            after |= goal.notes(name) | goal.quads
            nodes |= nodes_in(known.quads ^ goal.quads)
            conditions.append(unchanged(name, known))
        gone = before - after
        noted = sought(quad for quad in gone if quad[0] == STORE)
        names = [iri_term(wish.document_id) for wish in wishes]
        return self._changed(
            Change(
                stamp,
                documents={wish.document_id: wish.kind for wish in wishes},
                nodes=nodes,
                shared=nodes_by_graph(shared),
            ),
            removed=blocks({*noted, *(quad for quad in gone if quad[0] != STORE)}),
            added=blocks((after - before) | shared),
            where=blocks(noted) + "".join(conditions),
            is_done=partial(self._are_of_revision, names, stamp),
            are_things=any(wish.changes_things for wish in wishes),
        )

    def _write_anew(self, wish: Wish, shared: set[Quad]) -> bool:
        """Write a document in the place of what two writes at once have left of it."""
        name, stamp = iri_term(wish.document_id), new_stamp()
        revision, record = string_term(stamp), new_record()
        wanted = wish.wanted.noted | {REVISION: revision}
        goal = replace(wish.wanted, noted=wanted, record=record)
        told = Change(
            stamp,
            documents={wish.document_id: wish.kind},
            nodes=nodes_in(wish.known.quads | goal.quads),
            shared=nodes_by_graph(shared),
        )
        return self._changed(
            told,
            before=without(name),
            removed="",
            added=blocks(goal.notes(name) | goal.quads | shared),
            where=is_unknown(name),
            is_done=partial(self._are_of_revision, [name], stamp),
            are_things=wish.kind == layout.THING,
        )

    def remove(self, document_id: str, known: State) -> bool:
        """Remove a document and its graph, if it is still what is known.

        What is known of the graph is written out: a pattern for it would give a solution for each
        triple, and the marks and the entry of the log would be written as often. What else is in
        it, as of another program that wrote at the same moment, goes in the same request.
        """
        name, kind = iri_term(document_id), known.noted[KIND]
        noted = blocks(sought(known.notes(name)))
        before, after = "", rest_of(name)
        removed, where = f"{noted} {blocks(known.quads)}", f"{noted}{unchanged(name, known)}"
        if known.is_mixed:
            before, after, removed, where = without(name), "", "", ""
        return self._changed(
            Change(new_stamp(), removed={document_id: kind[1:-1]}, nodes=nodes_in(known.quads)),
            before=before,
            removed=removed,
            where=where,
            after=after,
            is_done=lambda: not self._endpoint.truth(is_any([name])),
            are_things=kind == _THING,
        )

    def insert(self, insertion: Insertion, *, are_things: bool) -> bool:
        """Write documents if none of them is there; return whether they were written."""
        return self._changed(
            insertion.change,
            removed="",
            added=insertion.added,
            where=insertion.where,
            is_done=partial(self._are_of_revision, insertion.names, insertion.change.stamp),
            are_things=are_things,
        )

    def drop_unused(self, names: Sequence[str]) -> bool:
        """Remove graphs that were shared and that no graph names, also now; return whether any."""
        values = f"VALUES ?g {{ {' '.join(map(iri_term, names))} }}"
        marker = in_store(f"{STORE} {SHARED_GRAPH} ?g")
        removed = f"{marker} GRAPH ?g {{ ?s ?p ?o }}"
        left = f"SELECT ?g {{ {values} {marker} }}"
        return self._changed(
            Change(new_stamp(), dropped=names),
            before=f"DELETE {{ {removed} }} WHERE {{ {values} {removed} {IS_UNUSED} }}",
            removed="",
            where="",
            is_done=lambda: len(self._endpoint.bindings(left)) < len(names),
            are_things=False,
        )

    def drop_loose(self) -> None:
        """Remove records that no document has, and that none had at the last call either.

        Two programs that write and remove one document at the same moment may leave one. A server
        that answers from two moments may name one that is in use: hardly twice.
        """
        loose = frozenset(row["record"]["value"] for row in self._endpoint.bindings(LOOSE_RECORDS))
        certain = sorted(loose & self._loose)
        self._loose = loose.difference(certain)
        for begin in range(0, len(certain), _RECORDS_AT_ONCE):
            self._endpoint.update(without_loose(certain[begin : begin + _RECORDS_AT_ONCE]))
        if certain:
            _log.info("loose_records_removed records=%d", len(certain))

    def _are_of_revision(self, names: Collection[str], revision: str) -> bool:
        """Return whether documents are of a revision, and of no other besides."""
        rows = self._endpoint.bindings(revisions_of(names))
        return [row["revision"]["value"] for row in rows] == [revision] * len(names)

    def _changed(
        self,
        change: Change,
        *,
        removed: str,
        where: str,
        is_done: Callable[[], bool],
        before: str = "",
        after: str = "",
        added: str = "",
        are_things: bool,
    ) -> bool:
        """Send one operation that also counts the store's version on; return whether it was done.

        Args:
            change: what it changes, for the log.
            removed: quads that go.
            where: what must hold.
            is_done: asks whether it was done.
            before: an update that comes first, in the same request.
            after: one that comes last in it.
            added: quads that come.
            are_things: whether it changes what Things say, or which there are.
        """
        is_full = is_record_full()
        own = operation(
            change,
            removed=removed,
            where=where,
            added=added,
            are_things=are_things,
            is_full=is_full,
        )
        self._endpoint.update(" ; ".join(filter(None, (before, own, after))))
        if not is_done():
            return False
        if is_full:
            self._tidy()
        return True

    def _tidy(self) -> None:
        try:
            self._endpoint.update(without_older_entries())
        except StoreError as error:  # what was written is written; the next one removes more
            _log.warning("old_entries_not_removed error=%s", error)
