"""Fifth stage: from many thousands of devices to the best assignment, without trying them all.

First a search over the devices with the highest bounds; its value is a lower bound of the best.
A device whose upper bound is less cannot be part of anything better. Mostly the two bounds meet
and that is all; what is left otherwise is thinned out by dominance and searched.

Nothing is lost: the promising devices of a step are more than there are steps, or all of its
candidates, so that they hold an assignment if there is one (each step takes one not yet taken).
"""

from dataclasses import dataclass

import numpy as np

from orchestrator_app.solver.assignment import Task, good_enough, search, value_of
from orchestrator_app.solver.bounds import upper_bounds
from orchestrator_app.solver.dominance import undominated
from orchestrator_app.solver.fleet import Ints, Mask
from orchestrator_app.solver.integer_program import Found
from orchestrator_app.solver.problem import UNFIT, Problem

FEW = 300
"""So many pairs of steps and devices are searched at once; of more, first the promising ones."""


@dataclass(frozen=True)
class Best:
    """What was found.

    Attributes:
        rows: those of the devices of the steps; None if they do not fit, or none were found.
        is_proven: whether there is nothing better; for None, whether there is nothing.
    """

    rows: tuple[int, ...] | None
    is_proven: bool = True


def best_rows(problem: Problem) -> Best:
    """Return the devices that give the most points."""
    bounds = upper_bounds(problem)
    task = problem.task([_highest(problem, bounds, step) for step in range(problem.n_steps)])
    first = _first(task, problem, bounds)
    if first.devices is None:
        return Best(None, first.is_proven)
    lowest = value_of(task.slots, task.pairs, first.devices)
    if lowest >= bounds.max():
        return _best(problem, Found(first.devices, is_proven=True))
    if first.has_met_limit:  # what takes too long among few devices does so among many
        return _best(problem, first)
    left = _left(problem, bounds, lowest)
    kept, are_all = undominated(problem, np.flatnonzero(left.any(axis=0)))
    task = problem.task([kept[row[kept]] for row in left])
    found = search(task) if all(slot.candidates for slot in task.slots) else Found(None, True)
    is_proven = found.is_proven and are_all
    if found.devices and value_of(task.slots, task.pairs, found.devices) >= lowest:
        return _best(problem, Found(found.devices, is_proven))
    return _best(problem, Found(first.devices, is_proven))


def _first(task: Task, problem: Problem, bounds: Ints) -> Found:
    """Return devices that fit: the best of the promising ones, unless good ones rule out most."""
    devices = good_enough(task) if task.has_circles else None
    if devices is not None:
        lowest = value_of(task.slots, task.pairs, devices)
        if lowest >= bounds.max() or _left(problem, bounds, lowest).sum() <= FEW:
            return Found(devices, is_proven=False)
    return search(task)


def _left(problem: Problem, bounds: Ints, lowest: int) -> Mask:
    """Return which pairs of a step and a device can be part of something as good."""
    left: Mask = (bounds >= lowest) & (problem.points > UNFIT)
    return left


def _best(problem: Problem, found: Found) -> Best:
    assert found.devices is not None
    row_of = problem.fleet.row_of
    return Best(tuple(row_of[device.id] for device in found.devices), found.is_proven)


def _highest(problem: Problem, bounds: Ints, step: int) -> Ints:
    """Return the candidates of a step with the highest bounds; among equals, the first."""
    rows = np.flatnonzero(problem.points[step] > UNFIT)
    most = 2 * problem.n_steps + 2
    if len(rows) <= most:
        return rows
    keys = bounds[step][rows] * len(problem.fleet) - rows
    return rows[np.argpartition(-keys, most)[:most]]
