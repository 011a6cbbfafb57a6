"""The embedded store: documents in SQLite, their graphs in Oxigraph, on disk or in memory."""

import bisect
import hashlib
import secrets
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyoxigraph as ox
from rdflib.term import Identifier

from orchestrator_app.store import layout
from orchestrator_app.store.documents import FILE_NAME, DocumentFile, GraphText, Row
from orchestrator_app.store.engine import Engine
from orchestrator_app.store.errors import (
    KindConflictError,
    StoreError,
    StoreUnavailableError,
    UnstorableDocumentError,
)
from orchestrator_app.store.interface import (
    Documents,
    Outcomes,
    Page,
    Put,
    Rows,
    Storable,
    StoredDocument,
    TextRows,
)
from orchestrator_app.store.journalled_graph import JournalledGraph, named_node
from orchestrator_app.store.merged_graphs import MergedGraphs
from orchestrator_app.store.older_layout import move_documents
from orchestrator_app.store.oxigraph_terms import ground_text, to_oxigraph, to_rdflib

_NO_GRAPH = hashlib.sha256(b"\n").digest()


@dataclass
class _Batch:
    """What one transaction writes.

    Attributes:
        rows: by id.
        texts: graphs, in the order of the journal.
        shared: names and digests of the shared graphs among them.
        kinds: of the documents that are new or say anything else.
    """

    rows: dict[str, Row] = field(default_factory=dict)
    texts: list[GraphText] = field(default_factory=list)
    shared: set[tuple[str, bytes]] = field(default_factory=set)
    kinds: set[str] = field(default_factory=set)


class OxigraphStore:
    """The embedded store: on disk in a directory, or in memory without one.

    One process holds a directory at a time. A write is done when the document, its registration
    and its graph are committed to SQLite (`documents.py`); Oxigraph is brought up to that before
    it is asked (`graph_writer.py`). The ids are kept in memory, in order, so that a page of a list
    costs the same wherever it is.
    """

    def __init__(self, directory: Path | None = None, *, is_synced: bool = False) -> None:
        """Open the store, or make it.

        Args:
            directory: where it is kept; in memory if None.
            is_synced: a write waits until the disk has it.

        Raises:
            StoreLayoutError: a newer program has laid it out.
            StoreUnavailableError: another process holds the directory, or it cannot be read.
        """
        self._on_disk = directory is not None
        self._write_lock, self._copy_lock = threading.Lock(), threading.Lock()
        self._is_closed = False
        self._version = self._graph_version = 0
        self._shared_graphs: set[tuple[str, bytes]] = set()
        self._states, self._opening = Counter[str](), secrets.token_hex(4)
        self._engine = Engine(directory)
        self._documents = DocumentFile(directory, is_synced=is_synced)
        with self._engine.in_use():
            move_documents(self._engine.store, self._documents, str(directory))
        self._graph = JournalledGraph(self._engine, self._documents, self._copy_lock)
        self._ids = defaultdict[str, list[str]](list)
        self._kinds: dict[str, str] = {}
        for kind, document_id in self._documents.ids():
            self._ids[kind].append(document_id)
            self._kinds[document_id] = sys.intern(kind)

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
        put = Put(document, kind, registration, extra_triples, shared_graphs)
        outcome = self.put_many([put])[0]
        if isinstance(outcome, StoreError):
            raise outcome
        return outcome

    def put_many(self, puts: Sequence[Put]) -> Outcomes:
        """See `Store.put_many`; all is one transaction."""
        with self._write_lock:
            batch = _Batch()
            outcomes = [self._outcome(put, batch) for put in puts]
            if batch.rows:
                self._keep(batch.rows.values(), batch.texts)
            self._states.update(batch.kinds)
            self._shared_graphs |= batch.shared
            for document_id, row in batch.rows.items():
                self._note_id(document_id, row.noted[layout.KIND])
        return outcomes

    def renew(self, document_id: str, registration: Mapping[str, Any]) -> bool:
        """See `Store.renew`."""
        new = {layout.REGISTRATION: layout.registration_text(registration)}
        with self._write_lock:
            known = self._known(document_id)
            if known is not None and known.noted != {**known.noted, **new}:
                self._keep([Row(known.id, {**known.noted, **new}, known.digest)])
        return known is not None

    def get(self, document_id: str) -> StoredDocument | None:
        """See `Store.get`."""
        row = self._known(document_id)
        return None if row is None else layout.stored_document(row.id, row.noted)

    def get_many(self, document_ids: Sequence[str]) -> dict[str, StoredDocument]:
        """See `Store.get_many`."""
        found = ((document_id, self.get(document_id)) for document_id in document_ids)
        return {document_id: document for document_id, document in found if document is not None}

    def list(self, kind: str, *, limit: int | None = None, offset: int = 0) -> Documents:
        """See `Store.list`."""
        return _documents(self._listed(kind, limit, offset))

    def page(self, kind: str, *, limit: int | None = None, offset: int = 0) -> Page:
        """See `Store.page`."""
        with self._write_lock:
            rows, total = self._listed(kind, limit, offset), len(self._ids[kind])
            state = f"{self._opening}-{self._states[kind]}"
        return Page(_documents(rows), total, state)

    def _listed(self, kind: str, limit: int | None, offset: int) -> Sequence[Row]:
        self._require_open()
        ids = self._ids[kind][offset : None if limit is None else offset + limit]
        return self._documents.read_between(kind, ids[0], ids[-1])[:limit] if ids else []

    def count(self, kind: str) -> int:
        """See `Store.count`."""
        return len(self._ids[kind])

    def delete(self, document_id: str) -> bool:
        """See `Store.delete`."""
        with self._write_lock:
            known = self._known(document_id)
            if known is None:
                return False
            number = self._documents.delete(document_id, [GraphText(document_id, b"")])
            self._take(number)
            ids = self._ids[known.noted[layout.KIND]]
            self._states[known.noted[layout.KIND]] += 1
            del ids[bisect.bisect_left(ids, document_id)], self._kinds[document_id]
        return True

    def remove_unused_graphs(self) -> int:
        """See `Store.remove_unused_graphs`."""
        if not self._unnamed():  # writers need not wait for that
            return 0
        with self._write_lock:
            names = self._unnamed()
            if names:
                self._take(self._documents.write([], [GraphText(name, b"") for name in names]))
                self._shared_graphs = {key for key in self._shared_graphs if key[0] not in names}
        return len(names)

    def _unnamed(self) -> frozenset[str]:
        self._require_open()
        self._graph.settle()
        with self._engine.in_use():
            return frozenset(MergedGraphs(self._engine.store).unnamed(self._kinds))

    def select(self, query: str, **bindings: Identifier) -> Rows:
        """See `Store.select`."""
        with self._answers(query, bindings) as solutions:
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
        with self._answers(query, {}) as rows:
            return [tuple([None if term is None else term.value for term in row]) for row in rows]

    def ask(self, query: str, **bindings: Identifier) -> bool:
        """See `Store.ask`."""
        with self._answers(query, bindings) as answer:
            return bool(answer)

    def version(self) -> int:
        """See `Store.version`."""
        return self._version

    def graph_version(self) -> int:
        """See `Store.graph_version`."""
        return self._graph_version

    def changed_since(self, version: int) -> frozenset[str] | None:
        """See `Store.changed_since`."""
        self._settle()
        return self._graph.changes.since(version)

    def checkpoint(self, directory: Path) -> None:
        """See `Store.checkpoint`; on disk, files are linked and nothing is read."""
        self._settle()
        if self._on_disk:
            self._graph.back_up(directory)
        else:
            copy = ox.Store(str(directory))
            with self._engine.in_use():
                copy.bulk_extend(iter(self._engine.store))
            copy.flush()

    def copy(self, directory: Path, then: Callable[[], None]) -> None:
        """Write a copy of all that is kept as a new directory, while others read and write.

        The journal stays as it is meanwhile: the documents are copied with all that came after
        the graph, so that a store that is opened there has both.

        Args:
            directory: where to.
            then: called in the moment of which the copy is; nothing is written until it returns.
        """
        self._graph.give_way()
        with self._copy_lock:
            self.checkpoint(directory)
            self._documents.copy(directory / FILE_NAME, then)

    def close(self) -> None:
        """See `Store.close`."""
        with self._write_lock:
            if self._is_closed:
                return
            try:
                self._graph.settle()
                self._graph.flush()
            finally:
                self._graph.end()
                with self._copy_lock:
                    self._documents.close()
                self._is_closed = True
                self._engine.close()

    def _require_open(self) -> None:
        if self._is_closed:
            raise StoreUnavailableError("the store is closed")

    def _settle(self) -> None:
        """Have the engine brought up to all that was kept before."""
        self._require_open()
        if self._write_lock.locked():  # `get` may show a commit that the writer has not heard of
            with self._write_lock:
                pass
        self._graph.settle()

    def _known(self, document_id: str) -> Row | None:
        self._require_open()
        return self._documents.read(document_id) if document_id in self._kinds else None

    def _outcome(self, put: Put, batch: "_Batch") -> bool | StoreError:
        """Add a document to a batch; return whether it is new, or why it cannot be kept."""
        try:
            return self._add(put, batch)
        except (UnstorableDocumentError, KindConflictError) as error:
            return error.with_traceback(None)

    def _add(self, put: Put, batch: "_Batch") -> bool:
        document_id = put.document.id
        graph = named_node(document_id)
        text = put.document.n_triples + b"\n" + put.extra_triples
        noted = layout.bookkeeping(put.kind, put.document.document, put.registration)
        row = Row(document_id, noted, hashlib.sha256(text).digest())
        known = batch.rows.get(document_id) or self._known(document_id)
        if known is not None and known.noted[layout.KIND] != put.kind:
            raise KindConflictError(document_id, known.noted[layout.KIND], put.kind)
        shared = self._unknown_shared(put.shared_graphs or {}, batch)
        graphs = [(named_node(name), triples, True) for (name, _), triples in shared.items()]
        if row.digest != (known.digest if known else _NO_GRAPH):
            graphs.append((graph, text, False))  # after what it refers to
        texts = [GraphText(g.value, ground_text(text, g.value), is_sh) for g, text, is_sh in graphs]
        if row != known or texts:
            batch.rows[document_id] = row
            if known is None or _said(known) != _said(row):
                batch.kinds.add(put.kind)
            batch.texts += texts
            batch.shared.update(shared)
        return known is None

    def _unknown_shared(
        self, graphs: Mapping[str, bytes], batch: "_Batch"
    ) -> dict[tuple[str, bytes], bytes]:
        """Return the shared graphs that were not kept since the store was opened."""
        keys = {(name, hashlib.sha256(text).digest()): text for name, text in graphs.items()}
        return {
            key: text
            for key, text in keys.items()
            if key not in self._shared_graphs and key not in batch.shared
        }

    def _note_id(self, document_id: str, kind: str) -> None:
        """Keep the ids of a kind in order."""
        if document_id not in self._kinds:
            self._kinds[document_id] = kind
            bisect.insort(self._ids[kind], document_id)

    def _keep(self, rows: Iterable[Row], texts: Sequence[GraphText] = ()) -> None:
        """Commit documents and graphs, and have the graphs written."""
        last = self._documents.write(rows, texts)
        if texts:
            self._take(last)
        else:
            self._version += 1

    def _take(self, number: int) -> None:
        """Have graphs written that are in the journal up to a number."""
        self._graph.take(number, self._version + 1)
        self._version = self._graph_version = self._version + 1

    @contextmanager
    def _answers(self, query: str, bindings: Mapping[str, Identifier]) -> Iterator[Any]:
        """Lend what the engine answers; it is read before the block ends."""
        substitutions = {ox.Variable(name): to_oxigraph(term) for name, term in bindings.items()}
        self._settle()
        with self._engine.in_use():
            yield self._engine.store.query(query, substitutions=substitutions or None)


def _said(row: Row) -> tuple[str, bytes]:
    return row.noted[layout.JSON], row.digest


def _documents(rows: Iterable[Row]) -> Documents:
    found = (layout.stored_document(row.id, row.noted) for row in rows)
    return [document for document in found if document is not None]
