"""Every scorer asked of every device."""

from collections.abc import Mapping

import numpy as np

from orchestrator_app.solver.conditions import PREFERS_WEIGHT, preferred
from orchestrator_app.solver.fleet import Fleet, Floats
from orchestrator_app.solver.plugins import scorers
from orchestrator_app.solver.scorers import Weighted
from orchestrator_app.solver.solution import Score
from orchestrator_app.solver.view import Requirement, Step

PREFERRED = Weighted(preferred, PREFERS_WEIGHT)

Columns = Mapping[Weighted, Floats]


def score_columns(step: Step, fleet: Fleet) -> Columns:
    """Return every score that depends on the device alone, for all devices."""
    asked = (*scorers(), *((PREFERRED,) if step.prefers != Requirement() else ()))
    return {w: np.round(w.scorer(step, fleet), 3) for w in asked}


def scores_at(columns: Columns, row: int) -> tuple[Score, ...]:
    """Return the named scores of one device."""
    return tuple(Score(w.name, float(c[row]), w.weight) for w, c in columns.items())
