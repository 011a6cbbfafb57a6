"""How an execution says at which step it ended."""

from typing import Any

from orchestrator_app.deployment.step_action import StepAction


class StepFailedError(Exception):
    """An execution ended at a step; carries the problem details."""

    def __init__(
        self, step: int, action: StepAction, detail: str, cause: Any = None, status: int = 502
    ) -> None:
        self.step = step
        self.problem: dict[str, Any] = {
            "type": "about:blank",
            "title": "A step failed",
            "status": status,
            "detail": f"step {step} ({action.name} on {action.device}): {detail}",
            "step": step,
            "device": action.device,
            "affordance": action.name,
        }
        if cause:
            self.problem["cause"] = cause
        super().__init__(self.problem["detail"])
