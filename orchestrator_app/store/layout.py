"""How a store is laid out.

A document's triples are in the graph of its own id. On a server, in the graph `urn:wasmiot:store`,
the id has its kind and a record, which has the JSON text and the registration (`server_layout.py`);
the store itself has the version of this layout and the names of the graphs that documents share.
The embedded store has them in a file of its own (`documents.py`). Its default graph is the merge of
the documents' graphs and the shared ones; a server's is their union by its own setting.
"""

from collections.abc import Mapping
from typing import Any

from orchestrator_app.fast_json import dumps, loads
from orchestrator_app.store.errors import StoreLayoutError, UnstorableDocumentError
from orchestrator_app.store.interface import StoredDocument
from wasmiot_td.iri import well_formed

LAYOUT_VERSION = 1

THING = "thing"
"""The kind of documents whose changes are counted by themselves."""

BOOKKEEPING = "urn:wasmiot:store"
KIND = f"{BOOKKEEPING}#kind"
JSON = f"{BOOKKEEPING}#json"
REGISTRATION = f"{BOOKKEEPING}#registration"
LAYOUT = f"{BOOKKEEPING}#layout"
SHARED_GRAPH = f"{BOOKKEEPING}#sharedGraph"


def graph_name(document_id: str) -> str:
    """Return the name of a document's graph, which is its id.

    Raises:
        UnstorableDocumentError: it is reserved, or no IRI as RDF has them.
    """
    if document_id.startswith(BOOKKEEPING):
        raise UnstorableDocumentError(f"ids that begin with {BOOKKEEPING} are reserved")
    if well_formed(document_id) != document_id:
        raise UnstorableDocumentError(f"{document_id!r} is not an IRI")
    return document_id


def is_graph_name(document_id: str) -> bool:
    """Return whether a document could have this id."""
    return not document_id.startswith(BOOKKEEPING) and well_formed(document_id) == document_id


def bookkeeping(
    kind: str, document: Mapping[str, Any], registration: Mapping[str, Any] | None
) -> dict[str, str]:
    """Return what is noted about a document, by predicate.

    Raises:
        UnstorableDocumentError: it holds a lone surrogate, which UTF-8 cannot write.
    """
    try:
        kind.encode()
        texts = dumps(document).decode(), registration_text(registration or {})
    except UnicodeEncodeError as error:
        raise UnstorableDocumentError(f"the document holds a lone surrogate: {error}") from error
    return dict(zip((KIND, JSON, REGISTRATION), (kind, *texts), strict=True))


def registration_text(registration: Mapping[str, Any]) -> str:
    """Return what is noted as registration."""
    return dumps(registration).decode()


def stored_document(document_id: str, noted: Mapping[str, str]) -> StoredDocument | None:
    """Return the document about which this was noted, None if nothing was."""
    if KIND not in noted:
        return None
    return StoredDocument(document_id, noted[KIND], loads(noted[JSON]), loads(noted[REGISTRATION]))


def check_layout(found: str, place: str, known: int = LAYOUT_VERSION) -> None:
    """Refuse a store that a newer program has laid out.

    Raises:
        StoreLayoutError: this program does not know the layout.
    """
    if not found.isdecimal() or int(found) > known:
        raise StoreLayoutError(
            f"the store in {place} has layout {found}, and this program knows layouts up to "
            f"{known}: run a newer version of it, or give it another store"
        )
