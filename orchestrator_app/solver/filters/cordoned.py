"""A device that an operator has cordoned gets no new work; what is pinned to it stays."""

from orchestrator_app.solver.filters.filter import Filter
from orchestrator_app.solver.fleet import Fleet, Mask
from orchestrator_app.solver.view import Step


def _refuses(step: Step, fleet: Fleet) -> Mask:
    """What runs there already is pinned there when it is solved again."""
    refused = fleet.is_cordoned.copy()
    row = fleet.row_of.get(step.pinned_device or "")
    if row is not None:
        refused[row] = False
    return refused


cordoned = Filter(
    "cordoned",
    refuses=_refuses,
    requirement=lambda step: "takes new work",
    offered=lambda step, device: "cordoned",
    reason=lambda step, device: "is cordoned: its operator wants no new work on it",
)
