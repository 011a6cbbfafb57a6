"""Begin steps of an execution: the sources, or one whose device fell silent, on another."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator_app.deployment.devices import Devices, Input, Sending
from orchestrator_app.deployment.records import Deployed, DeploymentRecords
from orchestrator_app.deployment.route import Route
from orchestrator_app.deployment.step_action import StepAction
from orchestrator_app.deployment.step_failure import StepFailedError
from orchestrator_app.deployment.trace import GONE
from orchestrator_app.store import Store
from wasmiot_td.call_context import CallContext
from wasmiot_td.errors import InteractionError, ThingProblem, ThingUnreachable
from wasmiot_td.models.action_status import ActionStatus

BUSY = frozenset({408, 425, 429, 502, 503, 504})
"""Refusals that may be over in a moment."""

CROWDED = frozenset({429, 503})
"""Those that say so themselves."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Given:
    """The input of an execution: of its one source that takes one, or of several by their names."""

    whole: Input
    parts: Mapping[str, Input] | None = None

    def of(self, route: Route, step: int) -> Input:
        """Return what a source is given."""
        graph = route.graph
        if len(graph.sources) == 1:
            return self.whole
        if step not in graph.takers:
            return Input()
        if len(graph.takers) == 1:
            return self.whole
        name = graph.names[step]
        if self.parts is not None:
            return self.parts.get(name, Input())
        return Input(value=self.whole.value[name])


class Hops:
    """The steps of one execution that the orchestrator itself begins.

    All carry the execution's key: a device that has run the step already does not run it again.
    """

    def __init__(
        self,
        store: Store,
        devices: Devices,
        records: DeploymentRecords,
        deployed: Deployed,
        given: Given,
        context: CallContext,
    ) -> None:
        self.route = Route.of(deployed)
        self._store = store
        self._devices = devices
        self._records = records
        self._slug = deployed.slug
        self._given = given
        self._context = context

    def first(self, step: int) -> ActionStatus:
        """Begin a source, on a stand-in if need be.

        Raises:
            StepFailedError: nobody took it.
        """
        given = self._given.of(self.route, step)
        failure: InteractionError | None = None
        for action in self.route.able(step):
            try:
                return self._invoke(action, given, is_patient=len(self.route.graph.sources) == 1)
            except InteractionError as error:
                if not isinstance(error, ThingUnreachable) and not _is_crowded(error):
                    cause = getattr(error, "problem", None)
                    raise StepFailedError(step, action, str(error), cause) from error
                failure = failure or error
        status = 503 if _is_crowded(failure) else 502
        action = self.route.actions[step]
        raise StepFailedError(step, action, str(failure), status=status) from failure

    def elsewhere(
        self, step: int, tried: set[str], before: Mapping[int, ActionStatus]
    ) -> ActionStatus | None:
        """Begin a step where it was not tried yet; None if that is nowhere at present.

        Args:
            step: the step.
            tried: the base URLs of installations that fell silent.
            before: how the steps before it ended, as far as they did.

        Raises:
            StepFailedError: who could take it refused it for good.
        """
        now = self._records.get(self._slug)
        if now is not None:
            self.route = self.route.joined(Route.of(now))
        for action in self.route.able(step, tried):
            try:
                begun = self._begin(action, before)
            except InteractionError as error:
                if _is_final(error):
                    cause = getattr(error, "problem", None)
                    raise StepFailedError(step, action, str(error), cause) from error
                _log.info("not_elsewhere device=%s error=%s", action.device, error)
            else:
                _log.warning("elsewhere step=%d device=%s", step, action.device)
                return begun
        return None

    def send_part(self, action: StepAction, part: str | None, output: ActionStatus) -> None:
        """Send a join one of the outputs that it waits for.

        Raises:
            InteractionError: it could not be sent.
        """
        self._invoke(action, self._input_after(output), part)

    def _begin(self, action: StepAction, before: Mapping[int, ActionStatus]) -> ActionStatus:
        edges = [e for e in self.route.graph.inputs[action.step] if e.source in before]
        begun = None
        for edge in edges:
            begun = self._invoke(action, self._input_after(before[edge.source]), edge.input)
        return begun or self._invoke(action, self._given.of(self.route, action.step))

    def _input_after(self, before: ActionStatus) -> Input:
        if before.output_url:
            body, content_type = self._devices.fetch_output(before.output_url)
            return Input(body=body, content_type=content_type)
        return Input(value=before.output)

    def _invoke(
        self, action: StepAction, given: Input, part: str | None = None, *, is_patient: bool = False
    ) -> ActionStatus:
        device = self._store.get(action.device)
        if device is None:
            raise ThingUnreachable("its device is not in the directory any more")
        installation = self.route.installations.get(action.base, {})
        how = Sending(self._context, part or "", is_patient=is_patient)
        return self._devices.invoke(
            device.document, action.share, installation, action.name, given, how
        )


def _is_crowded(error: InteractionError | None) -> bool:
    """Whether a device has not begun a step as others wait there: who asked may ask again."""
    return isinstance(error, ThingProblem) and error.status in CROWDED


def _is_final(error: InteractionError) -> bool:
    """Whether a device refused a step in a way that no other will not."""
    if not isinstance(error, ThingProblem):
        return False
    return 400 <= error.status < 500 and error.status not in GONE | BUSY
