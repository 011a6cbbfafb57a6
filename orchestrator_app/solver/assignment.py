"""Fifth stage: the best device for every step at once.

The value of an assignment is the sum of its steps' points and of its edges' points (locality).
Without capacities, dynamic programming from the last step backwards gives the best value of every
remainder exactly. With them (steps on one device share its memory) that value is an upper bound,
and so an admissible estimate for a best-first search: the first complete assignment that comes
out is optimal. Points are integers, so that equal means equal.

Source: Hart, Nilsson, Raphael, "A Formal Basis for the Heuristic Determination of Minimum Cost
Paths" (1968), for the search.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator_app.solver.scorers import (
    LOCALITY_SAME_DEVICE,
    LOCALITY_SAME_ZONE,
    LOCALITY_WEIGHT,
    locality,
)
from orchestrator_app.solver.view import DeviceFacts

POINTS = 1000
"""Points for one unit of a weighted score."""


@dataclass(frozen=True)
class Slot:
    """A step to be placed: its need, its candidates in order of id, and their points."""

    memory_bytes: int
    candidates: tuple[DeviceFacts, ...]
    points: Mapping[str, int]


def points_of(weighted_score: float) -> int:
    """Return a weighted score in whole points."""
    return round(weighted_score * POINTS)


def edge_points(one: DeviceFacts, other: DeviceFacts) -> int:
    """Return the points of two neighbouring steps on two devices."""
    return points_of(locality(one, other) * LOCALITY_WEIGHT)


def remainders(slots: Sequence[Slot]) -> list[dict[str, int]]:
    """Return for each slot and candidate the most points that the slots after it can bring.

    The memory of devices is left out, so the true value can only be less. Locality knows three
    cases alone, hence the work grows with the candidates and not with their square.
    """
    best: list[dict[str, int]] = [{d.id: 0 for d in slots[-1].candidates}]
    for before, after in zip(reversed(slots[:-1]), reversed(slots[1:]), strict=True):
        value = {d.id: after.points[d.id] + best[0][d.id] for d in after.candidates}
        best.insert(0, _best_next(before, after, value))
    return best


def assign(slots: Sequence[Slot]) -> tuple[DeviceFacts, ...] | None:
    """Return the devices that give the most points, or None if they do not fit together.

    Among equals, what is found first in the order of ids wins; so the answer is always the same.
    """
    if not slots:
        return ()
    rest = remainders(slots)
    heap: list[tuple[int, int, tuple[str, ...], int, tuple[DeviceFacts, ...]]] = []
    heapq.heappush(heap, (0, 0, (), 0, ()))
    while heap:
        _, depth, ids, points, chosen = heapq.heappop(heap)
        if -depth == len(slots):
            return chosen
        for device in _fitting(slots, chosen):
            gained = points + _gain(slots, chosen, device)
            bound = gained + rest[-depth][device.id]
            entry = (-bound, depth - 1, (*ids, device.id), gained, (*chosen, device))
            heapq.heappush(heap, entry)
    return None


def value_of(slots: Sequence[Slot], devices: Sequence[DeviceFacts]) -> int:
    """Return the points of a complete assignment."""
    return sum(_gain(slots, tuple(devices[:i]), d) for i, d in enumerate(devices))


def _best_next(before: Slot, after: Slot, value: Mapping[str, int]) -> dict[str, int]:
    anywhere = max(value.values())
    by_zone: dict[str, int] = {}
    for device in after.candidates:
        if device.zone:
            by_zone[device.zone] = max(by_zone.get(device.zone, 0), value[device.id])
    same, near = (
        points_of(v * LOCALITY_WEIGHT) for v in (LOCALITY_SAME_DEVICE, LOCALITY_SAME_ZONE)
    )
    result = {}
    for device in before.candidates:
        options = [anywhere]
        if device.zone in by_zone:
            options.append(by_zone[device.zone] + near)
        if device.id in value:
            options.append(value[device.id] + same)
        result[device.id] = max(options)
    return result


def _fitting(slots: Sequence[Slot], chosen: tuple[DeviceFacts, ...]) -> list[DeviceFacts]:
    slot, used = slots[len(chosen)], dict[str, int]()
    for taken, device in zip(slots, chosen, strict=False):
        used[device.id] = used.get(device.id, 0) + taken.memory_bytes
    return [d for d in slot.candidates if used.get(d.id, 0) + slot.memory_bytes <= d.free_bytes]


def _gain(slots: Sequence[Slot], chosen: tuple[DeviceFacts, ...], device: DeviceFacts) -> int:
    own = slots[len(chosen)].points[device.id]
    return own + (edge_points(chosen[-1], device) if chosen else 0)
