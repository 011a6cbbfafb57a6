"""Graphs in Oxigraph, and their merge as its default graph.

Oxigraph can ask all graphs at once, but repeats what is in several of them, so that counts are
wrong. Therefore the default graph holds their merge, kept up in the same update.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import pyoxigraph as ox

from orchestrator_app.store.oxigraph_terms import blocks, quads_in


@dataclass(frozen=True)
class GraphChange:
    """What a graph is to hold, as quads of the default graph.

    Attributes:
        is_shared: documents share the graph: what it holds besides stays.
        number: its place in the journal.
        version: the version of the store that it makes.
    """

    graph: ox.NamedNode
    triples: Sequence[ox.Quad] = field(repr=False)
    is_shared: bool = False
    number: int = 0
    version: int = 0


class MergedGraphs:
    """The graphs of an Oxigraph store."""

    def __init__(self, store: ox.Store) -> None:
        self._store = store

    def write(self, changes: Iterable[GraphChange]) -> list[ox.Quad]:
        """Bring graphs to what they are to hold, in one update; return the quads that differ.

        The update is all or nothing, to readers and to crashes. Of several changes of a graph the
        last one counts.
        """
        removed, added, stated = set[ox.Quad](), set[ox.Quad](), list[ox.Quad]()
        for change in _last(changes):
            new = quads_in(change.graph, change.triples)
            old = self._quads(change.graph)
            removed |= set() if change.is_shared else old - new
            added |= new - old
            stated += [ox.Quad(*quad.triple) for quad in new - old] if old else change.triples
        self._update(removed, added, stated)
        return [*removed, *added]

    def _quads(self, graph: ox.NamedNode) -> set[ox.Quad]:
        return set(self._store.quads_for_pattern(None, None, None, graph))

    def _update(
        self, removed: set[ox.Quad], added: set[ox.Quad], stated: Sequence[ox.Quad]
    ) -> None:
        """Write the difference, and what is stated into the merge."""
        if removed:
            gone = {quad for quad in removed if not self._is_elsewhere(quad, removed)}
            self._store.update(
                f"DELETE DATA {{ {blocks(removed)} {_merged(gone)} }};"
                f" INSERT DATA {{ {blocks(added)} {_merged(added)} }}"
            )
        elif added:  # no SPARQL is made of it
            self._store.extend([*added, *stated])

    def _is_elsewhere(self, quad: ox.Quad, removed: set[ox.Quad]) -> bool:
        """Return whether a graph that keeps it states the same triple."""
        same = self._store.quads_for_pattern(quad.subject, quad.predicate, quad.object, None)
        merge = ox.DefaultGraph()
        return any(q.graph_name != merge and q not in removed for q in same)


def _last(changes: Iterable[GraphChange]) -> Collection[GraphChange]:
    """Return the last change of each graph, and every one of a graph that is shared."""
    return {(c.graph, c.number if c.is_shared else -1): c for c in changes}.values()


def _merged(quads: Iterable[ox.Quad]) -> str:
    """Return as SPARQL's QuadData what quads put into the merge of all graphs."""
    return " ".join(f"{quad.triple} ." for quad in quads)
