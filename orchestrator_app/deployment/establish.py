"""Bring a solved manifest onto its devices: stand-ins first, the first step's device last.

Traffic enters a deployment at its first device: that one is told when all others are ready.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from orchestrator_app.deployment.deployment_thing import Plan
from orchestrator_app.deployment.devices import Devices
from orchestrator_app.deployment.installation import Deployment, compose, standby_name
from orchestrator_app.deployment.planning import Revised, revise, revise_standbys
from orchestrator_app.deployment.records import Deployed, DeploymentRecords, Documents
from orchestrator_app.deployment.roll_out import RollOutError, Tell, roll_out, tell_all
from orchestrator_app.deployment.takers import known_devices
from orchestrator_app.placement import Solved
from orchestrator_app.store import Store
from wasmiot_td.errors import InteractionError, ThingUnreachable
from wasmiot_td.problem import ProblemError
from wasmiot_td.thing_description import load

MOST_REVISIONS = 10
"""How many revisions of a deployment can be returned to."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Change:
    """What shall be deployed instead of what is.

    Attributes:
        manifest: with the version of each module.
        standbys: the device that stands by, by step.
    """

    slug: str
    manifest: Mapping[str, Any]
    solved: Solved
    standbys: Mapping[int, str]
    previous: Deployed | None

    @property
    def old(self) -> Documents:
        """The installations that the devices have."""
        return self.previous.installations if self.previous else {}

    @property
    def old_standbys(self) -> Documents:
        """The installations of the stand-ins that there are."""
        return self.previous.standby_installations if self.previous else {}


def pinned_to_versions(manifest: Mapping[str, Any], solved: Solved) -> dict[str, Any]:
    """Return a manifest that means the same modules for ever."""
    versions = [s.module.id.removeprefix("urn:wasmiot:module:") for s in solved.steps]
    steps = [
        {**step, "module": version}
        for step, version in zip(manifest["sequence"], versions, strict=True)
    ]
    return {**manifest, "sequence": steps}


class Establishing:
    """The way from a solution to devices that serve it, and to the record of it."""

    def __init__(
        self, store: Store, records: DeploymentRecords, devices: Devices, packages_url: str
    ) -> None:
        self._store = store
        self._records = records
        self._devices = devices
        self._packages_url = packages_url

    def establish(self, change: Change) -> None:
        """Make a change, or leave everything as it was.

        Raises:
            ProblemError: 422 or 502, a device cannot take its share; nothing has changed.
        """
        slug, previous = change.slug, change.previous
        composed = self._compose(change)
        revised = revise(composed, change.old, previous.revision if previous else 0)
        composed = revise_standbys(composed, change.old_standbys, revised.revision)
        reserves = composed.standby_installations
        left = set(revised.dropped) | (change.old_standbys.keys() - reserves.keys())
        leftovers = (previous.leftovers if previous else frozenset()) | left
        steps = change.solved.steps
        name, last = str(change.manifest["name"]), steps[-1].action
        plan = Plan(composed, name, revised.revision, steps[0].action, last)
        members = self._members(change, plan)
        shares = revised.installations
        self._write(plan, shares, "deploying", leftovers | reserves.keys(), members)
        refused = self._tell_standbys(change, reserves)
        if refused:
            rest = {s: d for s, d in change.standbys.items() if d not in refused}
            self.establish(replace(change, standbys=rest))
            return
        self._roll_out(change, revised, composed)
        told = self._clear(change, revised, reserves, left)
        self._write(plan, {}, "deployed", leftovers - told, members)
        self._tell_moves(change, plan)
        _log.info("deployed slug=%s revision=%d", slug, revised.revision)

    def tell(self, name: str) -> Tell:
        """Return how a device is told of its share, by the name under which that is installed."""

        def tell(device: str, installation: Mapping[str, Any] | None) -> None:
            stored = self._store.get(device)
            if stored is None:
                raise ThingUnreachable(f"{device} is not in the directory any more")
            if installation is None:
                self._devices.undeploy(stored.document, name)
            else:
                self._devices.deploy(stored.document, name, installation)

        return tell

    def _compose(self, change: Change) -> Deployment:
        solution = change.solved.solution
        modules = self._documents({p.module for p in solution.placements})
        devices = self._documents({*solution.devices, *change.standbys.values()})
        standbys = {s: d for s, d in change.standbys.items() if d in devices}
        url = self._packages_url
        try:
            composed = compose(change.slug, solution, modules, devices, url, standbys)
        except InteractionError as error:
            raise ProblemError(422, "A device cannot be deployed to", str(error)) from error
        return replace(
            composed,
            installations=_canonical(composed.installations),
            standby_installations=_canonical(composed.standby_installations),
        )

    def _members(self, change: Change, plan: Plan) -> dict[str, Any]:
        """Return what is written on record beside the Thing Description."""
        history = change.previous.history if change.previous else []
        entry = {
            "revision": plan.revision,
            "time": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "manifest": change.manifest,
            "placement": {str(a.step): a.device for a in plan.deployment.actions},
        }
        if history and history[-1]["revision"] == plan.revision:
            entry["time"] = history.pop()["time"]
        return {
            "manifest": change.manifest,
            "history": [*history, entry][-MOST_REVISIONS:],
            "considered": known_devices(self._store),
            "standbyInstallations": dict(plan.deployment.standby_installations),
        }

    def _write(
        self,
        plan: Plan,
        installations: Mapping[str, Any],
        state: str,
        leftovers: "frozenset[str] | set[str]",
        members: Mapping[str, Any],
    ) -> None:
        every = {**members, "leftovers": sorted(leftovers)}
        self._records.write(plan, installations, state, **every)

    def _tell_standbys(self, change: Change, reserves: Mapping[str, Any]) -> set[str]:
        """Tell the stand-ins that differ, and return those that refused."""
        changed = {d: doc for d, doc in reserves.items() if doc != change.old_standbys.get(d)}
        answers = tell_all(self.tell(standby_name(change.slug)), changed)
        return {a.device for a in answers if a.error is not None}

    def _roll_out(self, change: Change, revised: Revised, composed: Deployment) -> None:
        """Tell the devices that differ; where none does, all, in case one forgot."""
        first = composed.actions[0].device if change.previous else ""
        new = revised.changed or revised.installations
        try:
            roll_out(self.tell(change.slug), new, change.old, first)
        except RollOutError as error:
            self._take_back(change, composed)
            devices = [a.to_document() for a in error.answers]
            detail = f"nothing was deployed: {error}"[:2000]
            raise ProblemError(
                502, "A device refused its share", detail, devices=devices
            ) from error

    def _take_back(self, change: Change, composed: Deployment) -> None:
        reserves = {d: change.old_standbys.get(d) for d in composed.standby_installations}
        tell_all(self.tell(standby_name(change.slug)), reserves)
        if change.previous is None:
            self._records.delete(change.slug)
            return
        for device in composed.installations.keys() - change.old.keys():
            self._records.delete_installation(composed.installations[device])
        self._records.put_back(change.previous)

    def _clear(
        self, change: Change, revised: Revised, reserves: Mapping[str, Any], left: set[str]
    ) -> set[str]:
        """Tell the devices that the deployment left, and return those that need not be told more.

        Stand-ins are on record as possible leftovers until they are known to be ready.
        """
        shares = dict.fromkeys(revised.dropped)
        away = _away(tell_all(self.tell(change.slug), shares))
        gone = dict.fromkeys(sorted(change.old_standbys.keys() - reserves.keys()))
        away |= _away(tell_all(self.tell(standby_name(change.slug)), gone))
        for device in revised.dropped:
            self._records.delete_installation(change.old[device])
        return left - away

    def _tell_moves(self, change: Change, plan: Plan) -> None:
        before = change.previous.present if change.previous else {}
        for action in plan.deployment.actions:
            old = before.get(action.step)
            if old is not None and old != action.device:
                where = {"step": action.step, "from": old, "to": action.device}
                self._records.tell(change.slug, "moved", {**where, "revision": plan.revision})

    def _documents(self, ids: set[str]) -> Documents:
        return {id: s.document for id in ids if (s := self._store.get(id)) is not None}


def _canonical(installations: Mapping[str, Mapping[str, Any]]) -> Documents:
    return {device: load(document).document for device, document in installations.items()}


def _away(answers: Any) -> set[str]:
    return {a.device for a in answers if a.error is not None}
