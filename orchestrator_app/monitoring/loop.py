"""The loop: look, compare, mend; one round after the other, never two at once."""

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager

from orchestrator_app.deployment.devices import Devices
from orchestrator_app.deployment.installation import standby_name
from orchestrator_app.deployment.lifecycle import Deployments
from orchestrator_app.deployment.records import Deployed
from orchestrator_app.monitoring.backoff import Backoff
from orchestrator_app.monitoring.observe import Observer
from orchestrator_app.monitoring.reconcile import (
    Command,
    Desired,
    Move,
    Patience,
    Prepare,
    Relieve,
    Remove,
    Restore,
    Settle,
    reconcile,
)
from orchestrator_app.rounds import in_rounds
from orchestrator_app.services import Services
from orchestrator_app.store import Store
from wasmiot_td.errors import WasmiotError
from wasmiot_td.problem import ProblemError

PATIENCE_ROUNDS = 3
"""A device that was silent for this many rounds loses its work."""

SETTLING_ROUNDS = 10
"""A device that has answered for this many rounds may become a stand-in."""

BUSY_ROUNDS = 60
"""A device that was busy for this many rounds is relieved."""

_log = logging.getLogger(__name__)


class Watch:
    """One orchestrator's look at its devices."""

    def __init__(
        self, store: Store, devices: Devices, deployments: Deployments, interval_seconds: float
    ) -> None:
        self._deployments = deployments
        self._observer = Observer(store, devices)
        self._patience = Patience(
            PATIENCE_ROUNDS * interval_seconds,
            SETTLING_ROUNDS * interval_seconds,
            BUSY_ROUNDS * interval_seconds,
        )
        self._backoff = Backoff()
        self._round = 0

    def round(self) -> list[Command]:
        """Look, compare, and mend; return what was tried."""
        desired = self._desired()
        wanted: dict[str, list[str]] = {}
        for deployment in desired:
            for device in deployment.revisions:
                wanted.setdefault(device, []).append(deployment.slug)
            for device in deployment.standbys:
                wanted.setdefault(device, []).append(standby_name(deployment.slug))
        observed = self._observer.look(wanted)
        commands = reconcile(self._unchanged(desired), observed, self._patience)
        due = self._backoff.due(commands, self._round)
        failed = self._carry_out(due)
        self._backoff = self._backoff.after(commands, failed, self._round)
        self._round += 1
        return due

    def _unchanged(self, desired: list[Desired]) -> list[Desired]:
        """Return what nobody changed while the devices were looked at, nor is changing now."""
        now = self._desired()
        return [d for d in desired if d in now and not self._deployments.is_busy(d.slug)]

    def _desired(self) -> list[Desired]:
        return [_desired(deployed) for deployed in self._deployments.records.list()]

    def _carry_out(self, commands: Sequence[Command]) -> list[Command]:
        """Carry out commands and return those that failed."""
        failed = []
        for command in commands:
            try:
                self._perform(command)
                _log.info("mended %s", command)
            except (WasmiotError, ProblemError) as error:
                _log.warning("not_mended %s error=%s", command, error)
                failed.append(command)
        return failed

    def _perform(self, command: Command) -> None:
        match command:
            case Restore(slug, device):
                self._deployments.restore(slug, device)
            case Remove(slug, device):
                self._deployments.remove(slug, device)
            case Move(slug, device):
                self._deployments.settle(slug, "degraded")
                self._deployments.move(slug, device)
            case Relieve(slug, device):
                self._deployments.move(slug, device)
            case Prepare(slug):
                self._deployments.prepare(slug)
            case Settle(slug, state):
                self._deployments.settle(slug, state)


def _desired(deployed: Deployed) -> Desired:
    shares = deployed.standby_installations
    steps = {action.step for action in deployed.actions}
    return Desired(
        deployed.slug,
        deployed.state,
        {device: t["wasmiot:revision"] for device, t in deployed.installations.items()},
        deployed.leftovers,
        {device: t["wasmiot:revision"] for device, t in shares.items()},
        deployed.considered,
        has_all_standbys=steps == {action.step for action in deployed.standbys},
    )


def watch_devices(parts: Services) -> AbstractContextManager[None]:
    """Go round in a thread of its own as long as the context is entered."""
    interval_seconds = parts.settings.monitor_interval_seconds
    watch = Watch(parts.store, parts.looks, parts.deployments, interval_seconds)
    return in_rounds("watch", interval_seconds, watch.round)
