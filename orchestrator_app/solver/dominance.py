"""Before the search: leave out devices that another device makes superfluous.

One device dominates another if it is at least as good for every step, has at least as much free
memory, and is in the same zone. Of n steps one is on the dominated device, so at most n - 1 other
devices are in use: with n dominators one is free, and taking it instead loses nothing. What is
left is a few devices of many thousands, and the optimum is among them.
"""

import numpy as np

from orchestrator_app.solver.fleet import NO_ZONE, Ints
from orchestrator_app.solver.problem import Problem


def undominated(problem: Problem, rows: Ints) -> Ints:
    """Return those of some devices that can make an assignment better, in order.

    Args:
        problem: the steps and devices.
        rows: the devices.
    """
    useful = np.minimum(problem.fleet.free_bytes[rows], sum(problem.needs))
    merits, zone = np.vstack([problem.points[:, rows], useful]), problem.fleet.zone[rows]
    order = np.lexsort((rows, zone == NO_ZONE, -merits.sum(axis=0)))
    merits, zone = merits[:, order], zone[order]
    n_dominators = np.zeros(len(rows), np.int64)
    kept = []
    for one in range(len(rows)):
        if n_dominators[one] >= problem.n_steps:
            continue
        kept.append(one)
        is_worse = (merits[:, one + 1 :] <= merits[:, one, None]).all(axis=0)
        other = zone[one + 1 :]
        n_dominators[one + 1 :] += is_worse & ((other == NO_ZONE) | (other == zone[one]))
    return np.sort(rows[order[kept]])
