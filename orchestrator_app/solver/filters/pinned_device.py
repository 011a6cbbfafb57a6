"""A step that names a device goes nowhere else."""

import numpy as np

from orchestrator_app.solver.filters.filter import Filter
from orchestrator_app.solver.fleet import Fleet, Mask
from orchestrator_app.solver.view import Step


def _refuses(step: Step, fleet: Fleet) -> Mask:
    is_other = np.full(len(fleet), step.pinned_device is not None)
    row = fleet.row_of.get(step.pinned_device or "")
    if row is not None:
        is_other[row] = False
    return is_other


pinned_device = Filter(
    "pinned_device",
    refuses=_refuses,
    requirement=lambda step: str(step.pinned_device),
    offered=lambda step, device: device.id,
    reason=lambda step, device: f"is not {step.pinned_device}, to which the manifest pins the step",
)
