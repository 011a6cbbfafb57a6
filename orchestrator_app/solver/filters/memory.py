"""A device whose whole memory is too small will never do."""

from orchestrator_app.solver.filters.filter import Filter
from orchestrator_app.solver.fleet import Fleet, Mask
from orchestrator_app.solver.view import Step


def _refuses(step: Step, fleet: Fleet) -> Mask:
    return fleet.memory_bytes < step.module.required_memory_bytes


memory = Filter(
    "memory",
    refuses=_refuses,
    requirement=lambda step: f"{step.module.required_memory_bytes} bytes",
    offered=lambda step, device: f"{device.memory_bytes} bytes",
    reason=lambda step, device: (
        f"has {device.memory_bytes} bytes; {step.module.required_memory_bytes} bytes are needed"
    ),
)
