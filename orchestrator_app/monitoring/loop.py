"""The loop: look, compare, mend; one round after the other, never two at once."""

import logging
import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from orchestrator_app.deployment.devices import Devices
from orchestrator_app.deployment.lifecycle import Deployments
from orchestrator_app.deployment.records import Deployed
from orchestrator_app.deployment.standing import is_member, is_standing
from orchestrator_app.monitoring.backoff import Backoff
from orchestrator_app.monitoring.observe import Observer
from orchestrator_app.monitoring.reasons import reason_of
from orchestrator_app.monitoring.reconcile import (
    Clear,
    Command,
    Desired,
    Forget,
    Improve,
    Join,
    Leave,
    Move,
    Patience,
    Prepare,
    Relieve,
    Remove,
    Restore,
    Resume,
    Settle,
    reconcile,
)
from orchestrator_app.monitoring.stray_shares import with_strays
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

AWAITED_SECONDS = 30 * 24 * 3600.0
"""For how long a device that left the directory is awaited, to be told what to give up."""

MOST_AWAITED = 10_000
"""How many such devices are awaited, counted for each deployment."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Improving:
    """When a deployment that runs well moves nevertheless.

    Attributes:
        interval_seconds: not more often than that; 0 for never.
        margin: by which part of its score the new placement must be better.
    """

    interval_seconds: float = 0.0
    margin: float = 0.1


NEVER = Improving()


class Watch:
    """One orchestrator's look at its devices."""

    def __init__(
        self,
        store: Store,
        devices: Devices,
        deployments: Deployments,
        interval_seconds: float,
        improving: Improving = NEVER,
    ) -> None:
        self._deployments = deployments
        self._improving = improving
        self._observer = Observer(store, devices)
        self._patience = Patience(
            PATIENCE_ROUNDS * interval_seconds,
            SETTLING_ROUNDS * interval_seconds,
            BUSY_ROUNDS * interval_seconds,
            improving.interval_seconds or float("inf"),
            AWAITED_SECONDS,
            MOST_AWAITED,
        )
        self._backoff = Backoff()
        self._round = 0

    def is_silent(self, device: str) -> bool:
        """Return whether a device did not answer when it was last looked at."""
        return self._observer.is_silent(device)

    def round(self) -> list[Command]:
        """Look, compare, and mend; return what was tried."""
        desired = self._desired()
        wanted: dict[str, list[str]] = {}
        for deployment in desired:
            for device, name in deployment.shares():
                wanted.setdefault(device, []).append(name)
        observed = self._observer.look(wanted)
        commands = reconcile(self._unchanged(desired), observed, self._patience)
        seen = {o.device: o for o in observed}
        wishes = {d.slug: d for d in desired}
        reasons = {c: reason_of(c, wishes[c.slug], seen) for c in commands}
        due = self._backoff.due(commands, self._round)
        failed = self._carry_out({command: reasons[command] for command in due})
        self._backoff = self._backoff.after(commands, failed, self._round)
        self._round += 1
        return due

    def _unchanged(self, desired: list[Desired]) -> list[Desired]:
        """Return what nobody changed while the devices were looked at, nor is changing now."""
        now = self._desired()
        return [d for d in desired if d in now and not self._deployments.changing.is_busy(d.slug)]

    def _desired(self) -> list[Desired]:
        is_due = self._deployments.changing.retirement.is_due
        every = self._deployments.records.list()
        wanted = [self._standing(d, _desired(d, is_due(d))) for d in every]
        return with_strays(wanted, self._deployments.changing.strays.seconds())

    def _standing(self, deployed: Deployed, desired: Desired) -> Desired:
        """Return what is wanted, with the devices on each of which it should stand by itself."""
        if not is_standing(deployed.manifest):
            return desired
        standing = self._deployments.standing
        return replace(
            desired,
            matching=frozenset(standing.matching(deployed)),
            members=frozenset(deployed.members),
            current=standing.current(deployed),
        )

    def _carry_out(self, commands: Mapping[Command, str]) -> list[Command]:
        """Carry out commands, each with its reason, and return those that failed."""
        failed = []
        for command, reason in commands.items():
            try:
                with self._deciding(command, reason):
                    self._perform(command)
                _log.info("mended %s", command)
            except (WasmiotError, ProblemError) as error:
                _log.warning("not_mended %s error=%s", command, error)
                failed.append(command)
        return failed

    def _deciding(self, command: Command, reason: str) -> AbstractContextManager[None]:
        """Have a command kept in the log, unless it is housekeeping."""
        if isinstance(command, Clear):
            return nullcontext()
        word, device = type(command).__name__.lower(), getattr(command, "device", "")
        return self._deployments.decisions.deciding(command.slug, word, reason, device)

    def _perform(self, command: Command) -> None:
        upkeep = self._deployments.upkeep
        match command:
            case Restore(slug, device):
                upkeep.restore(slug, device)
            case Remove(slug, device):
                upkeep.remove(slug, device)
            case Move(slug, device):
                upkeep.settle(slug, "degraded")
                upkeep.move(slug, device)
            case Relieve(slug, device):
                upkeep.move(slug, device, is_relief=True)
            case Improve(slug):
                upkeep.improve(slug, self._improving.margin)
            case Prepare(slug):
                upkeep.prepare(slug)
            case Settle(slug, state):
                upkeep.settle(slug, state)
            case _:
                self._finish(command)

    def _finish(self, command: Resume | Clear | Join | Leave | Forget) -> None:
        """Bring a change to its end, or follow devices."""
        match command:
            case Forget(slug, device):
                self._deployments.upkeep.forget(slug, device)
            case Join(slug, device):
                self._deployments.join(slug, device)
            case Leave(slug, device):
                self._deployments.leave(slug, device)
            case Resume(slug):
                self._deployments.upkeep.resume(slug)
            case Clear(slug):
                self._deployments.upkeep.clear(slug)


def _desired(deployed: Deployed, has_retired: bool) -> Desired:
    held, now = deployed.held, time.time()
    steps = {action.step for action in deployed.actions}
    return Desired(
        deployed.slug,
        deployed.state,
        {device: t["wasmiot:revision"] for device, t in held.installations.items()},
        deployed.leftovers,
        {device: t["wasmiot:revision"] for device, t in held.standbys.items()},
        deployed.considered,
        has_all_standbys=steps == {action.step for action in deployed.standbys},
        names=held.names,
        standby_names=held.standby_names,
        triggers=_triggers(held.trigger),
        has_wish=deployed.wish is not None,
        has_retired=has_retired,
        is_bound=is_member(deployed.slug) or _is_pinned(deployed.manifest),
        weighed_seconds=max(0.0, now - deployed.weighed),
        leftover_seconds={d: now - since for d, since in deployed.left_since.items()},
    )


def _is_pinned(manifest: Mapping[str, Any] | None) -> bool:
    """Whether the manifest names the device of every step."""
    sequence = manifest["sequence"] if manifest else ()
    return bool(sequence) and all("device" in step for step in sequence)


def _triggers(trigger: Mapping[str, Any] | None) -> dict[str, int]:
    return {} if trigger is None else {trigger["wasmiot:device"]: trigger["wasmiot:revision"]}


def watch_devices(parts: Services, hint: threading.Event) -> AbstractContextManager[None]:
    """Go round in a thread of its own as long as the context is entered.

    Args:
        parts: the services.
        hint: set where a device may have gone or be back: the next round begins at once.
    """
    parts.directory.on_change(lambda change: hint.set() if change.has_gone else None)
    interval_seconds = parts.settings.monitor_interval_seconds
    improving = Improving(parts.settings.improve_interval_seconds, parts.settings.improve_margin)
    watch = Watch(parts.store, parts.looks, parts.deployments, interval_seconds, improving)

    parts.directory.on_registered(lambda device: hint.set() if watch.is_silent(device) else None)

    def look() -> None:
        watch.round()
        parts.executions.look_for_triggered()

    return in_rounds("watch", interval_seconds, look, hint)
