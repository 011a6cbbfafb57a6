"""A device that was asked and does not answer gets no work."""

from orchestrator_app.solver.solution import Rejection
from orchestrator_app.solver.view import DeviceFacts, Step


def healthy(step: Step, device: DeviceFacts) -> Rejection | None:
    """Reject a device that stopped answering; one that nobody asked yet counts as healthy."""
    if device.is_healthy:
        return None
    seen = device.last_seen or "never"
    reason = f"{device.title} does not answer; last seen: {seen}"
    return Rejection(device.id, "healthy", "answers its health property", seen, reason)
