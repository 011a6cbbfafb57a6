"""A document in expanded form, and where each part of it came from."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wasmiot_td.report import Finding


@dataclass(frozen=True)
class Expansion:
    """A document in expanded form, and where each part of it came from.

    Attributes:
        nodes: the expanded document (JSON-LD 1.1 API, clause 5.1).
        pointers: the JSON pointer of the object behind each expanded node, by its `id()`.
        findings: contexts that were left out, prefixes that were mended.
        missing: the IRIs of the contexts that were left out.
        base: what relative references were resolved against.
        discarded: nodes that are not in the document; kept so that no other gets their `id()`.
    """

    nodes: list[dict[str, Any]]
    pointers: Mapping[int, str] = field(default_factory=dict, repr=False)
    findings: tuple[Finding, ...] = ()
    missing: frozenset[str] = frozenset()
    base: str = ""
    discarded: Sequence[Any] = field(default=(), repr=False)

    def pointer(self, node: Mapping[str, Any]) -> str | None:
        """Return the JSON pointer of the object behind an expanded node, if it is known."""
        return self.pointers.get(id(node))


def document_base(document_id: str) -> str:
    """Return the base IRI to expand and compact a document with.

    It shares nothing with the document, so no IRI is made relative to it by accident, and is the
    same each time.
    """
    digest = hashlib.sha256(document_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"https://{digest}.invalid/"
