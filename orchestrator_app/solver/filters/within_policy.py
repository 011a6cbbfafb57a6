"""A device that a policy forbids for a step, found by checking a solution with it."""

import numpy as np

from orchestrator_app.solver.filters.filter import Filter
from orchestrator_app.solver.fleet import Fleet, Mask
from orchestrator_app.solver.view import Step


def _refuses(step: Step, fleet: Fleet) -> Mask:
    is_barred = np.zeros(len(fleet), np.bool_)
    is_barred[[row for id in step.barred if (row := fleet.row_of.get(id)) is not None]] = True
    return is_barred


within_policy = Filter(
    "within_policy",
    refuses=_refuses,
    requirement=lambda step: "the policies",
    offered=lambda step, device: step.barred[device.id],
    reason=lambda step, device: f"is against policy {step.barred[device.id]}",
)
