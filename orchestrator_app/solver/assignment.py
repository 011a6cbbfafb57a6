"""The search for the best device for every step at once.

The value of an assignment is the sum of its steps' points and of its edges' points (locality).
Where the edges form trees, dynamic programming from the leaves gives the best value of every
remainder exactly, as long as memory is not scarce. With capacities (steps on one device share its
memory) that value is an upper bound, and so an admissible estimate for a best-first search: the
first complete assignment that comes out is optimal. Points are integers, so that equal means equal.
Where edges form circles, or memory is so scarce that the search meets its limit, an integer
program finds and proves the best (`integer_program.py`).

Source: Hart, Nilsson, Raphael, "A Formal Basis for the Heuristic Determination of Minimum Cost
Paths" (1968), for the search.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from orchestrator_app.solver.fleet import DeviceFacts
from orchestrator_app.solver.forest import Forest, Pairs, covering_forests, neighbours
from orchestrator_app.solver.integer_program import Found, most_points
from orchestrator_app.solver.slot import SAME_DEVICE, SAME_ZONE, Slot, edge_points

Devices = tuple[DeviceFacts, ...]

MOST_PARTIALS = 60_000
"""Partial assignments that the best-first search may make; far above what common cases need."""

BEAM_WIDTH = 16


@dataclass(frozen=True)
class Task:
    """The steps to be placed, and which of them are neighbours."""

    slots: tuple[Slot, ...]
    pairs: Pairs

    @cached_property
    def forest(self) -> Forest:
        """The trees along which the steps are placed; all edges, if they form no circle."""
        return covering_forests(len(self.slots), self.pairs)[0]

    @property
    def has_circles(self) -> bool:
        """Whether the edges form more than trees."""
        return len(self.forest.pairs) < len(self.pairs)

    @cached_property
    def placed_neighbours(self) -> tuple[tuple[int, ...], ...]:
        """For each step its neighbours that are placed before it."""
        rank = {step: place for place, step in enumerate(self.forest.order)}
        return tuple(
            tuple(n for n in neighbours(self.pairs, step) if rank[n] < rank[step])
            for step in range(len(self.slots))
        )

    @cached_property
    def remainders(self) -> tuple[dict[str, int], ...]:
        """For each step and device of the one above it, the most that it and all below bring.

        Memory is looked at for neighbours alone, so the true value can only be less. That of a
        root has one entry, for no device.
        """
        found: list[dict[str, int]] = [{} for _ in self.slots]
        for step in reversed(self.forest.order):
            below = self.forest.children[step]
            slot, above = self.slots[step], self.forest.parents[step]
            value = {
                d.id: slot.points[d.id] + sum(found[child][d.id] for child in below)
                for d in slot.candidates
            }
            whole = {"": max(value.values())}
            found[step] = whole if above is None else _best_next(self.slots[above], slot, value)
        return tuple(found)


def search(task: Task) -> Found:
    """Return the devices that give the most points; among equals always the same.

    Where the edges form trees, what is found first in the order of ids wins.
    """
    if not task.slots:
        return Found((), is_proven=True)
    if not task.has_circles:
        try:
            return Found(_best_first(task), is_proven=True)
        except _SearchTooLongError:
            pass
    return most_points(task.slots, task.pairs, good_enough(task))


def good_enough(task: Task) -> Devices | None:
    """Return devices that fit and give many points, quickly; None if none were found."""
    beam = [_start(task)]
    for _ in task.slots:
        longer = (p for partial in beam for p in _expand(task, partial))
        beam = heapq.nsmallest(BEAM_WIDTH, longer)
    return _in_steps_order(task, beam[0].chosen) if beam else None


def value_of(slots: Sequence[Slot], pairs: Pairs, devices: Sequence[DeviceFacts]) -> int:
    """Return the points of a complete assignment."""
    own = sum(slot.points[device.id] for slot, device in zip(slots, devices, strict=True))
    return own + sum(edge_points(devices[one], devices[other]) for one, other in pairs)


class _SearchTooLongError(Exception):
    """The best-first search met its limit."""


@dataclass(frozen=True, order=True)
class _Partial:
    """The first steps placed; orders by upper bound, then by progress, then by ids.

    Attributes:
        rest: the most that the steps not placed can bring.
        chosen: the devices in the order in which the steps are placed.
    """

    minus_bound: int
    minus_depth: int
    ids: tuple[str, ...]
    points: int = field(compare=False)
    rest: int = field(compare=False)
    chosen: Devices = field(compare=False)


def _start(task: Task) -> _Partial:
    roots = [step for step, above in enumerate(task.forest.parents) if above is None]
    rest = sum(task.remainders[root][""] for root in roots)
    return _Partial(-rest, 0, (), 0, rest, ())


def _best_first(task: Task) -> Devices | None:
    heap, n_made = [_start(task)], 0
    while heap:
        best = heapq.heappop(heap)
        if len(best.chosen) == len(task.slots):
            return _in_steps_order(task, best.chosen)
        for partial in _expand(task, best):
            heapq.heappush(heap, partial)
            n_made += 1
        if n_made > MOST_PARTIALS:
            raise _SearchTooLongError
    return None


def _in_steps_order(task: Task, chosen: Devices) -> Devices:
    by_step = dict(zip(task.forest.order, chosen, strict=True))
    return tuple(by_step[step] for step in range(len(chosen)))


def _expand(task: Task, partial: _Partial) -> Iterator[_Partial]:
    """Yield the assignments with one step more; the rest is what is below the steps placed."""
    depth, forest, remainders = len(partial.chosen), task.forest, task.remainders
    step = forest.order[depth]
    at = dict(zip(forest.order, partial.chosen, strict=False))
    above = forest.parents[step]
    below = forest.children[step]
    rest = partial.rest - remainders[step]["" if above is None else at[above].id]
    slot, beside = task.slots[step], [at[n] for n in task.placed_neighbours[step]]
    for device in _fitting(task, partial.chosen, slot):
        own = slot.points[device.id] + sum(edge_points(other, device) for other in beside)
        points, left = partial.points + own, rest + sum(remainders[c][device.id] for c in below)
        ids, chosen = (*partial.ids, device.id), (*partial.chosen, device)
        yield _Partial(-(points + left), -depth - 1, ids, points, left, chosen)


def _fitting(task: Task, chosen: Devices, slot: Slot) -> list[DeviceFacts]:
    used = dict[str, int]()
    for step, device in zip(task.forest.order, chosen, strict=False):
        used[device.id] = used.get(device.id, 0) + task.slots[step].memory_bytes
    return [d for d in slot.candidates if used.get(d.id, 0) + slot.memory_bytes <= d.free_bytes]


def _best_next(before: Slot, after: Slot, value: Mapping[str, int]) -> dict[str, int]:
    anywhere = max(value.values())
    by_zone: dict[str, int] = {}
    for device in after.candidates:
        if device.zone:
            by_zone[device.zone] = max(by_zone.get(device.zone, 0), value[device.id])
    result = {}
    for device in before.candidates:
        options = [anywhere]
        if device.zone in by_zone:
            options.append(by_zone[device.zone] + SAME_ZONE)
        together = before.memory_bytes + after.memory_bytes
        if device.id in value and together <= device.free_bytes:
            options.append(value[device.id] + SAME_DEVICE)
        result[device.id] = max(options)
    return result
