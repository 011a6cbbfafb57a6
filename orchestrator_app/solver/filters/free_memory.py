"""Memory that other deployments have reserved cannot be given away twice."""

from orchestrator_app.solver.solution import Rejection
from orchestrator_app.solver.view import DeviceFacts, Step


def free_memory(step: Step, device: DeviceFacts) -> Rejection | None:
    """Reject a device whose unreserved memory does not hold the module."""
    need = step.module.required_memory_bytes
    if need <= device.free_bytes:
        return None
    reason = (
        f"{device.title} has {device.free_bytes} bytes free of {device.memory_bytes} "
        f"({device.reserved_bytes} reserved by other deployments); {need} are needed"
    )
    return Rejection(
        device.id, "free_memory", f"{need} bytes", f"{device.free_bytes} bytes", reason
    )
