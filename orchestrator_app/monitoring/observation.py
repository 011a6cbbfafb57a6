"""What was seen of a device, as a graph of its own beside the device's description; pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rdflib import XSD, Graph, Literal, URIRef

from wasmiot_td.namespaces import WASMIOT

PREFIX = "urn:wasmiot:observation:"
LOADS = ("cpuLoad", "memoryLoad")

NOTABLE_HUNDREDTHS = 10
"""A load that has changed by so much is written at once."""

SWING_SECONDS = 10.0
MOST_SWINGS = 6
"""Of a load that goes up and down so many changes are written at once; then one in ten seconds."""

LONGEST_UNTOLD_SECONDS = 60.0
"""For how long the time of the last answer may stay unwritten, with smaller changes of loads."""


@dataclass(frozen=True)
class Observation:
    """One look at a device.

    Attributes:
        last_seen: when it last answered, as `xsd:dateTime`; None if it never did.
        health: the value of its health property when it last answered; kept of it are the loads.
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
    def loads(self) -> dict[str, float]:
        """The loads that it told, to two decimals, so that a store sees few values."""
        told = {name: load_of(self.health, name) for name in LOADS}
        return {name: round(load, 2) for name, load in told.items() if load is not None}

    @property
    def document(self) -> dict[str, Any]:
        """The observation as JSON."""
        return {
            "device": self.device,
            "isHealthy": self.is_healthy,
            "lastSeen": self.last_seen,
            "health": self.loads,
        }

    @property
    def n_triples(self) -> bytes:
        """The observation as statements about the device."""
        graph, device = Graph(), URIRef(self.device)
        graph.add((device, WASMIOT.isHealthy, Literal(self.is_healthy)))
        if self.last_seen is not None:
            graph.add((device, WASMIOT.lastSeen, Literal(self.last_seen, datatype=XSD.dateTime)))
        for name, load in self.loads.items():
            graph.add((device, WASMIOT[name], Literal(load, datatype=XSD.double)))
        return graph.serialize(format="nt").encode()


def observation_of(document: Mapping[str, Any]) -> Observation:
    """Return the observation of which this is the JSON."""
    return Observation(
        document["device"], document["isHealthy"], document["lastSeen"], document["health"]
    )


def load_of(health: Mapping[str, Any], name: str) -> float | None:
    """Return a load between 0 and 1 as a device told it, or None if it told none."""
    load = health.get(name)
    if isinstance(load, bool) or not isinstance(load, int | float):
        return None
    return float(max(0, min(load, 1)))


@dataclass(frozen=True)
class Writes:
    """How often a device was written of.

    Attributes:
        due_seconds: when the last write was due, had they come one in `SWING_SECONDS`.
    """

    due_seconds: float = float("-inf")

    def and_one(self, now_seconds: float) -> "Writes":
        """Return them with one that is made now."""
        return Writes(max(self.due_seconds, now_seconds - SWING_SECONDS) + SWING_SECONDS)

    def are_many(self, now_seconds: float) -> bool:
        """Whether a load that changed once more should wait."""
        return self.due_seconds - now_seconds > SWING_SECONDS * (MOST_SWINGS - 2)


def is_worth_writing(
    seen: Observation, kept: Observation | None, *, are_many: bool = False
) -> bool:
    """Whether anybody needs to know at once what was seen, or has not been told for long.

    Args:
        seen: what was seen just now.
        kept: what the store has of the device.
        are_many: whether the device was written of so often that its loads can wait.
    """
    if kept is None or seen.is_healthy != kept.is_healthy:
        return True
    is_notable = not are_many and _have_changed(seen.loads, kept.loads)
    return is_notable or _is_late(seen.last_seen, kept.last_seen)


def _have_changed(loads: Mapping[str, float], before: Mapping[str, float]) -> bool:
    if loads.keys() != before.keys():
        return True
    changes = (round(100 * abs(load - before[name])) for name, load in loads.items())
    return any(change >= NOTABLE_HUNDREDTHS for change in changes)


def _is_late(last_seen: str | None, before: str | None) -> bool:
    """Whether two times are far from each other; a clock may have been set back."""
    if last_seen is None or before is None:
        return last_seen != before
    between = datetime.fromisoformat(last_seen) - datetime.fromisoformat(before)
    return abs(between.total_seconds()) >= LONGEST_UNTOLD_SECONDS


def observation_id(device: str) -> str:
    """Return the name of the graph of what was seen of a device."""
    return PREFIX + hashlib.sha256(device.encode()).hexdigest()[:32]
