"""A Thing and a manifest as small as they can be, and what becomes of a document."""

from typing import Any

from wasmiot_td.errors import DocumentError
from wasmiot_td.namespaces import CANONICAL_CONTEXT
from wasmiot_td.thing_description import LoadedDocument, load

LAMP: dict[str, Any] = {
    "@context": [*CANONICAL_CONTEXT],
    "id": "urn:x:lamp",
    "title": "lamp",
    "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
    "security": ["nosec_sc"],
    "properties": {
        "on/off": {
            "type": "boolean",
            "forms": [{"href": "https://l.example/on", "op": ["readproperty"]}],
        }
    },
}
MANIFEST: dict[str, Any] = {
    "@context": [*CANONICAL_CONTEXT],
    "@type": "wasmiot:Manifest",
    "name": "digit-reader",
    "sequence": [
        {"module": "camera", "entrypoint": "takeImage"},
        {"module": "digits", "entrypoint": "classify"},
    ],
}


def outcome_of(source: Any) -> LoadedDocument | DocumentError:
    """Return the loaded document, or why it was rejected."""
    try:
        return load(source)
    except DocumentError as error:
        return error
