"""Fifth stage: from many thousands of devices to the best assignment, without trying them all.

First a search over the devices with the highest bounds; its value is a lower bound of the best.
A device whose upper bound is less cannot be part of anything better. Mostly the two bounds meet
and that is all; what is left otherwise is thinned out by dominance and searched.

Nothing is lost: the promising devices of a step are more than there are steps, or all of its
candidates, so that they hold an assignment if there is one (each step takes one not yet taken).
"""

import numpy as np

from orchestrator_app.solver.assignment import search, value_of
from orchestrator_app.solver.bounds import upper_bounds
from orchestrator_app.solver.dominance import undominated
from orchestrator_app.solver.fleet import Ints
from orchestrator_app.solver.problem import UNFIT, Problem


def best_rows(problem: Problem) -> tuple[int, ...] | None:
    """Return the rows of the devices that give the most points, or None if they do not fit."""
    bounds = upper_bounds(problem)
    promising = [_highest(problem, bounds, step) for step in range(problem.n_steps)]
    slots = problem.slots(promising)
    first = search(slots)
    if first is None:
        return None
    lowest = value_of(slots, first)
    if lowest < bounds.max():
        left = (bounds >= lowest) & (problem.points > UNFIT)
        kept = undominated(problem, np.flatnonzero(left.any(axis=0)))
        first = search(problem.slots([kept[row[kept]] for row in left])) or first
    return tuple(problem.fleet.row_of[device.id] for device in first)


def _highest(problem: Problem, bounds: Ints, step: int) -> Ints:
    """Return the candidates of a step with the highest bounds; among equals, the first."""
    rows = np.flatnonzero(problem.points[step] > UNFIT)
    most = 2 * problem.n_steps + 2
    if len(rows) <= most:
        return rows
    keys = bounds[step][rows] * len(problem.fleet) - rows
    return rows[np.argpartition(-keys, most)[:most]]
