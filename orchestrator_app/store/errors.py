"""What a store refuses.

StoreError
├── UnstorableDocumentError   its id or its triples cannot be written into a graph of their own
├── KindConflictError         the id belongs to a document of another kind
├── StoreLayoutError          a newer program wrote the store, or its server is set up otherwise
└── StoreUnavailableError     the store is closed, or its server does not answer
"""


class StoreError(Exception):
    """The root of what a store refuses."""


class UnstorableDocumentError(StoreError):
    """Its id or its triples cannot be written into a graph of their own."""


class KindConflictError(StoreError):
    """The id belongs to a document of another kind."""

    def __init__(self, document_id: str, known: str, wanted: str) -> None:
        super().__init__(f"{document_id} is a {known} already, not a {wanted}")


class StoreLayoutError(StoreError):
    """The store is not laid out as this program knows it."""


class StoreUnavailableError(StoreError):
    """The store is closed, or its server does not answer."""
