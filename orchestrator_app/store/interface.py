"""What a store is asked to do: one named graph per document, and its JSON text beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from rdflib.term import Identifier

from orchestrator_app.store.errors import StoreError


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


@dataclass(frozen=True)
class Page:
    """Some of the documents of a kind, as they were in one moment.

    Attributes:
        total: how many there were in all.
        state: names what there was of the kind: another one after each document that comes, goes
            or says anything else, not after what is only noted about it. For the kind `thing`; of
            any other, after each change of the store.
    """

    documents: list[StoredDocument]
    total: int
    state: str


@dataclass(frozen=True)
class Put:
    """A document that is to be written, as `Store.put` takes it.

    Attributes:
        is_new: whether there was none of its id just now; None if nobody has looked. It is no
            condition: who is right is written sooner.
    """

    document: Storable
    kind: str
    registration: Mapping[str, Any] | None = None
    extra_triples: bytes = b""
    shared_graphs: Mapping[str, bytes] | None = None
    is_new: bool | None = None


# A store's method `list` hides the builtin inside its class, so the types are named here.
Documents = list[StoredDocument]
Rows = list[dict[str, Identifier]]
TextRows = list[tuple[str | None, ...]]
Outcomes = list[bool | StoreError]


class Store(Protocol):
    """Documents with their graphs, and questions over the union of all graphs.

    Every method may raise `StoreUnavailableError`. Methods may be called from several threads.
    """

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

        Only what differs is written. A blank node is named by its label, as a part of the
        document, so that an unchanged document stays unchanged in the graph.

        Args:
            document: id, JSON form and N-Triples.
            kind: `thing`, `module`, `manifest`, `solution` or `deployment`.
            registration: what the directory notes about it.
            extra_triples: derived N-Triples that go into the document's graph.
            shared_graphs: derived N-Triples by the name of a graph that documents share,
                added if they are not there.

        Returns:
            Whether the id is new.

        Raises:
            UnstorableDocumentError: an IRI or a triple is malformed, or the id is reserved.
            KindConflictError: the id belongs to a document of another kind.
        """

    def put_many(self, puts: Sequence[Put]) -> Outcomes:
        """Write documents as `put` does, at the cost of few writes; each is there or is not.

        Returns:
            For each in its order whether the id is new, or why it is not kept.

        Raises:
            StoreUnavailableError: the store cannot be written; some may be kept, or none.
        """

    def renew(self, document_id: str, registration: Mapping[str, Any]) -> bool:
        """Write what the directory notes about a document, and leave the document as it is.

        Returns:
            Whether the document is there.
        """

    def get(self, document_id: str) -> StoredDocument | None:
        """Return a document, or None."""

    def get_many(self, document_ids: Sequence[str]) -> dict[str, StoredDocument]:
        """Return those of some documents that are there, by id, at the cost of few reads."""

    def list(self, kind: str, *, limit: int | None = None, offset: int = 0) -> Documents:
        """Return the documents of a kind, ascending by id in code point order."""

    def page(self, kind: str, *, limit: int | None = None, offset: int = 0) -> Page:
        """Return the same documents as `list`, with what they are a part of."""

    def count(self, kind: str) -> int:
        """Return how many documents of a kind there are."""

    def delete(self, document_id: str) -> bool:
        """Remove a document and its graph; return whether it was there."""

    def remove_unused_graphs(self) -> int:
        """Remove the graphs that documents shared and that no document's graph names any more.

        Returns:
            How many there were.
        """

    def select(self, query: str, **bindings: Identifier) -> Rows:
        """Answer a trusted SELECT over the union of all graphs.

        A binding replaces a variable everywhere; the query must project that variable.
        """

    def select_texts(self, query: str) -> TextRows:
        """Answer a trusted SELECT with the bare texts of the terms, for results of many rows.

        Returns:
            For each row the projected variables in order, None where there is no value.
        """

    def ask(self, query: str, **bindings: Identifier) -> bool:
        """Answer a trusted ASK over the union of all graphs; bindings replace variables."""

    def version(self) -> int:
        """Return a number that grows with every change; each store that is opened has its own."""

    def graph_version(self) -> int:
        """Return a number that grows with every change of a graph, and only then if it can tell."""

    def changed_since(self, version: int) -> frozenset[str] | None:
        """Return the nodes about which something changed after a version.

        A part of a document counts as the document. None if it is not known.
        """

    def checkpoint(self, directory: Path) -> None:
        """Write a copy of all graphs, and of their merge as default graph, as a new directory.

        It is an Oxigraph store, and holds nothing else: no texts, no registrations.
        """

    def close(self) -> None:
        """Release the store and its lock."""
