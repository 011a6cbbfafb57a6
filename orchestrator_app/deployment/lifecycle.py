"""A deployment's life: solved, rolled out, changed, taken back.

What is wanted is written before the devices are told (state `deploying`), so that a crash in
between leaves a wish that monitoring fulfils, and never a device that nobody remembers.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from orchestrator_app.deployment.deployment_thing import Plan, deployment_id
from orchestrator_app.deployment.devices import Devices
from orchestrator_app.deployment.installation import Deployment, compose
from orchestrator_app.deployment.planning import Revised, revise
from orchestrator_app.deployment.records import Deployed, DeploymentRecords, Documents
from orchestrator_app.deployment.roll_out import RollOutError, Tell, roll_out, tell_all
from orchestrator_app.manifests import Manifests, slug_of
from orchestrator_app.placement import Solved, place
from orchestrator_app.store import Store
from wasmiot_td.errors import InteractionError, ThingUnreachable
from wasmiot_td.problem import ProblemError
from wasmiot_td.thing_description import load

_log = logging.getLogger(__name__)


class Deployments:
    """The deployments of one orchestrator."""

    def __init__(
        self, store: Store, manifests: Manifests, devices: Devices, public_url: str
    ) -> None:
        self.records = DeploymentRecords(store, public_url)
        self._store = store
        self._manifests = manifests
        self._devices = devices
        self._packages_url = f"{public_url}packages/"
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)

    def solve(self, slug: str) -> dict[str, Any]:
        """Solve a manifest against the present graph, keep the solution and return it.

        Raises:
            ProblemError: 404 for an unknown manifest, 422 for one without a solution.
        """
        solved = place(self._store, self._manifests.require(slug), deployment_id(slug))
        return self._keep_solution(slug, solved)

    def try_out(self, source: bytes) -> dict[str, Any]:
        """Solve a manifest that is not submitted, and keep nothing.

        Raises:
            DocumentError, ProblemError: as for submitting and solving.
        """
        manifest = self._manifests.check(source).document
        slug = slug_of(manifest["name"])
        solved = place(self._store, manifest, deployment_id(slug))
        return load(solved.solution.to_document(slug, datetime.now(UTC))).document

    def deploy(self, slug: str) -> tuple[Deployed, bool]:
        """Bring a manifest onto the devices; deploying it again changes nothing.

        Returns:
            The deployment, and whether it is new.

        Raises:
            ProblemError: 404, 422 without a solution, 502 if a device refused its share.
        """
        manifest = self._manifests.require(slug)
        with self.changing(slug):
            previous = self.records.get(slug)
            present = {a.step: a.device for a in previous.actions} if previous else {}
            solved = place(self._store, manifest, deployment_id(slug), present)
            self._establish(slug, manifest["name"], solved, previous)
            return self.require(slug), previous is None

    def undeploy(self, slug: str) -> list[str]:
        """Take a deployment from all devices.

        Returns:
            The devices that could not be told; they are told later.

        Raises:
            ProblemError: 404 for an unknown deployment.
        """
        with self.changing(slug):
            deployed = self.require(slug)
            targets = deployed.installations.keys() | deployed.leftovers
            answers = tell_all(self._tell(slug), dict.fromkeys(sorted(targets)))
            away = [a.device for a in answers if a.error is not None]
            for device in deployed.installations.keys() - set(away):
                self.records.delete_installation(deployed.installations[device])
            if away:
                self.records.set_registration(deployed, state="undeploying", leftovers=away)
            else:
                self.records.delete(slug)
        return away

    def require(self, slug: str) -> Deployed:
        """Return a deployment.

        Raises:
            ProblemError: 404.
        """
        deployed = self.records.get(slug)
        if deployed is None:
            raise ProblemError(404, "Unknown deployment", f"no deployment is called {slug!r}")
        return deployed

    @contextmanager
    def changing(self, slug: str) -> Iterator[None]:
        """Keep everybody else from changing a deployment meanwhile."""
        with self._locks[slug]:
            yield

    def is_busy(self, slug: str) -> bool:
        """Whether a deployment is being changed right now."""
        lock = self._locks[slug]
        if not lock.acquire(blocking=False):
            return True
        lock.release()
        return False

    def restore(self, slug: str, device: str) -> None:
        """Give a device again what it lost.

        Raises:
            InteractionError: it did not take it.
        """
        with self.changing(slug):
            deployed = self.records.get(slug)
            if deployed is not None and device in deployed.installations:
                self._tell(slug)(device, deployed.installations[device])

    def remove(self, slug: str, device: str) -> None:
        """Take from a device what it should not have; the last one ends an undeployment.

        Raises:
            InteractionError: it could not be told.
        """
        with self.changing(slug):
            deployed = self.records.get(slug)
            if deployed is None or not _is_unwanted(deployed, device):
                return
            if self._store.get(device) is not None:
                self._tell(slug)(device, None)
            rest = (deployed.installations.keys() | deployed.leftovers) - {device}
            if deployed.state == "undeploying" and not rest:
                self.records.delete(slug)
                return
            self.records.set_registration(deployed, leftovers=sorted(deployed.leftovers - {device}))
            if device in deployed.installations:
                self.records.delete_installation(deployed.installations[device])

    def settle(self, slug: str, state: str) -> None:
        """Note that a deployment is in another state."""
        with self.changing(slug):
            deployed = self.records.get(slug)
            if deployed is not None and deployed.state not in (state, "undeploying"):
                self.records.set_registration(deployed, state=state)

    def _establish(self, slug: str, name: str, solved: Solved, previous: Deployed | None) -> None:
        old = previous.installations if previous else {}
        composed = self._compose(slug, solved)
        revised = revise(composed, old, previous.revision if previous else 0)
        first, last = solved.steps[0].action, solved.steps[-1].action
        plan = Plan(composed, name, revised.revision, first, last)
        if revised.changed or not solved.is_kept:
            self._keep_solution(slug, solved)
        leftovers = (previous.leftovers if previous else frozenset()) | set(revised.dropped)
        leftovers -= revised.installations.keys()
        self.records.write(plan, revised.installations, "deploying", leftovers)
        told = self._roll_out(slug, revised, old, previous)
        self.records.write(plan, revised.installations, "deployed", leftovers - told)
        _log.info("deployed slug=%s revision=%d", slug, revised.revision)

    def _compose(self, slug: str, solved: Solved) -> Deployment:
        modules = self._documents({p.module for p in solved.solution.placements})
        devices = self._documents(set(solved.solution.devices))
        try:
            composed = compose(slug, solved.solution, modules, devices, self._packages_url)
        except InteractionError as error:
            raise ProblemError(422, "A device cannot be deployed to", str(error)) from error
        canonical = {device: load(d).document for device, d in composed.installations.items()}
        return replace(composed, installations=canonical)

    def _roll_out(
        self, slug: str, revised: Revised, old: Documents, previous: Deployed | None
    ) -> set[str]:
        """Tell the devices that differ; where none does, all, in case one forgot.

        Returns:
            The devices that the deployment left, and that know it.
        """
        try:
            roll_out(self._tell(slug), revised.changed or revised.installations, old)
        except RollOutError as error:
            self.records.delete(slug)
            if previous is not None:
                self.records.put_back(previous)
            devices = [a.to_document() for a in error.answers]
            detail = f"nothing was deployed: {error}"[:2000]
            raise ProblemError(
                502, "A device refused its share", detail, devices=devices
            ) from error
        answers = tell_all(self._tell(slug), dict.fromkeys(revised.dropped))
        for device in revised.dropped:
            self.records.delete_installation(old[device])
        return {a.device for a in answers if a.error is None}

    def _documents(self, ids: set[str]) -> Documents:
        return {id: s.document for id in ids if (s := self._store.get(id)) is not None}

    def _keep_solution(self, slug: str, solved: Solved) -> dict[str, Any]:
        loaded = load(solved.solution.to_document(slug, datetime.now(UTC)))
        self._store.put(loaded, kind="solution")
        return loaded.document

    def _tell(self, slug: str) -> Tell:
        def tell(device: str, installation: Mapping[str, Any] | None) -> None:
            stored = self._store.get(device)
            if stored is None:
                raise ThingUnreachable(f"{device} is not in the directory any more")
            if installation is None:
                self._devices.undeploy(stored.document, slug)
            else:
                self._devices.deploy(stored.document, slug, installation)

        return tell


def _is_unwanted(deployed: Deployed, device: str) -> bool:
    return deployed.state == "undeploying" or device not in deployed.installations
