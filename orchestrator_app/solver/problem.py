"""The steps and the devices reduced to numbers: what the assignment works on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator_app.solver.assignment import Task
from orchestrator_app.solver.fleet import Fleet, Floats, Ints, Mask
from orchestrator_app.solver.forest import Pairs, pairs_of
from orchestrator_app.solver.scoring import score_columns
from orchestrator_app.solver.sifting import Sifted
from orchestrator_app.solver.slot import POINTS, Slot

UNFIT = -(2**40)
"""Points of a device that is no candidate: so few that no sum with it is ever the best."""


@dataclass(frozen=True, eq=False)
class Problem:
    """Steps, which of them are neighbours, and a fleet.

    Attributes:
        needs: the memory of each step in bytes.
        points: a row for each step and a column for each device; `UNFIT` for no candidate.
        pairs: the neighbours, each pair once, the lower step first.
    """

    fleet: Fleet
    needs: tuple[int, ...]
    points: Ints
    pairs: Pairs

    @property
    def n_steps(self) -> int:
        """How many steps there are."""
        return len(self.needs)

    def task(self, rows: Sequence[Ints]) -> Task:
        """Return the steps with some of their candidates each, named by rows."""
        made = []
        for need, points, chosen in zip(self.needs, self.points, rows, strict=True):
            devices = tuple(self.fleet.device(int(row)) for row in np.sort(chosen))
            by_id = {d.id: int(points[self.fleet.row_of[d.id]]) for d in devices}
            made.append(Slot(need, devices, by_id))
        return Task(tuple(made), self.pairs)


def problem_of(sifted: Sequence[Sifted], fleet: Fleet) -> Problem:
    """Return the problem of placing steps on their candidates."""
    needs = tuple(s.step.module.required_memory_bytes for s in sifted)
    pairs = pairs_of([s.step.inputs for s in sifted])
    return Problem(fleet, needs, np.array([_points(s, fleet) for s in sifted]), pairs)


def _points(sifted: Sifted, fleet: Fleet) -> Ints:
    total = np.zeros(len(fleet), np.int64)
    for weighted, column in score_columns(sifted.step, fleet).items():
        total += in_points(column * weighted.weight)
    return np.where(sifted.is_candidate, total, UNFIT)


def in_points(weighted: Floats) -> Ints:
    """Return weighted scores in whole points."""
    return np.rint(weighted * POINTS).astype(np.int64)


def is_candidate(points: Ints) -> Mask:
    """Return which devices can take a step."""
    return points > UNFIT
