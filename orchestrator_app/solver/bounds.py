"""For each step and device, the most points that any assignment with this pair can have.

One sweep over the chain from its start and one from its end. Memory is looked at for neighbours
alone, so the true value can only be less; locality knows three cases alone (anywhere, in one
zone, on one device), hence the work grows with the devices and not with their square.
"""

from itertools import pairwise

import numpy as np

from orchestrator_app.solver.fleet import Ints, Mask
from orchestrator_app.solver.problem import UNFIT, Problem
from orchestrator_app.solver.scorers import (
    LOCALITY_SAME_DEVICE,
    LOCALITY_SAME_ZONE,
    LOCALITY_WEIGHT,
)
from orchestrator_app.solver.slot import points_of

SAME_DEVICE = points_of(LOCALITY_SAME_DEVICE * LOCALITY_WEIGHT)
SAME_ZONE = points_of(LOCALITY_SAME_ZONE * LOCALITY_WEIGHT)


def upper_bounds(problem: Problem) -> Ints:
    """Return an upper bound for each step (row) and device (column)."""
    free, zone = problem.fleet.free_bytes, problem.fleet.zone
    shares = [one + other <= free for one, other in pairwise(problem.needs)]
    before = np.zeros_like(problem.points)
    after = np.zeros_like(problem.points)
    for step in range(1, problem.n_steps):
        so_far = before[step - 1] + problem.points[step - 1]
        before[step] = _best_neighbour(so_far, zone, shares[step - 1])
    for step in range(problem.n_steps - 2, -1, -1):
        rest = after[step + 1] + problem.points[step + 1]
        after[step] = _best_neighbour(rest, zone, shares[step])
    return before + problem.points + after


def _best_neighbour(values: Ints, zone: Ints, is_shareable: Mask) -> Ints:
    """Return for each device the most that the step beside it can bring, its edge included."""
    by_zone = np.full(int(zone.max()) + 2, UNFIT, np.int64)
    np.maximum.at(by_zone, zone, values)
    by_zone[-1] = UNFIT
    here = np.where(is_shareable, values + SAME_DEVICE, UNFIT)
    best: Ints = np.maximum(np.maximum(here, by_zone[zone] + SAME_ZONE), values.max())
    return best
