"""A deployment's life: solved, rolled out, changed, taken back.

What is wanted is written before the devices are told (state `deploying`), so that a crash in
between leaves a wish that monitoring fulfils, and never a device that nobody remembers.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from orchestrator_app.certificates import drop_certificate, keep_certificate
from orchestrator_app.deployment.change import Change, pinned_to_versions
from orchestrator_app.deployment.decisions import Decisions
from orchestrator_app.deployment.deployment_thing import deployment_id
from orchestrator_app.deployment.devices import Devices
from orchestrator_app.deployment.establish import Establishing
from orchestrator_app.deployment.improving import check_relief, is_clearly_better, score_of
from orchestrator_app.deployment.in_flight import InFlight
from orchestrator_app.deployment.installation import Deployment
from orchestrator_app.deployment.names import trigger_name
from orchestrator_app.deployment.planning import Share, by_device, choose_standbys
from orchestrator_app.deployment.records import Deployed, DeploymentRecords, placement_of
from orchestrator_app.deployment.retirement import Retirement
from orchestrator_app.deployment.roll_out import taken_back
from orchestrator_app.deployment.standing import Standing, is_standing, member_slug
from orchestrator_app.manifests import Manifests, slug_of
from orchestrator_app.placement import Solved, place
from orchestrator_app.store import Store
from wasmiot_td.problem import ProblemError
from wasmiot_td.telemetry import NoSpans, Spans, told
from wasmiot_td.thing_description import load

_ASKED = "somebody asked for it"


class Deployments:
    """The deployments of one orchestrator."""

    def __init__(
        self, store: Store, manifests: Manifests, devices: Devices, public_url: str
    ) -> None:
        self.records = DeploymentRecords(store, public_url)
        self.spans: Spans = NoSpans()
        self.decisions = Decisions(store)
        self._store = store
        self._public_url = public_url
        self._manifests = manifests
        self.in_flight = InFlight()
        url = f"{public_url}packages/"
        self.grant: Callable[[Deployment], Deployment] = lambda deployment: deployment
        self._establishing = Establishing(
            store, self.records, devices, url, lambda deployment: self.grant(deployment)
        )
        tell = self._establishing.tell
        self.retirement = Retirement(store, self.records, devices, self.in_flight, tell)
        self.standing = Standing(store, self.records, public_url)
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)

    def solve(self, slug: str) -> dict[str, Any]:
        """Solve a manifest against the present graph, keep the solution and return it.

        Raises:
            ProblemError: 404 for an unknown manifest, 422 for one without a solution.
        """
        solved = self._place(slug, self._manifests.require(slug))
        return self._keep_solution(slug, solved)

    def try_out(self, source: bytes) -> dict[str, Any]:
        """Solve a manifest that is not submitted, and keep nothing.

        Raises:
            DocumentError, ProblemError: as for submitting and solving.
        """
        manifest = self._manifests.check(source).document
        slug = slug_of(manifest["name"])
        solved = self._place(slug, manifest)
        return load(solved.solution.to_document(slug, datetime.now(UTC))).document

    def deploy(self, slug: str) -> tuple[Deployed, bool]:
        """Bring a manifest onto the devices; deploying it again changes nothing.

        Returns:
            The deployment, and whether it is new.

        Raises:
            ProblemError: 404, 422 without a solution, 502 if a device refused its share.
        """
        manifest = self._manifests.require(slug)
        with self.changing(slug), self.decisions.deciding(slug, "deploy", _ASKED):
            if is_standing(manifest):
                return self._stand(slug, manifest)
            previous = self._replaced(slug)
            present = previous.present if previous else {}
            solved = self._place(slug, manifest, present)
            pinned = pinned_to_versions(manifest, solved)
            is_same = previous is not None and solved.is_kept and previous.manifest == pinned
            self._change(slug, pinned, solved, has_new_standbys=not is_same)
            return self.require(slug), previous is None

    def rollback(self, slug: str, revision: int | None = None) -> Deployed:
        """Return to the manifest and the places of an earlier revision, as a new revision.

        Args:
            slug: the deployment.
            revision: the number of a revision; the one before the present one by default.

        Raises:
            ProblemError: 404, 409 without such a revision; else as for `deploy`.
        """
        with self.changing(slug), self.decisions.deciding(slug, "rollback", _ASKED):
            deployed = self.require(slug)
            earlier = [e for e in deployed.history if e["revision"] < deployed.revision]
            found = [e for e in earlier if revision in (None, e["revision"])]
            if not found:
                known = ", ".join(str(e["revision"]) for e in earlier) or "none"
                raise ProblemError(409, "No such revision", f"it can be rolled back to: {known}")
            manifest = found[-1]["manifest"]
            if is_standing(manifest):
                return self._stand(slug, manifest)[0]
            present = {int(step): device for step, device in found[-1]["placement"].items()}
            solved = self._place(slug, manifest, present)
            self._change(slug, manifest, solved)
            return self.require(slug)

    def move(self, slug: str, device: str, *, is_relief: bool = False) -> None:
        """Give the steps of a device to others; the other steps stay where they can.

        Args:
            slug: the deployment.
            device: a device that is gone, or with `is_relief` one that has too much to do.
            is_relief: what it keeps must go along, and to a device that has much less to do.

        Raises:
            ProblemError: 422 where no other device can take them, 502 if one refused.
        """
        with self.changing(slug):
            deployed = self.records.get(slug)
            if deployed is None or deployed.state == "undeploying":
                return
            manifest = deployed.manifest or self._manifests.require(slug)
            solved = self._place(slug, manifest, deployed.present, lost=device)
            if is_relief:
                check_relief(solved.solution, deployed.present)
            self._change(slug, manifest, solved, lost=device, must_carry=is_relief)

    def improve(self, slug: str, margin: float) -> None:
        """Move a deployment if it stands clearly better elsewhere, and what is kept goes along.

        Args:
            slug: the deployment.
            margin: by which part of its score the new placement must be better.

        Raises:
            ProblemError: as for `move`.
        """
        with self.changing(slug):
            deployed = self.records.get(slug)
            if deployed is None or deployed.state != "deployed":
                return
            self.records.set_registration(deployed, weighed=time.time())
            manifest = deployed.manifest or self._manifests.require(slug)
            kept = self._place(slug, manifest, deployed.present)
            free = self._place(slug, manifest)
            scores = f"{score_of(kept.solution):.1f} here, {score_of(free.solution):.1f} at best"
            self.decisions.say(f"of 100 points: {scores}")
            if kept.is_kept and is_clearly_better(free.solution, kept.solution, margin):
                self._change(slug, manifest, free, must_carry=True)

    def prepare(self, slug: str) -> None:
        """Choose stand-ins again: one is gone, or devices have come.

        Raises:
            ProblemError: as for `move`.
        """
        with self.changing(slug):
            deployed = self.records.get(slug)
            if deployed is None or deployed.state == "undeploying":
                return
            manifest = deployed.manifest or self._manifests.require(slug)
            solved = self._place(slug, manifest, deployed.present)
            if solved.is_kept:
                self._change(slug, manifest, solved)

    def undeploy(self, slug: str) -> list[str]:
        """Take a deployment from all devices.

        Returns:
            The devices that could not be told; they are told later.

        Raises:
            ProblemError: 404 for an unknown deployment.
        """
        with self.changing(slug), self.decisions.deciding(slug, "undeploy", _ASKED):
            deployed = self.require(slug)
            below = [self._away_of(slug, device) for device in deployed.members]
            away = taken_back(self._establishing.tell, deployed.every_share)
            devices = sorted({device for device, _ in away})
            for device in deployed.installations.keys() - set(devices):
                self.records.delete_installation(deployed.installations[device])
            if away:
                gone: dict[str, Any] = {"retired": [], "triggerInstallation": None, "wish": None}
                self.records.set_registration(
                    self.require(slug), state="undeploying", leftovers=by_device(away), **gone
                )
            else:
                self.records.delete(slug)
                drop_certificate(self._store, slug)
        return sorted({*devices, *(device for found in below for device in found)})

    def join(self, slug: str, device: str) -> None:
        """Have a deployment stand on one more device, or as it is wanted now.

        Raises:
            ProblemError: 502, the device did not take it.
        """
        with self.changing(slug):
            deployed = self.records.get(slug)
            if deployed is None or deployed.state == "undeploying":
                return
            failed = self.standing.join(deployed, [device], self._place_member)
            if failed:
                raise ProblemError(502, "It does not stand there", failed[device])

    def leave(self, slug: str, device: str) -> None:
        """Have a deployment stand no longer on a device."""
        with self.changing(slug):
            deployed = self.records.get(slug)
            if deployed is not None:
                self.standing.leave(deployed, device)
                self._away_of(slug, device)

    def require(self, slug: str) -> Deployed:
        """Return a deployment.

        Raises:
            ProblemError: 404.
        """
        deployed = self.records.get(slug)
        if deployed is None:
            raise ProblemError(404, "Unknown deployment", f"no deployment is called {slug!r}")
        return deployed

    def placement(self, slug: str) -> list[dict[str, Any]]:
        """Return which device is in charge of each step, on all devices where it stands.

        Raises:
            ProblemError: 404.
        """
        deployed = self.require(slug)
        every = [deployed, *self.standing.members(deployed).values()]
        return [place for each in every for place in placement_of(each)]

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
            if deployed is None:
                return
            for share, installation in _wanted(deployed).items():
                if share[0] == device:
                    self._establishing.tell(share, installation)

    def remove(self, slug: str, device: str) -> None:
        """Take from a device what it should not have; the last one ends an undeployment.

        Raises:
            InteractionError: it could not be told.
        """
        with self.changing(slug):
            deployed = self.records.get(slug)
            if deployed is None:
                return
            is_over = deployed.state == "undeploying"
            unwanted = deployed.every_share if is_over else deployed.leftover_shares
            for share in sorted(unwanted):
                if share[0] == device and self._store.get(device) is not None:
                    self._establishing.tell(share, None)
            rest = (deployed.installations.keys() | deployed.leftovers) - {device}
            if is_over and not rest:
                self.records.delete(slug)
                drop_certificate(self._store, slug)
                return
            left = {share for share in deployed.leftover_shares if share[0] != device}
            self.records.set_registration(deployed, leftovers=by_device(left))
            if is_over and device in deployed.installations:
                self.records.delete_installation(deployed.installations[device])

    def resume(self, slug: str) -> None:
        """Bring about what was wanted when the orchestrator was stopped in the middle.

        Raises:
            ProblemError: as for `deploy`.
        """
        with self.changing(slug):
            deployed = self.records.get(slug)
            if deployed is None or deployed.wish is None:
                return
            present = {int(step): d for step, d in deployed.wish["placement"].items()}
            manifest = deployed.wish["manifest"]
            self._change(slug, manifest, self._place(slug, manifest, present))

    def clear(self, slug: str) -> None:
        """Take away what earlier revisions left, as far as nothing runs on it."""
        with self.changing(slug):
            deployed = self.records.get(slug)
            if deployed is not None:
                self.retirement.clear(deployed)

    def settle(self, slug: str, state: str) -> None:
        """Note that a deployment is in another state."""
        with self.changing(slug):
            deployed = self.records.get(slug)
            if deployed is not None and deployed.state not in (state, "undeploying"):
                self.records.set_registration(deployed, state=state)

    def _change(
        self,
        slug: str,
        manifest: Mapping[str, Any],
        solved: Solved,
        *,
        has_new_standbys: bool = True,
        lost: str = "",
        must_carry: bool = False,
    ) -> None:
        """Deploy a solution in place of what there is, and keep it if it is another one."""
        previous = self.records.get(slug)
        standbys = {a.step: a.device for a in previous.standbys} if previous else {}
        if has_new_standbys:
            chosen = {p.step: p.device for p in solved.solution.placements}
            free = self._place(slug, manifest, lost=lost)  # all candidates
            standbys = choose_standbys(free.solution.placements, chosen, standbys)
        revision = previous.revision if previous else 0
        with told(self.spans, f"deploy {slug}", {"wasmiot.deployment": slug}):
            change = Change(slug, manifest, solved, standbys, previous, must_carry=must_carry)
            self._establishing.establish(change)
        if self.require(slug).revision != revision:
            self._keep_solution(slug, solved)
        keep_certificate(self._store, slug, solved.steps, solved.solution)
        self.clear(slug)

    def _stand(self, slug: str, manifest: Mapping[str, Any]) -> tuple[Deployed, bool]:
        """Have a manifest stand on every device that matches, and on no other."""
        with self.changing(slug):
            previous = self.records.get(slug)
            if previous is not None and not is_standing(previous.manifest):
                self.undeploy(slug)
                previous = None
            deployed = self.standing.write(slug, manifest, previous)
            matching = self.standing.matching(deployed)
            for device in sorted({*deployed.members} - {*matching}):
                self.leave(slug, device)
            missing = sorted({*matching} - self.standing.current(self.require(slug)))
            self.standing.join(self.require(slug), missing, self._place_member)
            return self.require(slug), previous is None

    def _replaced(self, slug: str) -> Deployed | None:
        """Return what is deployed; what stood on each device by itself goes first."""
        previous = self.records.get(slug)
        if previous is not None and is_standing(previous.manifest):
            self.undeploy(slug)
            previous = self.records.get(slug)
        return previous

    def _place_member(self, slug: str, manifest: Mapping[str, Any]) -> None:
        with self.changing(slug):
            solved = self._place(slug, manifest)
            pinned = pinned_to_versions(manifest, solved)
            self._change(slug, pinned, solved, has_new_standbys=False)

    def _away_of(self, slug: str, device: str) -> list[str]:
        """Undeploy what is below a deployment on a device, if it still is."""
        member = member_slug(slug, device)
        away = self.undeploy(member) if self.records.get(member) is not None else []
        self._store.delete(f"urn:wasmiot:solution:{member}")
        return away

    def _place(
        self,
        slug: str,
        manifest: Mapping[str, Any],
        present: Mapping[int, str] | None = None,
        lost: str = "",
    ) -> Solved:
        own = deployment_id(slug)
        with told(self.spans, f"solve {slug}", {"wasmiot.deployment": slug}):
            return place(self._store, manifest, own, present, lost, self._public_url)

    def _keep_solution(self, slug: str, solved: Solved) -> dict[str, Any]:
        loaded = load(solved.solution.to_document(slug, datetime.now(UTC)))
        self._store.put(loaded, kind="solution")
        return loaded.document


def _wanted(deployed: Deployed) -> dict[Share, Mapping[str, Any]]:
    """Return what shall be installed, and where."""
    held = deployed.held
    wanted = {(d, held.names[d]): doc for d, doc in held.installations.items()}
    wanted |= {(d, held.standby_names[d]): doc for d, doc in held.standbys.items()}
    if held.trigger is not None:
        wanted[held.trigger["wasmiot:device"], trigger_name(deployed.slug)] = held.trigger
    return wanted
