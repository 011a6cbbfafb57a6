"""Graphs in Oxigraph, and their merge as its default graph.

Oxigraph can ask all graphs at once, but repeats what is in several of them, so that counts are
wrong. Therefore the default graph holds their merge, kept up in the same step.
"""

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

import pyoxigraph as ox

from orchestrator_app.store.oxigraph_terms import blocks, parsed_triples, quads_in, term_text

MANY = 64
"""So many new graphs are loaded faster as files of the engine's than through its memory."""

_AT_ONCE = 32
"""How many graphs one update holds."""

_SUBJECT = re.compile(rb"^<([^>]*)>", re.MULTILINE)


@dataclass(frozen=True)
class GraphChange:
    """What a graph is to hold.

    Attributes:
        n_triples: ground triples as `ground_text` writes them.
        is_shared: documents share the graph: what it holds besides stays.
        number: its place in the journal.
    """

    graph: ox.NamedNode
    n_triples: bytes = field(repr=False)
    is_shared: bool = False
    number: int = 0


@dataclass(frozen=True)
class Written:
    """What a write has changed.

    Attributes:
        subjects: the IRIs of the subjects of what differs.
        n_quads: how many quads the engine keeps in memory for it.
    """

    subjects: frozenset[str] = frozenset()
    n_quads: int = 0

    def __add__(self, other: "Written") -> "Written":
        return Written(self.subjects | other.subjects, self.n_quads + other.n_quads)


class MergedGraphs:
    """The graphs of an Oxigraph store."""

    def __init__(self, store: ox.Store) -> None:
        self._store = store

    def write(self, changes: Iterable[GraphChange], *, is_repair: bool = False) -> Written:
        """Bring graphs to what they are to hold; return what differs.

        Each graph is changed whole or not at all, to readers and to crashes, and those that
        documents share come before those that were there. Of several changes of a graph the last
        one counts.

        Args:
            changes: in their order.
            is_repair: a write of some of them was cut short: the merge is not relied on.
        """
        new, others = self._apart(_last(changes))
        written = self._load(new) if len(new) >= MANY else Written()
        rest = others if len(new) >= MANY else [*new, *others]
        for begin in range(0, len(rest), _AT_ONCE):
            written += self._update(rest[begin : begin + _AT_ONCE], is_repair)
        return written

    def unnamed(self, documents: Container[str]) -> list[str]:
        """Return the graphs that are of no document and that none names.

        Args:
            documents: the names of the graphs of documents.
        """
        names = (graph for graph in self._store.named_graphs() if graph.value not in documents)
        return [g.value for g in names if self._is_there(g) and not self._is_named(g)]

    def _is_named(self, graph: ox.NamedNode | ox.BlankNode) -> bool:
        own = (ox.DefaultGraph(), graph)
        quads = self._store.quads_for_pattern(None, None, graph, None)
        return any(quad.graph_name not in own for quad in quads)

    def _apart(
        self, changes: Iterable[GraphChange]
    ) -> tuple[Sequence[GraphChange], Sequence[GraphChange]]:
        """Return the changes that only add, and those of graphs that are there."""
        new, others = list[GraphChange](), list[GraphChange]()
        for change in changes:
            is_new = change.is_shared or not self._is_there(change.graph)
            (new if is_new else others).append(change)
        return new, others

    def _is_there(self, graph: ox.NamedNode | ox.BlankNode) -> bool:
        return any(True for _ in self._store.quads_for_pattern(None, None, None, graph))

    def _load(self, changes: Sequence[GraphChange]) -> Written:
        """Add what graphs are to hold, in one step.

        The texts were read strictly when they came (`ground_text`), so the engine need not again.
        """
        texts = [change.n_triples for change in changes]
        graphs = (b"%s {\n%s\n}" % (str(c.graph).encode(), c.n_triples) for c in changes)
        trig = b"\n".join([*graphs, *texts])
        self._store.bulk_load(trig, format=ox.RdfFormat.TRIG, lenient=True)
        return Written(frozenset(s.decode() for text in texts for s in _SUBJECT.findall(text)))

    def _update(self, changes: Iterable[GraphChange], is_repair: bool) -> Written:
        """Write what differs, in one update."""
        removed, added, stated = set[ox.Quad](), set[ox.Quad](), list[ox.Quad]()
        for change in changes:
            triples = parsed_triples(change.n_triples, change.graph.value)
            new = quads_in(change.graph, triples)
            old = self._quads(change.graph)
            removed |= set() if change.is_shared else old - new
            added |= new - old
            is_all = is_repair or not old
            stated += triples if is_all else [ox.Quad(*quad.triple) for quad in new - old]
        self._replace(removed, added, stated)
        differing = [*removed, *added]
        return Written(frozenset(term_text(q.subject) for q in differing), len(differing))

    def _quads(self, graph: ox.NamedNode) -> set[ox.Quad]:
        return set(self._store.quads_for_pattern(None, None, None, graph))

    def _replace(
        self, removed: set[ox.Quad], added: set[ox.Quad], stated: Sequence[ox.Quad]
    ) -> None:
        """Write the difference, and what is stated into the merge."""
        if removed:
            gone = {quad for quad in removed if not self._is_elsewhere(quad, removed)}
            self._store.update(
                f"DELETE DATA {{ {blocks(removed)} {_merged(gone)} }};"
                f" INSERT DATA {{ {blocks(added)} {_merged(stated)} }}"
            )
        elif stated:  # no SPARQL is made of it
            self._store.extend([*added, *stated])

    def _is_elsewhere(self, quad: ox.Quad, removed: set[ox.Quad]) -> bool:
        """Return whether a graph that keeps it states the same triple."""
        same = self._store.quads_for_pattern(quad.subject, quad.predicate, quad.object, None)
        merge = ox.DefaultGraph()
        return any(q.graph_name != merge and q not in removed for q in same)


def _last(changes: Iterable[GraphChange]) -> Iterable[GraphChange]:
    """Yield the last change of each graph; of one that is shared, every one since it was removed.

    What a shared graph held before it was removed may stay if it comes back at once.
    """
    last = dict[ox.NamedNode, list[GraphChange]]()
    for change in changes:
        kept = [each for each in last.get(change.graph, ()) if each.is_shared and change.is_shared]
        last[change.graph] = [*kept, change]
    return chain.from_iterable(last.values())


def _merged(quads: Iterable[ox.Quad]) -> str:
    """Return as SPARQL's QuadData what quads put into the merge of all graphs."""
    return " ".join(f"{quad.triple} ." for quad in quads)
