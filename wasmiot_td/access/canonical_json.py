"""One text for one JSON value, whatever the order of its members: the only importer of rfc8785.

Chosen before RDF canonicalisation: what a person signs and a device runs is the JSON document, a
device can make this text without any RDF, and its cost grows with the size alone, where blank
nodes make that of RDFC-1.0 grow beyond any bound.
Source: RFC 8785 (JCS).
"""

import hashlib
from typing import Any

import rfc8785

from wasmiot_td.errors import WasmiotError


class NotCanonical(WasmiotError):
    """A value has no canonical text: a number beyond 2^53, no number at all, half a character."""


def canonical_json(value: Any) -> bytes:
    """Return the canonical text of a value.

    Raises:
        NotCanonical: it has none.
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError) as error:
        raise NotCanonical(f"it has no canonical JSON text (RFC 8785): {error}") from error


def digest_of(value: Any) -> str:
    """Return the SHA-256 digest of the canonical text of a value, as packages are named.

    Raises:
        NotCanonical: it has none.
    """
    return f"sha256:{hashlib.sha256(canonical_json(value)).hexdigest()}"
