"""Parts of Thing Descriptions that were read before: their triples, and that they have no faults.

Devices of one kind differ in their id and a few values, and agree in their affordances. The
members of a Thing mean the same whatever stands beside them, so the triples of a Thing are those
of its members together. What a large member says is kept, with a stand-in for the Thing's id, and
is not worked out again for the next Thing that has the very same member.

Only documents without any peculiarity go this way: `split` says no to all others, and one in which
a fault is found is read as a whole. The shapes are asked about the whole
graph in any case. Tests hold the two ways to the same result.
"""

import marshal
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wasmiot_td.canonical import (
    Reading,
    canonical_context,
    with_canonical_context,
    without_context,
)
from wasmiot_td.contexts import default_registry
from wasmiot_td.document_kind import is_model, kind_of_types, root_types
from wasmiot_td.errors import WasmiotError
from wasmiot_td.expansion import Expansion, document_base
from wasmiot_td.iri import well_formed
from wasmiot_td.n_triples import triples
from wasmiot_td.namespaces import TD_CONTEXT, WASMIOT_CONTEXT
from wasmiot_td.report import Finding, Severity

PARTS = ("actions", "events", "links", "properties", "schemaDefinitions", "securityDefinitions")
"""The members that are worth keeping."""

MOST_BYTES = 64 * 1024
"""Larger parts are not kept."""

MOST_BYTES_KEPT = 16 * 1024 * 1024
"""When it is more, all is forgotten, and each part is worked out once again."""

_STAND_IN = f"urn:wasmiot:stand-in:{secrets.token_hex(16)}"
_TYPE = f"<{_STAND_IN}> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> ".encode()

#: The names that parts may refer to: of security definitions, and of schema definitions.
Names = tuple[frozenset[str] | None, frozenset[str]]


@dataclass(frozen=True)
class KnownPart:
    """What one member of a Thing says.

    Attributes:
        text: its triples, of a Thing that is called as the stand-in.
        properties: the IRIs of the Thing's properties that they state.
        findings: warnings of what could not be written into the graph.
        faultless: the names beside which the checks of the JSON found nothing in it.
    """

    text: bytes
    properties: frozenset[str]
    findings: tuple[Finding, ...] = ()
    faultless: set[Names] = field(default_factory=set)


@dataclass(frozen=True)
class Split:
    """A Thing whose parts are known.

    Attributes:
        document: the whole of it in canonical form.
        expansion: of the rest.
        parts: by the name of the member.
    """

    document: dict[str, Any]
    expansion: Expansion
    parts: Mapping[str, KnownPart]

    @property
    def findings(self) -> list[Finding]:
        """What is to be said of the parts."""
        return [finding for part in self.parts.values() for finding in part.findings]

    def n_triples(self, rest: bytes) -> bytes:
        """Return the whole graph, each triple once.

        Args:
            rest: the triples of the rest.
        """
        text = b"".join(part.text for part in self.parts.values())
        named = text.replace(_STAND_IN.encode(), self.document["id"].encode())
        return b"".join(dict.fromkeys((rest + named).splitlines(keepends=True)))


class KnownParts:
    """The parts that were read; for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parts: dict[bytes, KnownPart | None] = {}
        self._n_bytes = 0

    def split(self, value: Any, reading: Reading) -> Split | None:
        """Return a document in parts, or None where it is to be read as a whole."""
        try:
            return self._split(value, reading) if _is_usual(value, reading) else None
        except WasmiotError:  # what is wrong with it is said of the whole
            return None

    def _split(self, value: Mapping[str, Any], reading: Reading) -> Split | None:
        context = canonical_context(value["@context"])
        parts = {name: self._part(name, value, context, reading) for name in PARTS if name in value}
        known = {name: part for name, part in parts.items() if part is not None}
        if not known or len(known) != len(parts):
            return None
        body = {name: item for name, item in value.items() if name not in parts}
        rest = with_canonical_context(body, reading)
        expansion = rest.expansion
        if rest.findings or rest.document["@context"] != context or not _is_clean(expansion):
            return None
        stated = [*known.values(), KnownPart(b"", frozenset(expansion.nodes[0]))]
        if not _are_apart([part.properties for part in stated]):
            return None
        return Split({"@context": context, **without_context(value)}, expansion, known)

    def _part(
        self, name: str, value: Mapping[str, Any], context: list[Any], reading: Reading
    ) -> KnownPart | None:
        """Return a part; the first time that it is met nothing is done, as it may be the last."""
        key = marshal.dumps([context, value.get("@type"), name, value[name]], 2)
        if len(key) > MOST_BYTES:
            return None
        with self._lock:
            if key not in self._parts:
                self._keep(key, None)
                return None
            part = self._parts[key]
        if part is None and (part := _read(name, value, context, reading)):
            with self._lock:
                self._keep(key, part)
        return part

    def _keep(self, key: bytes, part: KnownPart | None) -> None:
        self._n_bytes += len(key) + (len(part.text) if part else 0)
        if self._n_bytes > MOST_BYTES_KEPT:
            self._parts.clear()
            self._n_bytes = 0
        self._parts[key] = part


def _read(
    name: str, value: Mapping[str, Any], context: list[Any], reading: Reading
) -> KnownPart | None:
    """Return what a member says, beside the types that may decide what it means."""
    types = {"@type": value["@type"]} if "@type" in value else {}
    alone = {"@context": value["@context"], **types, "id": _STAND_IN, name: value[name]}
    read = with_canonical_context(
        alone, Reading(reading.registry, document_base(_STAND_IN), reading.strict)
    )
    if read.findings or read.document["@context"] != context or not _is_clean(read.expansion):
        return None
    written = triples(read.expansion, _STAND_IN)
    if not _are_of_any(written.findings):
        return None
    lines = written.n_triples.splitlines(keepends=True)
    text = b"".join(line for line in lines if not line.startswith(_TYPE))
    return KnownPart(text, frozenset(read.expansion.nodes[0]), written.findings)


def _are_of_any(findings: Sequence[Finding]) -> bool:
    """Return whether findings are warnings that say nothing of the Thing's id."""
    return all(f.severity is Severity.WARNING and _STAND_IN not in repr(f) for f in findings)


def _is_usual(value: Any, reading: Reading) -> bool:
    """Return whether nothing about a document's root could make its members depend on each other.

    It is a Thing with an id that stands in RDF as it is, in the contexts of TD and of this system
    and with prefixes, and none of its members is a keyword.
    """
    if not isinstance(value, dict) or reading.registry is not default_registry():
        return False
    name, types = value.get("id"), root_types(value)
    if not isinstance(name, str) or "#" in name or well_formed(name) != name:
        return False
    if is_model(types) or kind_of_types(types) != "Thing":
        return False
    return _has_plain_context(value.get("@context")) and not any(
        key[:1] == "@" and key not in ("@context", "@type") for key in value
    )


def _has_plain_context(context: Any) -> bool:
    contexts = context if isinstance(context, list) else [context]
    return TD_CONTEXT in contexts and all(
        all(isinstance(iri, str) and key[:1] != "@" for key, iri in each.items())
        if isinstance(each, dict)
        else each in (TD_CONTEXT, WASMIOT_CONTEXT)
        for each in contexts
    )


def _is_clean(expansion: Expansion) -> bool:
    """Return whether an expansion is one node in which nothing is left out or out of order."""
    if expansion.findings or expansion.missing or len(expansion.nodes) != 1:
        return False
    return not any(key[0] == "@" and key not in ("@id", "@type") for key in expansion.nodes[0])


def _are_apart(properties: Sequence[frozenset[str]]) -> bool:
    """Return whether no two parts state the same property, so that no list is cut in two."""
    stated = [each for own in properties for each in own if each[0] != "@"]
    return len(stated) == len(set(stated))
