"""Follow an execution from device to device: each status names the next by its `resultUrl`."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator_app.deployment.installation import StepAction
from wasmiot_td.errors import InteractionError, ThingUnreachable
from wasmiot_td.models.action_status import ActionStatus

FIRST_PAUSE_SECONDS = 0.005
LONGEST_PAUSE_SECONDS = 0.5
PAUSE_GROWTH = 1.5
UNREACHABLE_SECONDS = 10.0
"""How long a device may be silent in the middle of an execution."""

EXECUTION_SECONDS = 300.0
"""How long an execution may take in all."""

Query = Callable[[str], ActionStatus]
Pause = Callable[[float], str]
"""Wait some seconds; the reason if the execution shall end now, else nothing."""


class StepFailedError(Exception):
    """An execution ended at a step; carries the problem details."""

    def __init__(self, step: int, action: StepAction, detail: str, cause: Any = None) -> None:
        self.problem: dict[str, Any] = {
            "type": "about:blank",
            "title": "A step failed",
            "status": 502,
            "detail": f"step {step} ({action.name} on {action.device}): {detail}",
            "step": step,
            "device": action.device,
            "affordance": action.name,
        }
        if cause:
            self.problem["cause"] = cause
        super().__init__(self.problem["detail"])


@dataclass
class Trace:
    """What was seen of an execution so far: one entry for each step that began."""

    actions: Sequence[StepAction]
    query: Query
    pause: Pause
    is_expired: Callable[[], bool]
    entries: list[dict[str, Any]] = field(default_factory=list)

    def follow(self, first: ActionStatus) -> ActionStatus:
        """Return the last step's status.

        Raises:
            StepFailedError: a step failed, a device fell silent, or the time is over.
        """
        status = first
        for index, action in enumerate(self.actions):
            status = self._end_of(index, action, status)
            if status.status != "completed":
                detail = str((status.error or {}).get("detail", "it failed without a reason"))
                raise StepFailedError(index, action, detail, status.error)
            if index + 1 < len(self.actions):
                if not status.result_url:
                    raise StepFailedError(index, action, "it passed its result to nobody")
                status = ActionStatus(status="pending", href=status.result_url)
        return status

    def _end_of(self, index: int, action: StepAction, status: ActionStatus) -> ActionStatus:
        href = str(status.href)
        self.entries.append({"resultUrl": href, "device": action.device, "affordance": action.name})
        pause, silent_since = FIRST_PAUSE_SECONDS, None
        while True:
            try:
                status, silent_since = self.query(href), None
            except ThingUnreachable as error:
                silent_since = silent_since or time.monotonic()
                if time.monotonic() - silent_since > UNREACHABLE_SECONDS:
                    raise StepFailedError(index, action, str(error)) from error
            except InteractionError as error:
                raise StepFailedError(index, action, str(error)) from error
            self.entries[-1] |= _seen(status)
            if status.is_ended:
                return status
            self._wait(index, action, pause)
            pause = min(pause * PAUSE_GROWTH, LONGEST_PAUSE_SECONDS)

    def _wait(self, index: int, action: StepAction, seconds: float) -> None:
        if self.is_expired():
            detail = f"no result within {EXECUTION_SECONDS:g} seconds"
            raise StepFailedError(index, action, detail)
        reason = self.pause(seconds)
        if reason:
            raise StepFailedError(index, action, reason)


def _seen(status: ActionStatus) -> dict[str, Any]:
    seen = {
        "status": status.status,
        "outputUrl": status.output_url,
        "timeRequested": status.time_requested,
        "timeEnded": status.time_ended,
    }
    return {key: value for key, value in seen.items() if value is not None}
