"""Begin a step of an execution: the first one, or one whose device fell silent, on another."""

import logging

from orchestrator_app.deployment.devices import Devices, Input
from orchestrator_app.deployment.installation import StepAction, installation_id, standby_name
from orchestrator_app.deployment.records import Deployed, DeploymentRecords
from orchestrator_app.deployment.route import Route
from orchestrator_app.deployment.trace import StepFailedError
from orchestrator_app.store import Store
from wasmiot_td.call_context import CallContext
from wasmiot_td.errors import InteractionError, ThingUnreachable
from wasmiot_td.models.action_status import ActionStatus

_log = logging.getLogger(__name__)


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
        given: Input,
        context: CallContext,
    ) -> None:
        self.route = Route.of(deployed)
        self._store = store
        self._devices = devices
        self._records = records
        self._slug = deployed.slug
        self._given = given
        self._context = context

    def first(self) -> ActionStatus:
        """Begin the first step, on a stand-in if need be.

        Raises:
            StepFailedError: nobody took it.
        """
        failure: InteractionError | None = None
        for action in self.route.able(0):
            try:
                return self._invoke(action, self._given)
            except ThingUnreachable as error:
                failure = failure or error
            except InteractionError as error:
                cause = getattr(error, "problem", None)
                raise StepFailedError(0, action, str(error), cause) from error
        raise StepFailedError(0, self.route.actions[0], str(failure)) from failure

    def elsewhere(
        self, step: int, tried: set[str], before: ActionStatus | None
    ) -> ActionStatus | None:
        """Begin a step where it was not tried yet; None if that is nowhere at present.

        Args:
            step: the step.
            tried: the base URLs of installations that fell silent.
            before: how the step before it ended; None for the first.
        """
        now = self._records.get(self._slug)
        if now is not None:
            self.route = self.route.joined(Route.of(now))
        for action in self.route.able(step, tried):
            try:
                begun = self._invoke(action, self._input_after(before))
            except InteractionError as error:
                _log.info("not_elsewhere device=%s error=%s", action.device, error)
            else:
                _log.warning("elsewhere step=%d device=%s", step, action.device)
                return begun
        return None

    def _input_after(self, before: ActionStatus | None) -> Input:
        if before is None:
            return self._given
        if before.output_url:
            body, content_type = self._devices.fetch_output(before.output_url)
            return Input(body=body, content_type=content_type)
        return Input(value=before.output)

    def _invoke(self, action: StepAction, given: Input) -> ActionStatus:
        device = self._store.get(action.device)
        if device is None:
            raise ThingUnreachable("its device is not in the directory any more")
        is_own = action.installation == installation_id(self._slug, action.device)
        name = self._slug if is_own else standby_name(self._slug)
        installation = self.route.installations.get(action.base, {})
        return self._devices.invoke(
            device.document, name, installation, action.name, given, self._context
        )
