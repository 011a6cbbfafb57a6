"""What was seen of a device, as a graph of its own beside the device's description; pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rdflib import XSD, Graph, Literal, URIRef

from wasmiot_td.namespaces import WASMIOT

PREFIX = "urn:wasmiot:observation:"
LOADS = ("cpuLoad", "memoryLoad")


@dataclass(frozen=True)
class Observation:
    """One look at a device.

    Attributes:
        last_seen: when it last answered, as `xsd:dateTime`; None if it never did.
        health: the value of its health property when it last answered.
    """

    device: str
    is_healthy: bool
    last_seen: str | None
    health: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The name of the graph."""
        return observation_id(self.device)

    @property
    def document(self) -> dict[str, Any]:
        """The observation as JSON."""
        return {
            "device": self.device,
            "isHealthy": self.is_healthy,
            "lastSeen": self.last_seen,
            "health": dict(self.health),
        }

    @property
    def n_triples(self) -> bytes:
        """The observation as statements about the device."""
        graph, device = Graph(), URIRef(self.device)
        graph.add((device, WASMIOT.isHealthy, Literal(self.is_healthy)))
        if self.last_seen is not None:
            graph.add((device, WASMIOT.lastSeen, Literal(self.last_seen, datatype=XSD.dateTime)))
        for name in LOADS:
            value = self.health.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                graph.add((device, WASMIOT[name], Literal(float(value), datatype=XSD.double)))
        return graph.serialize(format="nt").encode()


def observation_id(device: str) -> str:
    """Return the name of the graph of what was seen of a device."""
    return PREFIX + hashlib.sha256(device.encode()).hexdigest()[:32]
