"""Take over a store whose documents are still in a graph of their own, as layout 1 had them."""

from collections import defaultdict

import pyoxigraph as ox

from orchestrator_app.store import layout
from orchestrator_app.store.documents import DocumentFile, Row
from orchestrator_app.store.oxigraph_terms import term_text

_STORE = ox.NamedNode(layout.BOOKKEEPING)
_LAYOUT = ox.NamedNode(layout.LAYOUT)


def move_documents(store: ox.Store, documents: DocumentFile, place: str) -> None:
    """Move the documents into their file; a move that was cut short begins anew.

    Raises:
        StoreLayoutError: a newer program has laid the store out.
    """
    for marker in store.quads_for_pattern(_STORE, _LAYOUT, None, _STORE):
        layout.check_layout(term_text(marker.object), place)
    noted: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for quad in store.quads_for_pattern(None, None, None, _STORE):
        noted[term_text(quad.subject)][quad.predicate.value] = term_text(quad.object)
    if not noted:
        return
    documents.write(Row(name, told) for name, told in noted.items() if layout.KIND in told)
    store.remove_graph(_STORE)
    store.flush()
