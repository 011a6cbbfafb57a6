"""What is known of classes and interfaces: our own ontology, and those that an operator uploads.

`/ontologies/{name}`. Every statement between IRIs is in the graph, so that queries see it too; what
is said of blank nodes (restrictions, mostly) is only kept in the text. Nothing is imported: what an
ontology names as its `owl:imports` is uploaded besides.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from rdflib import OWL, RDFS, BNode, Graph, URIRef

from orchestrator_app.semantic_types import KIND, PREFIX
from orchestrator_app.store import Store, StoredDocument
from wasmiot_td.namespaces import WASMIOT
from wasmiot_td.problem import ProblemError
from wasmiot_td.resources import resource_directory
from wasmiot_td.turtle import TurtleError, read_turtle

OWN = "wasmiot"
OWN_ID = PREFIX + OWN
MOST_TRIPLES = 100_000
MOST_BYTES = 16 * 1024 * 1024

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_MATTERS = {
    str(RDFS.subClassOf): "subclasses",
    str(OWL.equivalentClass): "equivalents",
}


@dataclass(frozen=True)
class _Stored:
    """An ontology as the store takes it."""

    id: str
    document: dict[str, Any]
    n_triples: bytes


class Ontologies:
    """The ontologies of one orchestrator."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put_own(self) -> None:
        """Have our own statements in the graph, as this program has them."""
        self._store.put(_own(), kind=KIND)

    def put(self, name: str, turtle: bytes) -> bool:
        """Take in an ontology, replacing one of the same name; return whether it is new.

        Raises:
            ProblemError: 422 for a name or a text that cannot be used; 409 for our own.
        """
        _require_other(name)
        if not _NAME.fullmatch(name):
            detail = "an ontology's name has lower-case letters, digits and dashes, at most 64"
            raise ProblemError(422, "Name not usable", detail)
        return self._store.put(_stored(name, _parsed(turtle), turtle.decode()), kind=KIND)

    def names(self) -> list[str]:
        """Return the names of all ontologies."""
        return [str(found.document["name"]) for found in self._store.list(KIND)]

    def require(self, name: str) -> bytes:
        """Return an ontology, in Turtle.

        Raises:
            ProblemError: 404.
        """
        return str(self._existing(name).document["turtle"]).encode()

    def delete(self, name: str) -> None:
        """Remove an ontology.

        Raises:
            ProblemError: 404; 409 for our own.
        """
        _require_other(name)
        self._store.delete(self._existing(name).id)

    def _existing(self, name: str) -> StoredDocument:
        stored = self._store.get(PREFIX + name) if _NAME.fullmatch(name) else None
        if stored is None or stored.kind != KIND:
            raise ProblemError(404, "Unknown ontology", f"no ontology is called {name[:100]!r}")
        return stored


@cache
def own_graph() -> Graph:
    """Return all of our own ontology; it must not be changed."""
    graph = Graph()
    for path in sorted(resource_directory("ontology").glob("*.ttl")):
        graph.parse(path, format="turtle")
    return graph


@cache
def _own() -> _Stored:
    """Return what our own ontology says of classes and interfaces, and nothing else of it."""
    kept = Graph()
    for term in (RDFS.subClassOf, OWL.equivalentClass, WASMIOT.implies):
        for triple in own_graph().triples((None, URIRef(term), None)):
            kept.add(triple)
    return _stored(OWN, kept, kept.serialize(format="turtle"))


def _stored(name: str, graph: Graph, turtle: str) -> _Stored:
    named = sorted(
        (subject, predicate, value)
        for subject, predicate, value in graph
        if not isinstance(subject, BNode) and not isinstance(value, BNode)
    )
    pairs: dict[str, list[list[str]]] = {key: [] for key in _MATTERS.values()}
    for subject, predicate, value in named:
        if str(predicate) in _MATTERS:
            pairs[_MATTERS[str(predicate)]].append([str(subject), str(value)])
    lines = "".join(f"{s.n3()} {p.n3()} {o.n3()} .\n" for s, p, o in named)
    return _Stored(PREFIX + name, {"name": name, "turtle": turtle, **pairs}, lines.encode())


def _parsed(turtle: bytes) -> Graph:
    try:
        graph = read_turtle(turtle, most_characters=MOST_BYTES, most_triples=MOST_TRIPLES)
    except TurtleError as error:
        raise ProblemError(422, "No Turtle", f"the ontology: {error}") from error
    if not graph:
        detail = f"an ontology has 1 to {MOST_TRIPLES} triples, and this has none"
        raise ProblemError(422, "Ontology refused", detail)
    return graph


def _require_other(name: str) -> None:
    if name == OWN:
        detail = f"{OWN!r} is this program's own ontology; upload yours under another name"
        raise ProblemError(409, "Name taken", detail)
