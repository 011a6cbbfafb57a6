"""A step that names a device goes nowhere else."""

from orchestrator_app.solver.solution import Rejection
from orchestrator_app.solver.view import DeviceFacts, Step


def pinned_device(step: Step, device: DeviceFacts) -> Rejection | None:
    """Reject every device but the one that the manifest names."""
    if step.pinned_device in (None, device.id):
        return None
    reason = f"{device.title} is not {step.pinned_device}, to which the manifest pins the step"
    return Rejection(device.id, "pinned_device", str(step.pinned_device), device.id, reason)
