"""Every scorer asked of every device."""

from collections.abc import Mapping

import numpy as np

from orchestrator_app.solver.conditions import PREFERS_WEIGHT, preferred
from orchestrator_app.solver.fleet import Fleet, Floats
from orchestrator_app.solver.plugins import scorers
from orchestrator_app.solver.scorers import (
    LOCALITY_WEIGHT,
    Weighted,
    least_load,
    near_things,
    zones_of_things,
)
from orchestrator_app.solver.solution import Score
from orchestrator_app.solver.view import Requirement, Step

PREFERRED = Weighted(preferred, PREFERS_WEIGHT)

OF_THINGS = Weighted(least_load, 0.25)
"""All that counts of a device that only speaks for a Thing, beside what is near: its load."""

Columns = Mapping[Weighted, Floats]


def score_columns(step: Step, fleet: Fleet) -> Columns:
    """Return every score that depends on the device alone, for all devices."""
    asked = scorers() if step.thing is None else (OF_THINGS,)
    if step.prefers != Requirement():
        asked += (PREFERRED,)
    if zones := zones_of_things(step):
        asked += (Weighted(near_things, LOCALITY_WEIGHT * len(zones)),)
    return {w: np.round(w.scorer(step, fleet), 3) for w in asked}


def scores_at(columns: Columns, row: int) -> tuple[Score, ...]:
    """Return the named scores of one device."""
    return tuple(Score(w.name, float(c[row]), w.weight) for w, c in columns.items())
