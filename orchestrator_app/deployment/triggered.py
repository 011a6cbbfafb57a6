"""Executions that devices began by themselves, found by what they say of their first steps."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orchestrator_app.deployment.devices import Devices
from orchestrator_app.deployment.records import Deployed
from orchestrator_app.deployment.route import Route
from orchestrator_app.deployment.step_action import StepAction
from orchestrator_app.store import Store
from wasmiot_td.call_context import invocation_id
from wasmiot_td.errors import InteractionError, ThingUnreachable
from wasmiot_td.models.action_status import ActionStatus

PAUSE_SECONDS = 10.0
"""How often devices are asked: they list all that they have kept."""

MOST_AT_ONCE = 20
MOST_APART_SECONDS = 2.0
"""How far apart two sources may have been begun by one event."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """An execution that a device began.

    Attributes:
        invocation: under which name it is kept; it follows from when it was begun, and by whom.
        begun: the statuses of the sources.
    """

    invocation: str
    begun: dict[int, ActionStatus]


class Bystander:
    """Who begins nothing: the devices go their way alone."""

    def __init__(self, route: Route) -> None:
        self.route = route

    def first(self, step: int) -> ActionStatus:
        """Begin nothing."""
        raise ThingUnreachable(f"step {step} was begun by a device")

    def elsewhere(self, step: int, tried: set[str], before: Any) -> ActionStatus | None:
        """Begin nothing."""
        return None

    def send_part(self, action: StepAction, part: str | None, output: ActionStatus) -> None:
        """Send nothing."""
        raise ThingUnreachable(f"{action.id} was to be fed by a device")


class Triggered:
    """Looks for what the triggers of deployments have started."""

    def __init__(
        self, store: Store, devices: Devices, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._devices = devices
        self._clock = clock
        self._looked: dict[str, float] = {}

    def due(self, deployed: Iterable[Deployed]) -> Iterator[Deployed]:
        """Yield those of all deployments whose devices should be asked again.

        Each counts as asked from then on; one that is there no longer is forgotten.
        """
        triggered = {each.slug: each for each in deployed if each.trigger is not None}
        self._looked = {slug: at for slug, at in self._looked.items() if slug in triggered}
        for slug, each in triggered.items():
            last = self._looked.get(slug)
            if last is None or self._clock() - last >= PAUSE_SECONDS:
                self._looked[slug] = self._clock()
                yield each

    def find(self, deployed: Deployed, known: "list[str]") -> "list[Found]":
        """Return the newest executions that are not known, the oldest of them first.

        Args:
            deployed: what has a trigger.
            known: the keys of the executions that this orchestrator knows.
        """
        route = Route.of(deployed)
        first, *others = [route.actions[step] for step in route.graph.sources]
        own = {invocation_id(first.share, first.name, key) for key in known}
        beside = {action.step: self._statuses(action) for action in others}
        found = []
        for status in self._statuses(first)[:MOST_AT_ONCE]:
            id_ = str(status.href).rpartition("/")[2]
            invocation = _name(status, id_)
            begun = {first.step: status} | dict(_nearest(status, beside))
            if id_ not in own and invocation not in known and len(begun) == len(others) + 1:
                whole = {step: self._whole(each) for step, each in begun.items()}
                found.append(Found(invocation, whole))
        return found[::-1]

    def _whole(self, status: ActionStatus) -> ActionStatus:
        """Return a status with its output, which a list leaves out where it is long."""
        has_result = status.output is not None or status.output_url or status.result_url
        if has_result or not status.is_completed:
            return status
        try:
            return self._devices.query(str(status.href), is_patient=False)
        except InteractionError as error:
            _log.info("triggered_not_seen href=%s error=%s", status.href, error)
            return status

    def _statuses(self, action: StepAction) -> list[ActionStatus]:
        device = self._store.get(action.device)
        if device is None:
            return []
        try:
            listed = self._devices.statuses(device.document, action.share)
        except InteractionError as error:
            _log.info("triggered_not_seen device=%s error=%s", action.device, error)
            return []
        return [ActionStatus.model_validate(s) for s in listed.get(action.name, ())]


def _nearest(
    status: ActionStatus, beside: "dict[int, list[ActionStatus]]"
) -> Iterator[tuple[int, ActionStatus]]:
    """Yield for each other source what was begun at the same time."""
    for step, others in beside.items():
        apart = [(abs(_seconds(s) - _seconds(status)), i) for i, s in enumerate(others)]
        if apart and min(apart)[0] <= MOST_APART_SECONDS:
            yield step, others[min(apart)[1]]


def _seconds(status: ActionStatus) -> float:
    try:
        return datetime.fromisoformat(str(status.time_requested)).timestamp()
    except ValueError:
        return datetime.now(UTC).timestamp()


def _name(status: ActionStatus, id_: str) -> str:
    return f"{int(_seconds(status) * 1e6):016x}-{id_[:8]}"
