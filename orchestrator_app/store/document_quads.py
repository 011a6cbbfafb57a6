"""Documents as quads of a graph server, and quads as the text of its updates.

Pure: what is sent when is `sparql_store.py`'s.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from orchestrator_app.store import layout
from orchestrator_app.store.changes import nodes_of
from orchestrator_app.store.ground_triples import Triple, iri_term, read_triples, string_term
from orchestrator_app.store.interface import Put
from orchestrator_app.store.server_layout import (
    JSON,
    KIND,
    RECORD,
    RECORDED,
    REVISION,
    SHARED_GRAPH,
    STORE,
    is_of_revision,
    is_unknown,
)

Quad = tuple[str, str, str, str]


@dataclass(frozen=True)
class State:
    """A document as the server has it.

    Attributes:
        noted: what is noted of it, by predicate.
        quads: of its graph.
        record: what that is noted of, but its kind; empty if it is not there.
        is_mixed: it is of two writes that a server did not keep apart, and what is here is a part.
    """

    noted: dict[str, str] = field(default_factory=dict)
    quads: frozenset[Quad] = frozenset()
    record: str = ""
    is_mixed: bool = False

    @property
    def is_there(self) -> bool:
        """Whether there is such a document."""
        return KIND in self.noted and bool(self.record)

    def notes(self, name: str) -> set[Quad]:
        """Return the quads of what is noted of the document of a name."""
        if not self.is_there:
            return set()
        said = {(STORE, self.record, p, self.noted[p]) for p in RECORDED if p in self.noted}
        return {(STORE, name, KIND, self.noted[KIND]), (STORE, name, RECORD, self.record)} | said

    def says_the_same(self, other: "State") -> bool:
        """Return whether only what is noted about the document differs, if anything does."""
        return self.noted.get(JSON) == other.noted.get(JSON) and self.quads == other.quads


def wanted_of(put: Put) -> tuple[State, set[Quad]]:
    """Return what is to be there of a document, and of the graphs that it shares."""
    graph = layout.graph_name(put.document.id)
    noted = layout.bookkeeping(put.kind, put.document.document, put.registration)
    wanted = {f"<{predicate}>": string_term(text) for predicate, text in noted.items()}
    triples = read_triples(put.document.n_triples + b"\n" + put.extra_triples, graph)
    shared: set[Quad] = set()
    for name, text in (put.shared_graphs or {}).items():
        shared |= shared_quads(name, text)
    return State(wanted, frozenset(in_graph(graph, triples))), shared


@lru_cache(64)
def shared_quads(name: str, n_triples: bytes) -> frozenset[Quad]:
    """Return the quads of a graph that documents share, and that say that they do."""
    marker = (STORE, STORE, SHARED_GRAPH, iri_term(name))
    triples = read_triples(n_triples, name)
    return frozenset([marker, *in_graph(layout.graph_name(name), triples)])


def unchanged(name: str, known: State) -> str:
    """Return the condition that a document is still what is known, or still not there."""
    if not known.is_there:
        return is_unknown(name)
    return is_of_revision(name, known.record, known.noted[REVISION])


def sought(quads: Iterable[Quad]) -> set[Quad]:
    """Return the pattern of quads whose objects are not written out: they may be long."""
    return {(*quad[:3], f"?old{number}") for number, quad in enumerate(sorted(quads))}


def nodes_in(quads: Iterable[Quad]) -> frozenset[str]:
    """Return the nodes that quads are about."""
    return nodes_of(subject[1:-1] for _, subject, _, _ in quads)


def nodes_by_graph(quads: Iterable[Quad]) -> dict[str, list[str]]:
    """Return the nodes that quads are about, by the graph; but for what is noted of the store."""
    found = defaultdict[str, set[str]](set)
    for graph, subject, _, _ in quads:
        if graph != STORE:
            found[graph[1:-1]] |= nodes_of([subject[1:-1]])
    return {graph: sorted(nodes) for graph, nodes in found.items()}


def in_graph(graph: str, triples: Iterable[Triple]) -> set[Quad]:
    """Return triples as quads of a graph."""
    name = iri_term(graph)
    return {(name, *triple) for triple in triples}


def blocks(quads: Iterable[Quad]) -> str:
    """Return quads as SPARQL's, each graph and each subject written once."""
    graphs = defaultdict[str, dict[str, list[str]]](lambda: defaultdict(list))
    for graph, subject, predicate, term in quads:
        graphs[graph][subject].append(f"{predicate} {term}")
    return " ".join(f"GRAPH {graph} {{ {_joined(said)} }}" for graph, said in graphs.items())


def _joined(subjects: Mapping[str, Iterable[str]]) -> str:
    return " . ".join(f"{subject} {' ; '.join(said)}" for subject, said in subjects.items())
