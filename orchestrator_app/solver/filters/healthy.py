"""A device that was asked and does not answer gets no work."""

from orchestrator_app.solver.filters.filter import Filter
from orchestrator_app.solver.fleet import Fleet, Mask
from orchestrator_app.solver.view import Step


def _refuses(step: Step, fleet: Fleet) -> Mask:
    """One that nobody asked yet counts as healthy."""
    return ~fleet.is_healthy


healthy = Filter(
    "healthy",
    refuses=_refuses,
    requirement=lambda step: "answers its health property",
    offered=lambda step, device: f"last seen: {device.last_seen or 'never'}",
    reason=lambda step, device: f"does not answer; last seen: {device.last_seen or 'never'}",
)
