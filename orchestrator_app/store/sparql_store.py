"""The store on any SPARQL 1.1 server, through rdflib's `SPARQLUpdateStore`."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from ssl import SSLContext
from typing import Any

from rdflib.term import Identifier

from orchestrator_app.store import layout
from orchestrator_app.store.document_quads import Quad, State, wanted_of
from orchestrator_app.store.endpoint import Endpoint
from orchestrator_app.store.errors import (
    KindConflictError,
    StoreError,
    StoreUnavailableError,
    UnstorableDocumentError,
)
from orchestrator_app.store.ground_triples import iri_term, string_term
from orchestrator_app.store.insertions import Made, with_insertions
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
from orchestrator_app.store.remote_copy import RemoteCopy
from orchestrator_app.store.server_changes import ServerChanges
from orchestrator_app.store.server_documents import ServerDocuments, Wish
from orchestrator_app.store.server_layout import (
    KIND,
    REGISTRATION,
    REVISIONS,
    SHARED_GRAPH,
    STORE,
    UNUSED_GRAPHS,
    documents_named,
    in_store,
    is_any,
)
from orchestrator_app.store.server_marks import ServerMarks
from orchestrator_app.store.server_pages import ServerPages, documents_of
from orchestrator_app.store.substitution import PLACEHOLDER, substituted
from wasmiot_td.turns import resting
from wasmiot_td.turns_by_name import TurnsByName

_SHARED_TRIPLES = (
    f"SELECT ?g ?s ?p ?o {{ GRAPH {STORE} {{ {STORE} {SHARED_GRAPH} ?g }}"
    " GRAPH ?g { ?s ?p ?o } }"
)
_MAX_ATTEMPTS = 20
_LONGEST_PAUSE_SECONDS = 0.5
_FEWEST_TOGETHER = 2
_READ_AT_ONCE = 50


class SparqlStore:
    """The store on a server with a query and an update endpoint.

    The server's default graph must be the union of its graphs, as with
    `oxigraph serve --union-default-graph`; this is tried when the store is opened.
    """

    def __init__(
        self,
        query_url: str,
        update_url: str = "",
        timeout_seconds: float = 30.0,
        tls_context: SSLContext | None = None,
    ) -> None:
        """Open the store, or lay it out.

        Raises:
            StoreLayoutError: a newer program has laid it out, or its default graph is no union.
            StoreUnavailableError: the server does not answer.
        """
        self._endpoint = Endpoint(query_url, update_url or query_url, timeout_seconds, tls_context)
        self._marks = ServerMarks(self._endpoint, query_url)
        self._turns = TurnsByName()
        self._changes = ServerChanges(self._endpoint, self._marks)
        self._documents = ServerDocuments(self._endpoint)
        self._pages = ServerPages(self._endpoint, self._changes)
        self._copy = RemoteCopy(self._endpoint.download, self._changes, REVISIONS, _SHARED_TRIPLES)
        self._copy_lock = threading.Lock()
        self._emptied_listeners: list[Callable[[], None]] = []

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
        return self._put(Put(document, kind, registration, extra_triples, shared_graphs))

    def put_many(self, puts: Sequence[Put]) -> Outcomes:
        """See `Store.put_many`; some that are new are one operation, as are some that are not.

        A server that fails in between has kept some of them: which, is told for each.
        """
        outcomes: Outcomes = []
        for some, insertion in with_insertions(puts):
            outcomes += self._written(some, insertion)
            if isinstance(outcomes[-1], StoreUnavailableError):
                outcomes += outcomes[-1:] * (len(puts) - len(outcomes))
                break
        return outcomes

    def _written(self, puts: Sequence[Put], insertion: Made) -> Outcomes:
        """Write some documents; after the first for which the server is not there none is tried.

        A server may refuse so long an operation; each of them alone it may take.
        """
        are_inserted = self._are_inserted(puts, insertion)
        others = [put for put in puts if not are_inserted or put.is_new is False]
        changed = self._changed(others) if len(others) >= _FEWEST_TOGETHER else {}
        failure: StoreUnavailableError | None = None
        outcomes: Outcomes = []
        for put in puts:
            if are_inserted and put.is_new is not False:
                outcomes.append(True)
            elif put.document.id in changed:
                outcomes.append(changed[put.document.id])
            else:
                outcome = failure or self._outcome(put)
                failure = outcome if isinstance(outcome, StoreUnavailableError) else None
                outcomes.append(outcome)
        return outcomes

    def _outcome(self, put: Put) -> bool | StoreError:
        try:
            return self._put(put)
        except StoreError as error:
            return error.with_traceback(None)

    def _put(self, put: Put) -> bool:
        wanted, shared = wanted_of(put)
        with self._turns.of(put.document.id):
            return self._replace(put, wanted, shared)

    def _are_inserted(self, puts: Sequence[Put], insertion: Made) -> bool:
        """Write those of some documents that are new, in one operation; nothing if they are not."""
        new = [put for put in puts if put.is_new is not False]
        if not any(put.is_new for put in new) and len(new) < _FEWEST_TOGETHER:
            return False
        try:
            made = insertion()
            if made is None or (not all(p.is_new for p in new) and self.ask(is_any(made.names))):
                return False
            are_things = any(put.kind == layout.THING for put in new)
            return self._documents.insert(made, are_things=are_things)
        except (UnstorableDocumentError, StoreUnavailableError):
            return False

    def _changed(self, puts: Sequence[Put]) -> dict[str, bool]:
        """Write documents in one operation, if each of them can be.

        Returns:
            Whether they are new, by id; nothing if they were not written.
        """
        try:
            wanted = {put.document.id: wanted_of(put) for put in puts}
            if len(wanted) < len(puts):
                return {}
            known = self._documents.states(wanted)
            wishes = [Wish(name, known[name], state) for name, (state, _) in wanted.items()]
            shared = set[Quad]().union(*(quads for _, quads in wanted.values()))
            if any(wish.is_of_another_kind for wish in wishes):
                return {}
            unfulfilled = [wish for wish in wishes if not wish.is_fulfilled]
            is_done = not unfulfilled and self._documents.are_there(shared)
            is_done = is_done or self._documents.write(unfulfilled or wishes, shared)
        except (UnstorableDocumentError, StoreUnavailableError):
            return {}
        return {wish.document_id: not wish.known.is_there for wish in wishes} if is_done else {}

    def renew(self, document_id: str, registration: Mapping[str, Any]) -> bool:
        """See `Store.renew`."""
        noted = {REGISTRATION: string_term(layout.registration_text(registration))}
        with self._turns.of(document_id):
            for _ in _attempts():
                known = self._documents.state(document_id, is_graph_read=False)
                if not known.is_there:
                    return False
                wanted = replace(known, noted=known.noted | noted)
                wish = Wish(document_id, known, wanted)
                if known == wanted or (not known.is_mixed and self._documents.write([wish], set())):
                    return True
                self._mend()
        raise _written_by_too_many(document_id)

    def get(self, document_id: str) -> StoredDocument | None:
        """See `Store.get`."""
        if not layout.is_graph_name(document_id):
            return None
        return self.get_many([document_id]).get(document_id)

    def get_many(self, document_ids: Sequence[str]) -> dict[str, StoredDocument]:
        """See `Store.get_many`."""
        names = [iri_term(each) for each in document_ids if layout.is_graph_name(each)]
        found: dict[str, StoredDocument] = {}
        for begin in range(0, len(names), _READ_AT_ONCE):
            some = names[begin : begin + _READ_AT_ONCE]
            for document in documents_of(self._endpoint.bindings(documents_named(some))):
                found[document.id] = document
        return found

    def list(self, kind: str, *, limit: int | None = None, offset: int = 0) -> Documents:
        """See `Store.list`."""
        return self._pages.list(kind, limit, offset)

    def page(self, kind: str, *, limit: int | None = None, offset: int = 0) -> Page:
        """See `Store.page`."""
        return self._pages.page(kind, limit, offset)

    def count(self, kind: str) -> int:
        """See `Store.count`."""
        pattern = in_store(f"?id {KIND} {string_term(kind)}")
        return int(self._rows(f"SELECT (COUNT(?id) AS ?n) {{ {pattern} }}")[0]["n"])

    def delete(self, document_id: str) -> bool:
        """See `Store.delete`."""
        if not layout.is_graph_name(document_id):
            return False
        with self._turns.of(document_id):
            for attempt in _attempts():
                known = self._documents.state(document_id)
                if not known.is_there:
                    return attempt > 0
                if attempt:
                    self._mend()
                if self._documents.remove(document_id, known):
                    return True
        raise _written_by_too_many(document_id)

    def remove_unused_graphs(self) -> int:
        """See `Store.remove_unused_graphs`; what writes at once have left over goes as well."""
        self._documents.drop_loose()
        names = [row["g"]["value"] for row in self._endpoint.bindings(UNUSED_GRAPHS)]
        n_removed = 0
        for begin in range(0, len(names), _READ_AT_ONCE):
            some = names[begin : begin + _READ_AT_ONCE]
            n_removed += len(some) if self._documents.drop_unused(some) else 0
        return n_removed

    def select(self, query: str, **bindings: Identifier) -> Rows:
        """See `Store.select`."""
        rows = self._rows(substituted(query, bindings))
        return [
            {name: term for name, term in row.items() if not name.startswith(PLACEHOLDER)}
            | bindings
            for row in rows
        ]

    def select_texts(self, query: str) -> TextRows:
        """See `Store.select_texts`."""
        result = self._endpoint.query(query)
        names = result.vars or ()
        found = ([row.get(name) for name in names] for row in result.bindings)
        return [tuple(None if term is None else str(term) for term in row) for row in found]

    def ask(self, query: str, **bindings: Identifier) -> bool:
        """See `Store.ask`."""
        return self._endpoint.truth(substituted(query, bindings))

    def version(self) -> int:
        """See `Store.version`."""
        return self._marks.version()

    def graph_version(self) -> int:
        """See `Store.graph_version`; a change is not told from one of a registration."""
        return self.version()

    def changed_since(self, version: int) -> frozenset[str] | None:
        """See `Store.changed_since`."""
        self._changes.follow()
        changes = self._changes.since(version)
        if changes is None or any(change.has_more for change in changes):
            return None
        return frozenset[str]().union(*(change.all_nodes for change in changes))

    def checkpoint(self, directory: Path) -> None:
        """See `Store.checkpoint`; reads from the server what has changed since the last one."""
        with self._copy_lock:
            self._copy.write(directory)

    def close(self) -> None:
        """See `Store.close`."""
        self._endpoint.disconnect()
        self._copy.give_way()
        with self._copy_lock:
            self._copy.close()

    def on_emptied(self, listener: Callable[[], None]) -> None:
        """Have a function called when a store that somebody emptied has been laid out anew."""
        self._emptied_listeners.append(listener)

    def _mend(self) -> None:
        if self._marks.mend():
            for listener in self._emptied_listeners:
                listener()

    def _rows(self, query: str) -> Rows:
        rows = self._endpoint.query(query).bindings
        return [{str(name): term for name, term in row.items()} for row in rows]

    def _replace(self, put: Put, wanted: State, shared: set[Quad]) -> bool:
        """Bring a document to the wanted state, whoever else writes; return whether it is new."""
        document_id = put.document.id
        for _ in _attempts():
            wish = Wish(document_id, self._documents.state(document_id), wanted)
            if wish.is_of_another_kind:
                raise KindConflictError(document_id, wish.known.noted[KIND][1:-1], wish.kind)
            is_there = wish.is_fulfilled and self._documents.are_there(shared)
            if is_there or self._documents.write([wish], shared):
                return not wish.known.is_there
            self._mend()
        raise _written_by_too_many(document_id)


def _attempts() -> Iterator[int]:
    """Yield numbers from 0 on, with longer and longer pauses in between: others write as well."""
    for attempt in range(_MAX_ATTEMPTS):
        if attempt:
            with resting():
                time.sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS * attempt / _MAX_ATTEMPTS))
        yield attempt


def _written_by_too_many(document_id: str) -> StoreUnavailableError:
    return StoreUnavailableError(f"{document_id} is written by too many at once; try again")
