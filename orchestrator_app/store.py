"""The graph store: one named graph per document, and the document's JSON text beside it.

The only import of pyoxigraph. The JSON text and the registration live in the graph
`urn:wasmiot:store`, so that one atomic update writes all of a document or nothing of it;
`checkpoint` leaves that graph out, so strangers' queries never meet it.
"""

import bisect
import json
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pyoxigraph as ox
import rdflib
from rdflib.term import BNode, Identifier, Literal, URIRef

BOOKKEEPING = "urn:wasmiot:store"
_STORE_GRAPH = ox.NamedNode(BOOKKEEPING)
_KIND = ox.NamedNode(f"{BOOKKEEPING}#kind")
_JSON = ox.NamedNode(f"{BOOKKEEPING}#json")
_XSD_STRING = ox.NamedNode(str(rdflib.XSD.string))
_REGISTRATION = ox.NamedNode(f"{BOOKKEEPING}#registration")


class Storable(Protocol):
    """What can be put: a `wasmiot_td.thing_description.LoadedDocument`, or its like."""

    @property
    def id(self) -> str:
        """The IRI, also the name of the graph."""

    @property
    def document(self) -> Mapping[str, Any]:
        """The canonical JSON form."""

    @property
    def n_triples(self) -> bytes:
        """The graph."""


@dataclass(frozen=True)
class StoredDocument:
    """A document as it is kept."""

    id: str
    kind: str
    document: dict[str, Any]
    registration: dict[str, Any] = field(default_factory=dict)


# A store's method `list` hides the builtin inside its class, so the types are named here.
Documents = list[StoredDocument]
Rows = list[dict[str, Identifier]]
_IdsByKind = defaultdict[str, list[str]]


class StoreError(Exception):
    """The root of what a store refuses."""


class UnstorableDocumentError(StoreError):
    """Its id or its triples cannot be written into a graph of their own."""


class KindConflictError(StoreError):
    """The id belongs to a document of another kind."""


class Store(Protocol):
    """Documents with their graphs, and questions over the union of all graphs."""

    def put(
        self,
        document: Storable,
        *,
        kind: str,
        registration: Mapping[str, Any] | None = None,
        extra_triples: bytes = b"",
        shared_graphs: Mapping[str, bytes] | None = None,
    ) -> bool:
        """Write a document in one atomic update, replacing one of the same id.

        Args:
            document: id, JSON form and N-Triples.
            kind: `thing`, `module`, `manifest`, `solution` or `deployment`.
            registration: what the directory notes about it.
            extra_triples: derived N-Triples that go into the document's graph.
            shared_graphs: derived N-Triples by the name of a graph that documents share,
                added if they are not there. (The union of all graphs repeats a triple that is
                in several of them, so what is shared is written once.)

        Returns:
            Whether the id is new.

        Raises:
            UnstorableDocumentError: an IRI or a triple is malformed, or the id is reserved.
            KindConflictError: the id belongs to a document of another kind.
        """

    def get(self, document_id: str) -> StoredDocument | None:
        """Return a document, or None."""

    def list(self, kind: str, *, limit: int | None = None, offset: int = 0) -> Documents:
        """Return the documents of a kind, ascending by id in code point order."""

    def count(self, kind: str) -> int:
        """Return how many documents of a kind there are."""

    def delete(self, document_id: str) -> bool:
        """Remove a document and its graph; return whether it was there."""

    def select(self, query: str, **bindings: Identifier) -> Rows:
        """Answer a trusted SELECT over the union of all graphs.

        A binding replaces a variable everywhere; the query must project that variable.
        """

    def ask(self, query: str, **bindings: Identifier) -> bool:
        """Answer a trusted ASK over the union of all graphs; bindings replace variables."""

    def version(self) -> int:
        """Return a number that grows with every change."""

    def checkpoint(self, directory: Path) -> None:
        """Write a copy of all graphs but the bookkeeping to a new directory."""

    def close(self) -> None:
        """Release the store and its lock."""


class OxigraphStore:
    """The embedded store: on disk in a directory, or in memory without one."""

    def __init__(self, directory: Path | None = None) -> None:
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
        self._on_disk = directory is not None
        self._store: ox.Store | None = ox.Store(str(directory)) if directory else ox.Store()
        self._write_lock = threading.Lock()
        self._version = 0
        self._ids = self._read_ids()

    def put(
        self,
        document: Storable,
        *,
        kind: str,
        registration: Mapping[str, Any] | None = None,
        extra_triples: bytes = b"",
        shared_graphs: Mapping[str, bytes] | None = None,
    ) -> bool:
        """See `Store.put`."""
        graph = _graph_name(document.id)
        new = set(_parse(document.n_triples + b"\n" + extra_triples, graph))
        new |= set(_bookkeeping(graph, kind, document.document, registration or {}))
        for name, triples in (shared_graphs or {}).items():
            new |= set(_parse(triples, _graph_name(name)))
        with self._write_lock:
            known_kind = self._kind(graph)
            if known_kind not in (None, kind):
                raise KindConflictError(f"{document.id} is a {known_kind} already, not a {kind}")
            self._replace(graph, self._quads(graph), new)
            if known_kind is None:
                bisect.insort(self._ids[kind], document.id)
        return known_kind is None

    def get(self, document_id: str) -> StoredDocument | None:
        """See `Store.get`."""
        try:
            subject = ox.NamedNode(document_id)
        except ValueError:
            return None
        rows = self._db.quads_for_pattern(subject, None, None, _STORE_GRAPH)
        values = {quad.predicate: _text(quad.object) for quad in rows}
        if not values:
            return None
        return StoredDocument(
            document_id,
            values[_KIND],
            json.loads(values[_JSON]),
            json.loads(values[_REGISTRATION]),
        )

    def list(self, kind: str, *, limit: int | None = None, offset: int = 0) -> Documents:
        """See `Store.list`."""
        end = None if limit is None else offset + limit
        found = (self.get(document_id) for document_id in self._ids[kind][offset:end])
        return [document for document in found if document is not None]

    def count(self, kind: str) -> int:
        """See `Store.count`."""
        return len(self._ids[kind])

    def delete(self, document_id: str) -> bool:
        """See `Store.delete`."""
        try:
            graph = _graph_name(document_id)
        except UnstorableDocumentError:
            return False
        with self._write_lock:
            kind = self._kind(graph)
            if kind is None:
                return False
            self._replace(graph, self._quads(graph), set())
            self._ids[kind].remove(document_id)
        return True

    def select(self, query: str, **bindings: Identifier) -> Rows:
        """See `Store.select`."""
        solutions = self._query(query, bindings)
        names = [variable.value for variable in solutions.variables]
        return [
            {name: to_rdflib(term) for name in names if (term := row[name]) is not None}
            for row in solutions
        ]

    def ask(self, query: str, **bindings: Identifier) -> bool:
        """See `Store.ask`."""
        return bool(self._query(query, bindings))

    def version(self) -> int:
        """See `Store.version`."""
        return self._version

    def checkpoint(self, directory: Path) -> None:
        """See `Store.checkpoint`."""
        if self._on_disk:
            self._db.backup(str(directory))
            copy = ox.Store(str(directory))
        else:
            copy = ox.Store(str(directory))
            copy.bulk_extend(iter(self._db))
        copy.update(f"DROP SILENT GRAPH {_STORE_GRAPH}")
        copy.flush()

    def close(self) -> None:
        """See `Store.close`."""
        with self._write_lock:
            if self._store is not None and self._on_disk:
                self._store.flush()
            self._store = None

    @property
    def _db(self) -> ox.Store:
        if self._store is None:
            raise StoreError("the store is closed")
        return self._store

    def _read_ids(self) -> _IdsByKind:
        ids = _IdsByKind(list)
        for quad in self._db.quads_for_pattern(None, _KIND, None, _STORE_GRAPH):
            ids[_text(quad.object)].append(_text(quad.subject))
        for known in ids.values():
            known.sort()
        return ids

    def _kind(self, graph: ox.NamedNode) -> str | None:
        quads = self._db.quads_for_pattern(graph, _KIND, None, _STORE_GRAPH)
        return next((_text(quad.object) for quad in quads), None)

    def _quads(self, graph: ox.NamedNode) -> set[ox.Quad]:
        own = set(self._db.quads_for_pattern(None, None, None, graph))
        return own | set(self._db.quads_for_pattern(graph, None, None, _STORE_GRAPH))

    def _replace(self, graph: ox.NamedNode, old: set[ox.Quad], new: set[ox.Quad]) -> None:
        """Write the difference in one update; a graph with blank nodes is replaced whole."""
        update = f"INSERT DATA {{ {_blocks(new - old)} }}"
        if any(_has_blank_node(quad) for quad in old):
            own = {quad for quad in old if quad.graph_name == graph}
            rest = (old - own) - new
            kept = {quad for quad in new if quad.graph_name == graph} | (new - old)
            update = f"INSERT DATA {{ {_blocks(kept)} }}"
            update = f"DROP SILENT GRAPH {graph}; DELETE DATA {{ {_blocks(rest)} }}; {update}"
        elif old - new:
            update = f"DELETE DATA {{ {_blocks(old - new)} }}; {update}"
        self._db.update(update)
        self._version += 1

    def _query(self, query: str, bindings: Mapping[str, Identifier]) -> Any:
        substitutions = {ox.Variable(name): to_oxigraph(term) for name, term in bindings.items()}
        return self._db.query(
            query, use_default_graph_as_union=True, substitutions=substitutions or None
        )


def to_rdflib(term: Any) -> Identifier:
    """Return the rdflib term of an Oxigraph term."""
    if isinstance(term, ox.NamedNode):
        return URIRef(term.value)
    if isinstance(term, ox.BlankNode):
        return BNode(term.value)
    if isinstance(term, ox.Literal):
        if term.language or term.datatype == _XSD_STRING:
            return Literal(term.value, lang=term.language)
        return Literal(term.value, datatype=URIRef(term.datatype.value))
    raise ValueError(f"Unexpected term {term!r}")


def to_oxigraph(term: Identifier) -> Any:
    """Return the Oxigraph term of an rdflib term."""
    if isinstance(term, URIRef):
        return ox.NamedNode(str(term))
    if isinstance(term, BNode):
        return ox.BlankNode(str(term))
    if isinstance(term, Literal):
        if term.language:
            return ox.Literal(str(term), language=term.language)
        return ox.Literal(str(term), datatype=ox.NamedNode(str(term.datatype or rdflib.XSD.string)))
    raise ValueError(f"Unexpected term {term!r}")


def _graph_name(document_id: str) -> ox.NamedNode:
    if document_id.startswith(BOOKKEEPING):
        raise UnstorableDocumentError(f"ids that begin with {BOOKKEEPING} are reserved")
    try:
        return ox.NamedNode(document_id)
    except ValueError as error:
        raise UnstorableDocumentError(f"{document_id!r} is not an IRI: {error}") from error


def _parse(n_triples: bytes, graph: ox.NamedNode) -> Iterable[ox.Quad]:
    """Parse triples, not quads: whatever the text holds, it stays in this graph."""
    try:
        triples = list(ox.parse(n_triples, format=ox.RdfFormat.N_TRIPLES))
    except (SyntaxError, ValueError) as error:
        raise UnstorableDocumentError(
            f"the graph of {graph.value} cannot be kept: {error}"
        ) from error
    return [ox.Quad(t.subject, t.predicate, t.object, graph) for t in triples]


def _bookkeeping(
    subject: ox.NamedNode,
    kind: str,
    document: Mapping[str, Any],
    registration: Mapping[str, Any],
) -> Iterable[ox.Quad]:
    values = ((_KIND, kind), (_JSON, _dump(document)), (_REGISTRATION, _dump(registration)))
    try:
        return [ox.Quad(subject, name, ox.Literal(text), _STORE_GRAPH) for name, text in values]
    except UnicodeEncodeError as error:
        raise UnstorableDocumentError(f"{subject.value} holds a lone surrogate: {error}") from error


def _dump(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _blocks(quads: Iterable[ox.Quad]) -> str:
    """Return quads as SPARQL's QuadData; a term's own form is N-Triples, so already escaped."""
    return " ".join(
        f"GRAPH {quad.graph_name} {{ {quad.subject} {quad.predicate} {quad.object} }}"
        for quad in quads
    )


def _text(term: Any) -> str:
    return str(term.value)


def _has_blank_node(quad: ox.Quad) -> bool:
    return isinstance(quad.subject, ox.BlankNode) or isinstance(quad.object, ox.BlankNode)
