"""Memory that other deployments have reserved cannot be given away twice."""

from orchestrator_app.solver.filters.filter import Filter
from orchestrator_app.solver.fleet import DeviceFacts, Fleet, Mask
from orchestrator_app.solver.view import Step


def _refuses(step: Step, fleet: Fleet) -> Mask:
    return fleet.free_bytes < step.module.required_memory_bytes


def _reason(step: Step, device: DeviceFacts) -> str:
    return (
        f"has {device.free_bytes} bytes free of {device.memory_bytes} ({device.reserved_bytes} "
        f"reserved by other deployments); {step.module.required_memory_bytes} are needed"
    )


free_memory = Filter(
    "free_memory",
    refuses=_refuses,
    requirement=lambda step: f"{step.module.required_memory_bytes} bytes free",
    offered=lambda step, device: f"{device.free_bytes} bytes",
    reason=_reason,
)
