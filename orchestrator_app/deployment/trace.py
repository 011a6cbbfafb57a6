"""Follow an execution from device to device: each status names the next by its `resultUrl`.

A device that falls silent in the middle is not waited for: its step is given to another one.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from orchestrator_app.deployment.installation import StepAction
from orchestrator_app.deployment.route import Route
from wasmiot_td.errors import InteractionError, ThingProblem, ThingUnreachable
from wasmiot_td.models.action_status import ActionStatus

FIRST_PAUSE_SECONDS = 0.005
LONGEST_PAUSE_SECONDS = 0.5
PAUSE_GROWTH = 1.5
SILENT_SECONDS = 1.0
"""How long a device may be silent before its step is given to another one."""

UNREACHABLE_SECONDS = 10.0
"""How long a device may be silent where no other can take its step."""

EXECUTION_SECONDS = 300.0
"""How long an execution may take in all."""

GONE = frozenset({404, 410})

Query = Callable[[str], ActionStatus]
Pause = Callable[[float], str]
"""Wait some seconds; the reason if the execution shall end now, else nothing."""


class Beginner(Protocol):
    """Who begins a step in another place than the one that was meant for it."""

    route: Route

    def elsewhere(
        self, step: int, tried: set[str], before: ActionStatus | None
    ) -> ActionStatus | None:
        """Begin a step where it was not tried, from the status of the step before it."""


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

    hops: Beginner
    query: Query
    pause: Pause
    is_expired: Callable[[], bool]
    entries: list[dict[str, Any]] = field(default_factory=list)

    def follow(self, first: ActionStatus) -> ActionStatus:
        """Return the last step's status.

        Raises:
            StepFailedError: a step failed, a device fell silent, or the time is over.
        """
        status, before = first, None
        for index in range(len(self.hops.route.actions)):
            status = self._end_of(index, status, before)
            action = self.hops.route.at(index, self.entries[-1]["resultUrl"])
            if status.status != "completed":
                detail = str((status.error or {}).get("detail", "it failed without a reason"))
                raise StepFailedError(index, action, detail, status.error)
            if index + 1 < len(self.hops.route.actions):
                if not status.result_url:
                    raise StepFailedError(index, action, "it passed its result to nobody")
                before = status
                status = ActionStatus(status="pending", href=status.result_url)
        return status

    def _end_of(
        self, index: int, status: ActionStatus, before: ActionStatus | None
    ) -> ActionStatus:
        """Return how a step ended, wherever it had to be run for that."""
        tried: set[str] = set()
        while True:
            action = self._note(index, status)
            tried.add(action.base)
            begun = self._ended_or_elsewhere(index, action, status, tried, before)
            if begun.is_ended:
                return begun
            status = begun

    def _note(self, index: int, status: ActionStatus) -> StepAction:
        href = str(status.href)
        action = self.hops.route.at(index, href)
        entry = {"resultUrl": href, "device": action.device, "affordance": action.name}
        self.entries.append({**entry, **self.hops.route.module_of(action)})
        return action

    def _ended_or_elsewhere(
        self,
        index: int,
        action: StepAction,
        status: ActionStatus,
        tried: set[str],
        before: ActionStatus | None,
    ) -> ActionStatus:
        """Ask until a step has ended, or until another device has begun it in its stead."""
        pause, silent_since = FIRST_PAUSE_SECONDS, None
        while not status.is_ended:
            try:
                status, silent_since = self.query(str(status.href)), None
                self.entries[-1] |= _seen(status)
            except InteractionError as error:
                silent_since = silent_since or time.monotonic()
                seconds = _silent_seconds(error, time.monotonic() - silent_since)
                if seconds > SILENT_SECONDS:
                    begun = self.hops.elsewhere(index, tried, before)
                    if begun is not None:
                        self.entries[-1] |= {"status": "failed"}
                        return begun
                if seconds > UNREACHABLE_SECONDS:
                    raise StepFailedError(index, action, str(error)) from error
            if not status.is_ended:
                self._wait(index, action, pause)
                pause = min(pause * PAUSE_GROWTH, LONGEST_PAUSE_SECONDS)
        self.entries[-1] |= _seen(status)
        return status

    def _wait(self, index: int, action: StepAction, seconds: float) -> None:
        if self.is_expired():
            detail = f"no result within {EXECUTION_SECONDS:g} seconds"
            raise StepFailedError(index, action, detail)
        reason = self.pause(seconds)
        if reason:
            raise StepFailedError(index, action, reason)


def _silent_seconds(error: InteractionError, seconds: float) -> float:
    """Return for how long a device counts as silent; one that forgot the step, for too long.

    Where no other device can take the step over, a moment is left to whoever mends it.
    """
    if isinstance(error, ThingUnreachable):
        return seconds
    is_gone = isinstance(error, ThingProblem) and error.status in GONE
    return max(seconds, SILENT_SECONDS + 0.001) if is_gone else UNREACHABLE_SECONDS + 1


def _seen(status: ActionStatus) -> dict[str, Any]:
    seen = {
        "status": status.status,
        "outputUrl": status.output_url,
        "timeRequested": status.time_requested,
        "timeEnded": status.time_ended,
    }
    return {key: value for key, value in seen.items() if value is not None}
