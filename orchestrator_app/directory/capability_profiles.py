"""Devices that provide the same set of interfaces share one node in the graph.

Matching goes over the few profiles first, then over their devices, so that it hardly grows
with the number of devices. Derived when a device's TD is stored; never taken from a document.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rdflib import RDF, XSD

from wasmiot_td.exact_numbers import exact
from wasmiot_td.namespaces import WASMIOT
from wasmiot_td.units import convert

PROFILE_PREFIX = "urn:wasmiot:capability-profile:"

_PROVIDES = WASMIOT.provides.n3()
_IS_A_PROFILE = f"{RDF.type.n3()} {WASMIOT.CapabilityProfile.n3()}"
_HAS_PROFILE = WASMIOT.capabilityProfile.n3()
_DEVICE, _INSTALLATION = str(WASMIOT.Supervisor), str(WASMIOT.Installation)


@dataclass(frozen=True)
class CapabilityProfile:
    """The profile of a device, as N-Triples.

    Attributes:
        id: its IRI, made of what is provided; also the name of its graph.
        triples: what it says, the same for all devices that have it.
        link: what ties the device to it.
    """

    id: str
    triples: bytes
    link: bytes

    def of(self, thing_id: str) -> "CapabilityProfile":
        """Return the same profile, of another device."""
        return replace(self, link=_link(thing_id, self.id))


def profile_of(thing_id: str, types: Collection[str], n_triples: bytes) -> CapabilityProfile | None:
    """Return the profile of a device, None for a Thing that is none.

    Only a device that takes modules has one: a supervisor, and not an installation on it.

    Args:
        thing_id: the device.
        types: the expanded types of the device.
        n_triples: its graph.
    """
    if _DEVICE not in types or _INSTALLATION in types:
        return None
    provided = provided_interfaces(thing_id, n_triples)
    iri = profile_id(provided)
    lines = [
        f"<{iri}> {_IS_A_PROFILE} .\n",
        *(f"<{iri}> {_PROVIDES} {interface} .\n" for interface in provided),
    ]
    return CapabilityProfile(iri, "".join(lines).encode(), _link(thing_id, iri))


def _link(thing_id: str, iri: str) -> bytes:
    return f"<{thing_id}> {_HAS_PROFILE} <{iri}> .\n".encode()


def memory_of(document: Mapping[str, Any]) -> bytes:
    """Return the memory of a device in bytes as N-Triples, where it says it in another unit."""
    stated = document.get("wasmiot:memory")
    if not isinstance(stated, Mapping) or "wasmiot:memoryBytes" in document:
        return b""
    value = exact(str(stated.get("value")))
    if value is None:
        return b""
    try:
        in_bytes = convert(value, str(stated["unit"]), "unit:BYTE")
    except (ValueError, KeyError, OverflowError):
        return b""
    number = f'"{int(in_bytes)}"^^{XSD.integer.n3()}'
    return f"<{document['id']}> {WASMIOT.memoryBytes.n3()} {number} .\n".encode()


def profile_id(provided: Collection[str]) -> str:
    """Return the IRI of the profile of a set of interfaces."""
    digest = hashlib.sha256("\n".join(sorted(provided)).encode()).hexdigest()
    return PROFILE_PREFIX + digest[:12]


def provided_interfaces(thing_id: str, n_triples: bytes) -> list[str]:
    """Return the interfaces that a device says it provides, sorted, as N-Triples terms."""
    start = f"<{thing_id}> {_PROVIDES} ".encode()
    parts = (b"\n" + n_triples).split(b"\n" + start)
    return sorted({part.partition(b"\n")[0].rstrip(b" .").decode() for part in parts[1:]})
