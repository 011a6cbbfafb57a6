"""Follow an execution from device to device: each status names the next ones by its `resultUrl`s.

All branches are watched at once. A device that falls silent in the middle is not waited for: its
step is given to another one, with the outputs of the steps before it.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from orchestrator_app.deployment.route import Route
from orchestrator_app.deployment.step_action import StepAction
from orchestrator_app.deployment.step_failure import StepFailedError
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

Statuses = Mapping[int, ActionStatus]
"""How steps ended."""

Pause = Callable[[float], str]
"""Wait some seconds; the reason if the execution shall end now, else nothing."""


class Query(Protocol):
    """How a device is asked for a status by its URL."""

    def __call__(self, href: str, *, is_patient: bool) -> ActionStatus:
        """Return a status; if it may take a moment, when it has ended."""


class Beginner(Protocol):
    """Who begins steps, where no device does."""

    route: Route

    def first(self, step: int) -> ActionStatus:
        """Begin a source."""

    def elsewhere(self, step: int, tried: set[str], before: Statuses) -> ActionStatus | None:
        """Begin a step where it was not tried, from how the steps before it ended."""

    def send_part(self, action: StepAction, part: str | None, output: ActionStatus) -> None:
        """Send a join one of the outputs that it waits for."""


@dataclass
class _Run:
    """A step that is under way."""

    action: StepAction
    status: ActionStatus
    entry: dict[str, Any]
    tried: set[str]
    silent_since: float | None = None

    @property
    def href(self) -> str:
        return str(self.entry["resultUrl"])


@dataclass(frozen=True)
class _Undelivered:
    """An output that did not reach a step that needs it."""

    source: int
    target: int
    part: str | None
    since: float


@dataclass
class Trace:
    """What was seen of an execution so far: one entry for each step that began."""

    hops: Beginner
    query: Query
    pause: Pause
    is_expired: Callable[[], bool]
    entries: list[dict[str, Any]] = field(default_factory=list)
    _runs: dict[int, _Run] = field(default_factory=dict)
    _done: dict[int, ActionStatus] = field(default_factory=dict)
    _latest: dict[int, int] = field(default_factory=dict)
    _undelivered: list[_Undelivered] = field(default_factory=list)

    def follow(self) -> dict[int, ActionStatus]:
        """Begin the sources, and return how the sinks ended.

        Raises:
            StepFailedError: a step failed, a device fell silent, or the time is over.
        """
        graph = self.hops.route.graph
        for step in graph.sources:
            self._begin(step, self.hops.first(step))
        return self.see_to_the_end()

    def see_to_the_end(self, begun: Statuses | None = None) -> dict[int, ActionStatus]:
        """Follow steps that others began, too, and return how the sinks ended.

        Raises:
            StepFailedError: as for `follow`.
        """
        for step, status in (begun or {}).items():
            self._begin(step, status)
        pause = FIRST_PAUSE_SECONDS
        while self._runs or self._undelivered:
            ended = [step for step in list(self._runs) if self._is_news(step)]
            self._deliver()
            if ended:
                pause = FIRST_PAUSE_SECONDS
            elif self._runs or self._undelivered:
                self._wait(pause)
                pause = min(pause * PAUSE_GROWTH, LONGEST_PAUSE_SECONDS)
        return {step: self._done[step] for step in self.hops.route.graph.sinks}

    def under_way(self) -> dict[int, str]:
        """Return the URLs of the statuses of the steps that have not ended."""
        return {step: run.href for step, run in self._runs.items()}

    def give_up(self) -> None:
        """Note that the steps that had not ended have failed: they were told to end."""
        for run in self._runs.values():
            run.entry |= _seen(run.status) if run.status.is_ended else {"status": "failed"}

    def _begin(self, step: int, status: ActionStatus, tried: set[str] | None = None) -> None:
        """Watch a step from now on."""
        route, href = self.hops.route, str(status.href)
        action = route.at(step, href)
        entry = {"step": step, "resultUrl": href, "device": action.device}
        entry |= {"affordance": action.name, **route.module_of(action), "status": status.status}
        sources = {e.source for e in route.graph.inputs[step]}
        after = sorted(self._latest[s] for s in sources if s in self._latest)
        self.entries.append(entry | ({"after": after} if after else {}))
        self._latest[step] = len(self.entries) - 1
        tried = (tried or set()) | {action.base}
        self._runs[step] = _Run(action, status, self.entries[-1], tried)

    def _is_news(self, step: int) -> bool:
        """Look at a step; whether it has ended, or begun elsewhere."""
        run = self._runs[step]
        if not run.status.is_ended:
            try:
                run.status = self.query(run.href, is_patient=len(self._runs) == 1)
                run.silent_since = None
            except InteractionError as error:
                return self._is_elsewhere(step, run, error)
            run.entry |= _seen(run.status)
        if run.status.is_ended:
            run.entry |= _seen(run.status)
            self._end(step, run)
        return run.status.is_ended

    def _is_elsewhere(self, step: int, run: _Run, error: InteractionError) -> bool:
        """Whether a step of a device that does not answer was begun by another."""
        run.silent_since = run.silent_since or time.monotonic()
        seconds = _silent_seconds(error, time.monotonic() - run.silent_since)
        if seconds > SILENT_SECONDS:
            begun = self.hops.elsewhere(step, run.tried, self._before(step))
            if begun is not None:
                run.entry |= {"status": "failed"}
                self._begin(step, begun, run.tried)
                return True
        if seconds > UNREACHABLE_SECONDS:
            raise StepFailedError(step, run.action, str(error)) from error
        return False

    def _before(self, step: int) -> dict[int, ActionStatus]:
        sources = {e.source for e in self.hops.route.graph.inputs[step]}
        return {source: self._done[source] for source in sources if source in self._done}

    def _end(self, step: int, run: _Run) -> None:
        """Note how a step ended, and what it set going."""
        status = run.status
        if status.status != "completed" and not _is_only_undelivered(status):
            raise StepFailedError(step, run.action, _reason(status), status.error)
        self._done[step] = status
        del self._runs[step]
        for target, part in self.hops.route.graph.successors(step):
            href = self._href_of(step, target, status)
            known = self._runs.get(target)
            if target in self._done:
                continue
            if href and known is None:
                self._begin(target, ActionStatus(status="pending", href=href))
            elif known is None or not (href and href.startswith(known.action.base)):
                self._undelivered.append(_Undelivered(step, target, part, time.monotonic()))

    def _href_of(self, step: int, target: int, status: ActionStatus) -> str | None:
        """Return the status of what a step set going at a target; None if it did not reach it."""
        hrefs = [href for href in (status.result_url, *_hrefs(status)) if href]
        hrefs = list(dict.fromkeys(hrefs))
        route = self.hops.route
        if len(hrefs) == len(list(route.graph.successors(step))) == 1:
            return hrefs[0]
        return next((href for href in hrefs if route.runs(target, href)), None)

    def _deliver(self) -> None:
        """Bring outputs to the steps that need them, where the devices could not."""
        for wanted in list(self._undelivered):
            if wanted.target in self._done or self._is_delivered(wanted):
                self._undelivered.remove(wanted)
            elif time.monotonic() - wanted.since > UNREACHABLE_SECONDS:
                status = self._done[wanted.source]
                action = self.hops.route.at(wanted.source, str(status.href))
                raise StepFailedError(wanted.source, action, _reason(status), status.error)

    def _is_delivered(self, wanted: _Undelivered) -> bool:
        run = self._runs.get(wanted.target)
        if run is None:
            begun = self.hops.elsewhere(wanted.target, set(), self._before(wanted.target))
            if begun is not None:
                self._begin(wanted.target, begun)
            return begun is not None
        try:
            self.hops.send_part(run.action, wanted.part, self._done[wanted.source])
        except InteractionError:
            return False
        return True

    def _wait(self, seconds: float) -> None:
        step, action = next(self._waited_for())
        if self.is_expired():
            detail = f"no result within {EXECUTION_SECONDS:g} seconds"
            raise StepFailedError(step, action, detail)
        reason = self.pause(seconds)
        if reason:
            raise StepFailedError(step, action, reason)

    def _waited_for(self) -> Iterator[tuple[int, StepAction]]:
        for step, run in self._runs.items():
            yield step, run.action
        for wanted in self._undelivered:
            yield wanted.target, self.hops.route.actions[wanted.target]


def _hrefs(status: ActionStatus) -> list[str | None]:
    return [begun.href for begun in status.result_urls]


def _is_only_undelivered(status: ActionStatus) -> bool:
    """Whether a step did its work, and could not pass the result on."""
    return status.output is not None or status.output_url is not None


def _reason(status: ActionStatus) -> str:
    if status.status == "completed":
        return "it passed its result to nobody"
    return str((status.error or {}).get("detail", "it failed without a reason"))


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
