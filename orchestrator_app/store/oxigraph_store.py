"""The embedded store: Oxigraph, on disk or in memory (terms: `oxigraph_terms.py`)."""

import bisect
import hashlib
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyoxigraph as ox
from rdflib.term import Identifier

from orchestrator_app.store import layout
from orchestrator_app.store.changes import ChangeLog
from orchestrator_app.store.errors import (
    KindConflictError,
    StoreUnavailableError,
    UnstorableDocumentError,
)
from orchestrator_app.store.interface import Documents, Rows, Storable, StoredDocument, TextRows
from orchestrator_app.store.oxigraph_terms import (
    blocks,
    parsed_triples,
    quads_in,
    to_oxigraph,
    to_rdflib,
)

_STORE = ox.NamedNode(layout.BOOKKEEPING)
_KIND = ox.NamedNode(layout.KIND)
_REGISTRATION = ox.NamedNode(layout.REGISTRATION)
_LAYOUT = ox.NamedNode(layout.LAYOUT)
_SHARED_GRAPH = ox.NamedNode(layout.SHARED_GRAPH)

#: What Oxigraph has not yet moved into its files is held in memory, about 1 KB a quad.
_FLUSH_AFTER_QUADS = 25_000

_IdsByKind = defaultdict[str, list[str]]


class OxigraphStore:
    """The embedded store: on disk in a directory, or in memory without one.

    One process holds a directory at a time. The ids are kept in memory, in order, so that a
    page of a list costs the same wherever it is.

    Oxigraph can ask all graphs at once, but repeats what is in several of them, so that counts
    are wrong. Therefore the default graph holds their merge, kept up in the same update.
    """

    def __init__(self, directory: Path | None = None) -> None:
        """Open the store, or make it.

        Raises:
            StoreLayoutError: a newer program has laid it out.
            StoreUnavailableError: another process holds the directory, or it cannot be read.
        """
        self._on_disk = directory is not None
        self._write_lock = threading.Lock()
        self._version = 0
        self._changes = ChangeLog()
        self._unflushed_quads = 0
        self._digests: dict[str, bytes] = {}
        self._shared_graphs: set[tuple[str, bytes]] = set()
        self._store: ox.Store | None = _opened(directory)
        self._check_layout(str(directory))
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
        graph = _named(document.id)
        text = document.n_triples + b"\n" + extra_triples
        noted = _noted(graph, layout.bookkeeping(kind, document.document, registration))
        digest = hashlib.sha256(text).digest()
        with self._write_lock:
            known_kind = self._kind(graph)
            if known_kind not in (None, kind):
                raise KindConflictError(document.id, known_kind, kind)
            shared = self._unknown_shared(shared_graphs or {})
            if known_kind is None and not self._has_quads(graph):
                self._insert(parsed_triples(text, graph), graph, noted | shared)
            elif self._digests.get(document.id) == digest:
                old = set(self._db.quads_for_pattern(graph, None, None, _STORE))
                self._write(old - noted, (noted - old) | shared)
            else:
                new = noted | quads_in(graph, parsed_triples(text, graph))
                old = self._quads(graph)
                self._write(old - new - shared, (new | shared) - old)
            self._digests[document.id] = digest
            self._shared_graphs.update(_digested(shared_graphs or {}))
            if known_kind is None:
                bisect.insort(self._ids[kind], document.id)
        return known_kind is None

    def renew(self, document_id: str, registration: Mapping[str, Any]) -> bool:
        """See `Store.renew`."""
        graph = _named(document_id)
        new = _noted(graph, {layout.REGISTRATION: layout.registration_text(registration)})
        with self._write_lock:
            old = set(self._db.quads_for_pattern(graph, _REGISTRATION, None, _STORE))
            if old:
                self._write(old - new, new - old)
        return bool(old)

    def get(self, document_id: str) -> StoredDocument | None:
        """See `Store.get`."""
        return self._read(document_id) if layout.is_graph_name(document_id) else None

    def list(self, kind: str, *, limit: int | None = None, offset: int = 0) -> Documents:
        """See `Store.list`."""
        end = None if limit is None else offset + limit
        found = (self._read(document_id) for document_id in self._ids[kind][offset:end])
        return [document for document in found if document is not None]

    def count(self, kind: str) -> int:
        """See `Store.count`."""
        return len(self._ids[kind])

    def delete(self, document_id: str) -> bool:
        """See `Store.delete`."""
        if not layout.is_graph_name(document_id):
            return False
        graph = ox.NamedNode(document_id)
        with self._write_lock:
            kind = self._kind(graph)
            if kind is None:
                return False
            self._digests.pop(document_id, None)
            self._write(self._quads(graph), set())
            ids = self._ids[kind]
            del ids[bisect.bisect_left(ids, document_id)]
        return True

    def select(self, query: str, **bindings: Identifier) -> Rows:
        """See `Store.select`."""
        solutions = self._query(query, bindings)
        names = [variable.value for variable in solutions.variables]
        return [
            {
                name: bindings[name] if name in bindings else to_rdflib(term)
                for name, term in zip(names, solution, strict=True)
                if term is not None
            }
            for solution in solutions
        ]

    def select_texts(self, query: str) -> TextRows:
        """See `Store.select_texts`."""
        solutions = self._query(query, {})
        return [tuple([None if term is None else term.value for term in row]) for row in solutions]

    def ask(self, query: str, **bindings: Identifier) -> bool:
        """See `Store.ask`."""
        return bool(self._query(query, bindings))

    def version(self) -> int:
        """See `Store.version`."""
        return self._version

    def changed_since(self, version: int) -> frozenset[str] | None:
        """See `Store.changed_since`."""
        with self._write_lock:
            return self._changes.since(version)

    def checkpoint(self, directory: Path, *, with_bookkeeping: bool = False) -> None:
        """See `Store.checkpoint`; on disk, files are linked and nothing is read."""
        if self._on_disk:
            self._db.backup(str(directory))
            if with_bookkeeping:
                return
            copy = ox.Store(str(directory))
        else:
            copy = ox.Store(str(directory))
            copy.bulk_extend(iter(self._db))
        copy.clear_graph(_STORE)
        copy.remove_graph(_STORE)
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
            raise StoreUnavailableError("the store is closed")
        return self._store

    def _check_layout(self, place: str) -> None:
        """Refuse the layout of a newer program; note the own one in a new store."""
        found = [_text(q.object) for q in self._db.quads_for_pattern(_STORE, _LAYOUT, None, _STORE)]
        for version in found:
            layout.check_layout(version, place)
        if not found:
            self._db.add(ox.Quad(_STORE, _LAYOUT, ox.Literal(str(layout.LAYOUT_VERSION)), _STORE))

    def _read(self, document_id: str) -> StoredDocument | None:
        rows = self._db.quads_for_pattern(ox.NamedNode(document_id), None, None, _STORE)
        noted = {quad.predicate.value: _text(quad.object) for quad in rows}
        return layout.stored_document(document_id, noted)

    def _read_ids(self) -> _IdsByKind:
        ids = _IdsByKind(list)
        for quad in self._db.quads_for_pattern(None, _KIND, None, _STORE):
            ids[_text(quad.object)].append(_text(quad.subject))
        for known in ids.values():
            known.sort()
        return ids

    def _kind(self, graph: ox.NamedNode) -> str | None:
        quads = self._db.quads_for_pattern(graph, _KIND, None, _STORE)
        return next((_text(quad.object) for quad in quads), None)

    def _quads(self, graph: ox.NamedNode) -> set[ox.Quad]:
        own = set(self._db.quads_for_pattern(None, None, None, graph))
        return own | set(self._db.quads_for_pattern(graph, None, None, _STORE))

    def _has_quads(self, graph: ox.NamedNode) -> bool:
        found = self._db.quads_for_pattern(None, None, None, graph)
        return next(iter(found), None) is not None

    def _unknown_shared(self, graphs: Mapping[str, bytes]) -> set[ox.Quad]:
        """Return the quads of shared graphs that are not there, reading each graph once."""
        missing: set[ox.Quad] = set()
        for name, digest in _digested(graphs):
            if (name, digest) not in self._shared_graphs:
                graph = _named(name)
                wanted = quads_in(graph, parsed_triples(graphs[name], graph))
                wanted.add(ox.Quad(_STORE, _SHARED_GRAPH, graph, _STORE))
                missing.update(quad for quad in wanted if quad not in self._db)
        return missing

    def _insert(
        self, document: Sequence[ox.Quad], graph: ox.NamedNode, others: Iterable[ox.Quad]
    ) -> None:
        """Write a document that is new: nothing is read, and no SPARQL made of it.

        Args:
            document: its triples, as quads of the default graph.
            graph: its graph.
            others: what is noted about it, and what is shared.
        """
        shared = [quad for quad in others if quad.graph_name != _STORE]
        named = [*quads_in(graph, document), *shared]
        self._db.extend([*others, *named, *document, *(ox.Quad(*q.triple) for q in shared)])
        self._note_written(named)

    def _write(self, removed: set[ox.Quad], added: set[ox.Quad]) -> None:
        """Write what differs in one update, which is all or nothing to readers and to crashes."""
        if removed or added:
            gone = {quad for quad in removed if not self._is_elsewhere(quad, removed)}
            self._db.update(
                f"DELETE DATA {{ {blocks(removed)} {_merged(gone)} }};"
                f" INSERT DATA {{ {blocks(added)} {_merged(added)} }}"
            )
            self._note_written([*removed, *added])

    def _note_written(self, quads: Sequence[ox.Quad]) -> None:
        """Count the version on, and keep the memory small that new quads take.

        They are safe on disk already.
        """
        self._version += 1
        changed = (quad.subject for quad in quads if quad.graph_name != _STORE)
        self._changes.note(self._version, {_text(subject) for subject in changed})
        self._unflushed_quads += len(quads)
        if self._on_disk and self._unflushed_quads > _FLUSH_AFTER_QUADS:
            self._db.flush()
            self._unflushed_quads = 0

    def _is_elsewhere(self, quad: ox.Quad, removed: set[ox.Quad]) -> bool:
        """Return whether another document states the same triple."""
        same = self._db.quads_for_pattern(quad.subject, quad.predicate, quad.object, None)
        unmerged = (_STORE, ox.DefaultGraph())
        return any(q.graph_name not in unmerged and q not in removed for q in same)

    def _query(self, query: str, bindings: Mapping[str, Identifier]) -> Any:
        substitutions = {ox.Variable(name): to_oxigraph(term) for name, term in bindings.items()}
        return self._db.query(query, substitutions=substitutions or None)


def write_copy(results: Path, directory: Path) -> None:
    """Write a store of the rows `?g ?s ?p ?o` of a query's results in JSON.

    Args:
        results: the file of SPARQL results.
        directory: where the store is made.
    """
    copy = ox.Store(str(directory))
    rows: Any = ox.parse_query_results(path=str(results), format=ox.QueryResultsFormat.JSON)
    copy.bulk_extend(quad for row in rows for quad in _copied(row))
    copy.flush()


def _copied(row: Any) -> tuple[ox.Quad, ox.Quad]:
    """Return a row as a quad of its graph, and of the merge of all graphs."""
    triple = row["s"], row["p"], row["o"]
    return ox.Quad(*triple, row["g"]), ox.Quad(*triple)


def _opened(directory: Path | None) -> ox.Store:
    if directory is None:
        return ox.Store()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return ox.Store(str(directory))
    except OSError as error:
        raise StoreUnavailableError(
            f"the store in {directory} cannot be opened: {error}"
        ) from error


def _named(document_id: str) -> ox.NamedNode:
    try:
        return ox.NamedNode(layout.graph_name(document_id))
    except ValueError as error:
        raise UnstorableDocumentError(f"{document_id!r} is not an IRI: {error}") from error


def _digested(graphs: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    for name, n_triples in graphs.items():
        yield name, hashlib.sha256(n_triples).digest()


def _noted(subject: ox.NamedNode, noted: Mapping[str, str]) -> set[ox.Quad]:
    return {
        ox.Quad(subject, ox.NamedNode(predicate), ox.Literal(text), _STORE)
        for predicate, text in noted.items()
    }


def _merged(quads: Iterable[ox.Quad]) -> str:
    """Return as SPARQL's QuadData what quads put into the merge of all graphs."""
    return " ".join(str(quad.triple) + " ." for quad in quads if quad.graph_name != _STORE)


def _text(term: Any) -> str:
    return str(term.value)
