"""The graph store: documents, their registrations and their graphs, kept together.

`interface.py` says what a store does, `layout.py` how it is laid out; the adapters are
`oxigraph_store.py` (embedded) and `sparql_store.py` (any SPARQL 1.1 server).
"""

from pathlib import Path
from ssl import SSLContext

from orchestrator_app.store.errors import (
    KindConflictError,
    StoreError,
    StoreLayoutError,
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
    Store,
    StoredDocument,
    TextRows,
)
from orchestrator_app.store.layout import THING
from orchestrator_app.store.oxigraph_store import OxigraphStore
from orchestrator_app.store.sparql_store import SparqlStore

__all__ = [
    "THING",
    "Documents",
    "KindConflictError",
    "Outcomes",
    "OxigraphStore",
    "Page",
    "Put",
    "Rows",
    "SparqlStore",
    "Storable",
    "Store",
    "StoreError",
    "StoreLayoutError",
    "StoreUnavailableError",
    "StoredDocument",
    "TextRows",
    "UnstorableDocumentError",
    "open_store",
]


def open_store(
    directory: Path | None,
    url: str = "",
    update_url: str = "",
    tls_context: SSLContext | None = None,
    *,
    is_synced: bool = False,
) -> Store:
    """Open the store at a URL, or else the embedded one.

    Args:
        directory: where the embedded store is kept; None keeps it in memory.
        url: the query endpoint of a SPARQL 1.1 server.
        update_url: its update endpoint, where that is another.
        tls_context: what is shown and believed over TLS, if that is anything of one's own.
        is_synced: a write to the embedded store waits until the disk has it.
    """
    if url:
        return SparqlStore(url, update_url, tls_context=tls_context)
    return OxigraphStore(directory, is_synced=is_synced)
