"""What the assignment works on: a step reduced to numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator_app.solver.fleet import DeviceFacts
from orchestrator_app.solver.scorers import (
    LOCALITY_SAME_DEVICE,
    LOCALITY_SAME_ZONE,
    LOCALITY_WEIGHT,
)

POINTS = 1000
"""Points for one unit of a weighted score."""


@dataclass(frozen=True)
class Slot:
    """A step to be placed: its need, its candidates in order of id, and their points."""

    memory_bytes: int
    candidates: tuple[DeviceFacts, ...]
    points: Mapping[str, int]


def points_of(weighted_score: float) -> int:
    """Return a weighted score in whole points, so that equal means equal."""
    return round(weighted_score * POINTS)


SAME_DEVICE = points_of(LOCALITY_SAME_DEVICE * LOCALITY_WEIGHT)
SAME_ZONE = points_of(LOCALITY_SAME_ZONE * LOCALITY_WEIGHT)


def edge_points(one: DeviceFacts, other: DeviceFacts) -> int:
    """Return the points of two neighbouring steps on two devices."""
    if one.id == other.id:
        return SAME_DEVICE
    return SAME_ZONE if one.zone and one.zone == other.zone else 0
