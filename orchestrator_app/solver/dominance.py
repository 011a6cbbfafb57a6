"""Before the search: leave out devices that another device makes superfluous.

One device dominates another if it is at least as good for every step, has at least as much free
memory, and is in the same zone. Of n steps one is on the dominated device, so at most n - 1 other
devices are in use: with n dominators one is free, and taking it instead loses nothing. What is
left is a few devices of many thousands, and the optimum is among them.
"""

import numpy as np

from orchestrator_app.solver.fleet import NO_ZONE, Ints
from orchestrator_app.solver.problem import Problem

MOST_COMPARISONS = 400_000_000
"""How many numbers of two devices are compared; then the best that are left are taken."""


def undominated(problem: Problem, rows: Ints) -> tuple[Ints, bool]:
    """Return those of some devices that can make an assignment better, in order.

    Args:
        problem: the steps and devices.
        rows: the devices.

    Returns:
        The devices, and whether these are all; else they are the best by the sum of their points.
    """
    most = max(problem.n_steps + 1, MOST_COMPARISONS // max(1, len(rows) * (problem.n_steps + 1)))
    useful = np.minimum(problem.fleet.free_bytes[rows], sum(problem.needs))
    merits, zone = np.vstack([problem.points[:, rows], useful]), problem.fleet.zone[rows]
    order = np.lexsort((rows, zone == NO_ZONE, -merits.sum(axis=0)))
    merits, zone = merits[:, order], zone[order]
    n_dominators = np.zeros(len(rows), np.int64)
    kept: list[int] = []
    for one in range(len(rows)):
        if n_dominators[one] >= problem.n_steps:
            continue
        if len(kept) == most:
            return np.sort(rows[order[kept]]), False
        kept.append(one)
        is_worse = (merits[:, one + 1 :] <= merits[:, one, None]).all(axis=0)
        other = zone[one + 1 :]
        n_dominators[one + 1 :] += is_worse & ((other == NO_ZONE) | (other == zone[one]))
    return np.sort(rows[order[kept]]), True
