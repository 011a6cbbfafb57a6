"""Bring a solved manifest onto its devices, beside what runs there; then let traffic move.

Executions enter a deployment by its record. That names the new installations once all of them
are ready; until then, and if one device refuses, everything stays as it was.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from orchestrator_app.deployment.change import Change
from orchestrator_app.deployment.composing import Deployment, Draft, compose
from orchestrator_app.deployment.deployment_thing import Plan
from orchestrator_app.deployment.devices import Devices
from orchestrator_app.deployment.names import Names, trigger_name
from orchestrator_app.deployment.planning import Revised, Share, by_device, revise
from orchestrator_app.deployment.records import DeploymentRecords, Documents
from orchestrator_app.deployment.roll_out import RollOutError, roll_out, taken_back, tell_all
from orchestrator_app.deployment.state_carrying import carry_state, moves_of_state
from orchestrator_app.deployment.strays import Strays
from orchestrator_app.deployment.takers import known_devices
from orchestrator_app.store import Store
from wasmiot_td.errors import InteractionError, ThingUnreachable
from wasmiot_td.problem import ProblemError
from wasmiot_td.thing_description import load

_log = logging.getLogger(__name__)


class Establishing:
    """The way from a solution to devices that serve it, and to the record of it."""

    def __init__(
        self,
        store: Store,
        records: DeploymentRecords,
        strays: Strays,
        devices: Devices,
        packages_url: str,
        grant: Callable[[Deployment], Deployment],
    ) -> None:
        self._store = store
        self._records = records
        self._strays = strays
        self._devices = devices
        self._packages_url = packages_url
        self._grant = grant

    def establish(self, change: Change) -> None:
        """Make a change, or leave everything as it was.

        Raises:
            ProblemError: 422 or 502, a device cannot take its share; nothing has changed.
        """
        revised = self._revise(change)
        plan = Plan(
            revised.deployment,
            str(change.manifest["name"]),
            revised.revision,
            tuple(s.action for s in change.solved.steps),
        )
        self._write_wish(change, revised, plan)
        refused = self._tell_standbys(change, revised)
        if refused:
            devices = {device for device, _ in refused}
            rest = {s: d for s, d in change.standbys.items() if d not in devices}
            suspects = change.suspects | refused
            self.establish(replace(change, standbys=rest, suspects=suspects))
            return
        self._roll_out(change, revised)
        self._carry(change, revised)
        self._write_done(change, revised, plan)
        self._tell_moves(change, plan)
        _log.info("deployed slug=%s revision=%d", change.slug, revised.revision)

    def tell(self, share: Share, installation: Mapping[str, Any] | None) -> None:
        """Give a device an installation under a name, or with None take away what it has there.

        Raises:
            InteractionError: it could not be told.
        """
        device, name = share
        stored = self._store.get(device)
        if stored is None:
            raise ThingUnreachable(f"{device} is not in the directory any more")
        if installation is None:
            self._devices.undeploy(stored.document, name)
        else:
            self._devices.deploy(stored.document, name, installation)

    def _revise(self, change: Change) -> Revised:
        solution = change.solved.solution
        draft = Draft(
            change.slug,
            solution,
            [s.action for s in change.solved.steps],
            self._documents({p.module for p in solution.placements if p.module}),
            self._documents({*solution.devices, *change.standbys.values()}),
            self._packages_url,
            change.standbys,
        )

        def make(names: Names) -> Deployment:
            composed = self._grant(compose(draft, names))
            return replace(
                composed,
                installations=_canonical(composed.installations),
                standby_installations=_canonical(composed.standby_installations),
                trigger=load(composed.trigger).document if composed.trigger else None,
            )

        try:
            return revise(make, change.slug, change.held)
        except InteractionError as error:
            raise ProblemError(422, "A device cannot be deployed to", str(error)) from error

    def _write_wish(self, change: Change, revised: Revised, plan: Plan) -> None:
        """Write what is wanted, and what may be left behind if it does not come to that."""
        if change.previous is None:
            shares = revised.deployment.installations
            members = self._members(change, revised, plan)
            self._records.write(plan, shares, "deploying", **members)
            return
        leftovers = change.previous.leftover_shares | (revised.shares - change.held.shares)
        self._records.set_registration(
            change.previous,
            state="deploying",
            wish=change.wish,
            leftovers=by_device(leftovers | change.suspects),
        )

    def _write_done(self, change: Change, revised: Revised, plan: Plan) -> None:
        """Let traffic move: name the new installations, and know the old ones as retired."""
        left = self._switch_trigger(change, revised)
        wanted = revised.deployment.installations
        gone = [doc for d, doc in change.held.installations.items() if d not in wanted]
        new = {d: wanted[d] for d in revised.changed} if change.previous else {}
        change = replace(change, suspects=change.suspects | left)
        members = self._members(change, revised, plan)
        self._records.write(plan, new, "deployed", **members)
        for document in gone:
            self._records.delete_installation(document)

    def _members(self, change: Change, revised: Revised, plan: Plan) -> dict[str, Any]:
        """Return what is written on record beside the Thing Description."""
        previous, shares = change.previous, revised.shares
        leftovers = previous.leftover_shares if previous else frozenset()
        retired = list(previous.retired) if previous else []
        present = {action.step: action.device for action in revised.deployment.actions}
        is_in_place = previous is not None and previous.present == present
        at = {"revision": change.held.revision, "since": time.time()}
        for device, name in previous.shares_in_order if previous else ():
            if (device, name) not in shares:
                retired.append({"device": device, "name": name, **at})
        return {
            "manifest": change.manifest,
            "history": change.history(plan.revision),
            "considered": known_devices(self._store),
            "weighed": previous.weighed if previous and is_in_place else time.time(),
            "standbyInstallations": dict(revised.deployment.standby_installations),
            "triggerInstallation": revised.deployment.trigger,
            "leftovers": by_device((leftovers | change.suspects) - shares),
            "retired": retired,
        }

    def _tell_standbys(self, change: Change, revised: Revised) -> frozenset[Share]:
        """Tell the stand-ins that differ, and return those that refused."""
        reserves = revised.deployment.standby_installations
        names = revised.names
        new = {(d, names.of_standby(d)): reserves[d] for d in sorted(revised.changed_standbys)}
        answers = tell_all(self.tell, new)
        return frozenset(a.share for a in answers if a.error is not None)

    def _roll_out(self, change: Change, revised: Revised) -> None:
        """Tell the devices that differ; where none does, all, in case one forgot."""
        wanted, names = revised.deployment.installations, revised.names
        devices = sorted(revised.changed) or list(wanted)
        new = {(device, names.of(device)): wanted[device] for device in devices}
        held = {(d, change.held.names[d]): doc for d, doc in change.held.installations.items()}
        try:
            roll_out(self.tell, new, held)
        except RollOutError as error:
            reserves = {(d, names.of_standby(d)) for d in revised.changed_standbys}
            self._take_back(change, error.uncertain | taken_back(self.tell, reserves))
            said = [a.to_document() for a in error.answers]
            detail = f"nothing was deployed: {error}"[:2000]
            raise ProblemError(502, "A device refused its share", detail, devices=said) from error

    def _carry(self, change: Change, revised: Revised) -> None:
        """Have what is kept go along; where it must and cannot, nothing changes."""
        lost = carry_state(self._store, self._devices, moves_of_state(change.held, revised))
        if not (lost and change.must_carry):
            return
        away = taken_back(self.tell, revised.shares - change.held.shares)
        self._take_back(change, away)
        raise ProblemError(502, "Kept state did not go along", f"nothing was moved: {lost}"[:2000])

    def _take_back(self, change: Change, uncertain: frozenset[Share] | set[Share]) -> None:
        """Leave what was before, and remember what devices may have that they should not."""
        if change.previous is None:
            self._strays.add(change.slug, uncertain | change.suspects)
            self._records.delete(change.slug)
            return
        leftovers = change.previous.leftover_shares | uncertain | change.suspects
        self._records.set_registration(change.previous, leftovers=by_device(leftovers))

    def _switch_trigger(self, change: Change, revised: Revised) -> set[Share]:
        """Have what starts it by itself start the new installations, and nothing the old ones.

        Returns:
            The old trigger, where its device could not be told. A new one that could not be told
            is told by monitoring.
        """
        old, new = change.held.trigger, revised.deployment.trigger
        name, away = trigger_name(change.slug), set[Share]()
        if old and (new is None or new["wasmiot:device"] != old["wasmiot:device"]):
            away = taken_back(self.tell, [(old["wasmiot:device"], name)])
        if new is not None:
            tell_all(self.tell, {(new["wasmiot:device"], name): new})
        return away

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
