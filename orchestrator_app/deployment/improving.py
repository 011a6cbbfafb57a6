"""Whether a deployment that runs should move to where it would stand better; pure."""

from collections.abc import Mapping

from orchestrator_app.solver.solution import Placement, Solution
from wasmiot_td.problem import ProblemError

LEAST_IDLE = 40.0
"""What `least_load` must say, of 100, of a device to which work goes from one that is busy."""


def score_of(solution: Solution) -> float:
    """Return how good a solution is: the mean of the totals of the chosen devices, 0 to 100."""
    totals = [_total(placement) for placement in solution.placements]
    return sum(totals) / len(totals) if totals else 0.0


def is_clearly_better(new: Solution, present: Solution, margin: float) -> bool:
    """Whether a solution beats the present one by more than a part of its score."""
    return score_of(new) > score_of(present) * (1 + margin)


def check_relief(solution: Solution, present: Mapping[int, str]) -> None:
    """Check that what moves goes where there is less to do.

    Args:
        solution: the placement to be.
        present: the device of each step now.

    Raises:
        ProblemError: 409, a step would go to a device that is busy as well.
    """
    for placement in solution.placements:
        if placement.device != present.get(placement.step) and _idle(placement) < LEAST_IDLE:
            detail = f"the best for step {placement.step} is {placement.device}, which is busy too"
            raise ProblemError(409, "No device is less busy", detail)


def _total(placement: Placement) -> float:
    found = [c.total for c in placement.candidates if c.device == placement.device]
    return found[0] if found else 0.0


def _idle(placement: Placement) -> float:
    chosen = [c for c in placement.candidates if c.device == placement.device]
    values = [s.value for c in chosen for s in c.scores if s.name == "least_load"]
    return values[0] if values else 100.0
