"""For each step and device, the most points that any assignment with this pair can have.

One sweep from the leaves of a tree to its root and one back. Memory is looked at for neighbours
alone, so the true value can only be less; locality knows three cases alone (anywhere, in one
zone, on one device), hence the work grows with the devices and not with their square.

A graph with circles is covered by several forests: each edge counts by its part in each forest
that holds it, so that the mean of their bounds is a bound.
Source: Wainwright, Jaakkola, Willsky, "MAP estimation via agreement on trees" (2005), for the mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator_app.solver.fleet import Ints, Mask
from orchestrator_app.solver.forest import Forest, covering_forests
from orchestrator_app.solver.problem import UNFIT, Problem
from orchestrator_app.solver.slot import SAME_DEVICE, SAME_ZONE


def upper_bounds(problem: Problem) -> Ints:
    """Return an upper bound for each step (row) and device (column)."""
    forests = covering_forests(problem.n_steps, problem.pairs)
    found = [_Sweep(problem, forest, forests).bounds() for forest in forests]
    bounds: Ints = np.sum(found, axis=0) // len(forests)
    return bounds


@dataclass(frozen=True)
class _Sweep:
    """One forest of those that cover the steps."""

    problem: Problem
    forest: Forest
    forests: Sequence[Forest]

    def bounds(self) -> Ints:
        """Return the bounds by this forest alone."""
        below, from_below = self._upwards()
        above = self._downwards(below, from_below)
        values = below + above
        best = {step: values[step].max() for step in self._roots}
        all_trees = sum(best.values())
        roots = self._root_of_each()
        rest = np.array([all_trees - best[root] for root in roots], np.int64)
        bounds: Ints = values + rest[:, None]
        return bounds

    @property
    def _roots(self) -> list[int]:
        return [step for step, above in enumerate(self.forest.parents) if above is None]

    def _root_of_each(self) -> list[int]:
        roots = list(range(len(self.forest.parents)))
        for step in self.forest.order:
            above = self.forest.parents[step]
            roots[step] = step if above is None else roots[above]
        return roots

    def _upwards(self) -> tuple[Ints, Ints]:
        """Return the points of each step with all below it, and what these bring upwards."""
        below = self.problem.points.copy()
        brought = np.zeros_like(below)
        for step in reversed(self.forest.order):
            above = self.forest.parents[step]
            if above is not None:
                brought[step] = self._best_neighbour(below[step], step, above)
                below[above] += brought[step]
        return below, brought

    def _downwards(self, below: Ints, brought: Ints) -> Ints:
        """Return what all that is not below a step brings to it."""
        above_all = np.zeros_like(below)
        for step in self.forest.order:
            above = self.forest.parents[step]
            if above is not None:
                others = below[above] + above_all[above] - brought[step]
                above_all[step] = self._best_neighbour(others, above, step)
        return above_all

    def _best_neighbour(self, values: Ints, step: int, other: int) -> Ints:
        """Return for each device of one step the most that another can bring, the edge included."""
        problem = self.problem
        pair = (min(step, other), max(step, other))
        holding = sum(pair in forest.pairs for forest in self.forests)
        same_device, same_zone = (
            -(-points * len(self.forests) // holding) for points in (SAME_DEVICE, SAME_ZONE)
        )
        shares = problem.needs[step] + problem.needs[other] <= problem.fleet.free_bytes
        return _best(values, problem.fleet.zone, shares, (same_device, same_zone))


def _best(values: Ints, zone: Ints, is_shareable: Mask, locality: tuple[int, int]) -> Ints:
    same_device, same_zone = locality
    by_zone = np.full(int(zone.max()) + 2, UNFIT, np.int64)
    np.maximum.at(by_zone, zone, values)
    by_zone[-1] = UNFIT
    here = np.where(is_shareable, values + same_device, UNFIT)
    best: Ints = np.maximum(np.maximum(here, by_zone[zone] + same_zone), values.max())
    return best
