"""What the assignment works on: a step reduced to numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator_app.solver.fleet import DeviceFacts

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
