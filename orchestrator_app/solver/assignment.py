"""The search for the best device for every step at once.

The value of an assignment is the sum of its steps' points and of its edges' points (locality).
Without capacities, dynamic programming from the last step backwards gives the best value of every
remainder exactly. With them (steps on one device share its memory) that value is an upper bound,
and so an admissible estimate for a best-first search: the first complete assignment that comes
out is optimal. Points are integers, so that equal means equal.

Source: Hart, Nilsson, Raphael, "A Formal Basis for the Heuristic Determination of Minimum Cost
Paths" (1968), for the search.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator_app.solver.fleet import DeviceFacts
from orchestrator_app.solver.scorers import (
    LOCALITY_SAME_DEVICE,
    LOCALITY_SAME_ZONE,
    LOCALITY_WEIGHT,
    locality,
)
from orchestrator_app.solver.slot import Slot, points_of

Remainders = list[dict[str, int]]

MOST_EXPANSIONS = 2000
"""Partial assignments that the exact search may take up; far above what common cases need."""

BEAM_WIDTH = 64


def edge_points(one: DeviceFacts, other: DeviceFacts) -> int:
    """Return the points of two neighbouring steps on two devices."""
    return points_of(locality(one, other) * LOCALITY_WEIGHT)


def remainders(slots: Sequence[Slot]) -> Remainders:
    """Return for each slot and candidate the most points that the slots after it can bring.

    Memory is looked at for neighbours alone, so the true value can only be less. Locality knows
    three cases alone, hence the work grows with the candidates and not with their square.
    """
    best: Remainders = [{d.id: 0 for d in slots[-1].candidates}]
    for before, after in zip(reversed(slots[:-1]), reversed(slots[1:]), strict=True):
        value = {d.id: after.points[d.id] + best[0][d.id] for d in after.candidates}
        best.insert(0, _best_next(before, after, value))
    return best


def search(slots: Sequence[Slot]) -> tuple[DeviceFacts, ...] | None:
    """Return the devices that give the most points, or None if they do not fit together.

    Among equals, what is found first in the order of ids wins; so the answer is always the same.
    Where memory is so scarce that the search would not end, a beam search gives a good answer.
    """
    if not slots:
        return ()
    rest = remainders(slots)
    try:
        return _best_first(slots, rest)
    except _SearchTooLongError:
        return _beam(slots, rest)


def value_of(slots: Sequence[Slot], devices: Sequence[DeviceFacts]) -> int:
    """Return the points of a complete assignment."""
    return sum(_gain(slots, tuple(devices[:i]), d) for i, d in enumerate(devices))


class _SearchTooLongError(Exception):
    """The best-first search met its limit."""


@dataclass(frozen=True, order=True)
class _Partial:
    """The first steps placed; orders by upper bound, then by progress, then by ids."""

    minus_bound: int
    minus_depth: int
    ids: tuple[str, ...]
    points: int = field(compare=False)
    chosen: tuple[DeviceFacts, ...] = field(compare=False)


_START = _Partial(0, 0, (), 0, ())


def _best_first(slots: Sequence[Slot], rest: Remainders) -> tuple[DeviceFacts, ...] | None:
    heap = [_START]
    for _ in range(MOST_EXPANSIONS):
        if not heap:
            return None
        best = heapq.heappop(heap)
        if len(best.chosen) == len(slots):
            return best.chosen
        for partial in _expand(slots, rest, best):
            heapq.heappush(heap, partial)
    raise _SearchTooLongError


def _beam(slots: Sequence[Slot], rest: Remainders) -> tuple[DeviceFacts, ...] | None:
    beam = [_START]
    for _ in slots:
        longer = (p for partial in beam for p in _expand(slots, rest, partial))
        beam = heapq.nsmallest(BEAM_WIDTH, longer)
    return beam[0].chosen if beam else None


def _expand(slots: Sequence[Slot], rest: Remainders, partial: _Partial) -> Iterator[_Partial]:
    depth = len(partial.chosen)
    for device in _fitting(slots, partial.chosen):
        points = partial.points + _gain(slots, partial.chosen, device)
        bound = points + rest[depth][device.id]
        ids, chosen = (*partial.ids, device.id), (*partial.chosen, device)
        yield _Partial(-bound, -depth - 1, ids, points, chosen)


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
        together = before.memory_bytes + after.memory_bytes
        if device.id in value and together <= device.free_bytes:
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
