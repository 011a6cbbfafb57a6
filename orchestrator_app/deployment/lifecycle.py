"""A deployment's life, as people ask for it: solved, deployed, rolled back, taken away."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from orchestrator_app.deployment.change import pinned_to_versions
from orchestrator_app.deployment.changing import Changing
from orchestrator_app.deployment.decisions import Decisions
from orchestrator_app.deployment.planning import Share, by_device
from orchestrator_app.deployment.records import Deployed, placement_of
from orchestrator_app.deployment.roll_out import taken_back
from orchestrator_app.deployment.standing import Standing, is_below, is_standing, member_slug
from orchestrator_app.deployment.upkeep import Upkeep
from orchestrator_app.manifests import Manifests, slug_of
from orchestrator_app.store import Store
from wasmiot_td.problem import ProblemError
from wasmiot_td.thing_description import load

_ASKED = "somebody asked for it"


class Deployments:
    """The deployments of one orchestrator.

    Attributes:
        records: what is written of them.
        decisions: why they were changed.
        changing: how they are changed.
        standing: those that follow devices as they come and go.
        upkeep: what monitoring asks for.
    """

    def __init__(
        self, store: Store, manifests: Manifests, changing: Changing, public_url: str
    ) -> None:
        self._store = store
        self._manifests = manifests
        self.changing = changing
        self.records = changing.records
        self.decisions = Decisions(store)
        self.standing = Standing(store, self.records, public_url)
        self.upkeep = Upkeep(store, manifests, changing, self.decisions)

    def solve(self, slug: str) -> dict[str, Any]:
        """Solve a manifest against the present graph, keep the solution and return it.

        Raises:
            ProblemError: 404 for an unknown manifest, 422 for one without a solution.
        """
        solved = self.changing.place(slug, self._manifests.require(slug))
        return self.changing.keep_solution(slug, solved)

    def try_out(self, source: bytes) -> dict[str, Any]:
        """Solve a manifest that is not submitted, and keep nothing.

        Raises:
            DocumentError, ProblemError: as for submitting and solving.
        """
        manifest = self._manifests.check(source).document
        slug = slug_of(manifest["name"])
        solved = self.changing.place(slug, manifest)
        return load(solved.solution.to_document(slug, datetime.now(UTC))).document

    def deploy(self, slug: str) -> tuple[Deployed, bool]:
        """Bring a manifest onto the devices; deploying it again changes nothing.

        Returns:
            The deployment, and whether it is new.

        Raises:
            ProblemError: 404, 422 without a solution, 502 if a device refused its share.
        """
        manifest = self._manifests.require(slug)
        with self.changing.alone(slug), self.decisions.deciding(slug, "deploy", _ASKED):
            if is_standing(manifest):
                return self._stand(slug, manifest)
            previous = self._replaced(slug)
            present = previous.present if previous else {}
            solved = self.changing.place(slug, manifest, present)
            pinned = pinned_to_versions(manifest, solved)
            is_same = previous is not None and solved.is_kept and previous.manifest == pinned
            self.changing.change(slug, pinned, solved, has_new_standbys=not is_same)
            return self.records.require(slug), previous is None

    def rollback(self, slug: str, revision: int | None = None) -> Deployed:
        """Return to the manifest and the places of an earlier revision, as a new revision.

        Args:
            slug: the deployment.
            revision: the number of a revision; the one before the present one by default.

        Raises:
            ProblemError: 404, 409 without such a revision; else as for `deploy`.
        """
        with self.changing.alone(slug), self.decisions.deciding(slug, "rollback", _ASKED):
            deployed = self.records.require(slug)
            earlier = [e for e in deployed.history if e["revision"] < deployed.revision]
            found = [e for e in earlier if revision in (None, e["revision"])]
            if not found:
                known = ", ".join(str(e["revision"]) for e in earlier) or "none"
                raise ProblemError(409, "No such revision", f"it can be rolled back to: {known}")
            manifest = found[-1]["manifest"]
            if is_standing(manifest):
                return self._stand(slug, manifest)[0]
            present = {int(step): device for step, device in found[-1]["placement"].items()}
            solved = self.changing.place(slug, manifest, present)
            self.changing.change(slug, manifest, solved)
            return self.records.require(slug)

    def undeploy(self, slug: str) -> list[str]:
        """Take a deployment from all devices; that it shall go is written before any is told.

        Returns:
            The devices that could not be told; they are told later.

        Raises:
            ProblemError: 404 for an unknown deployment.
        """
        with self.changing.alone(slug), self.decisions.deciding(slug, "undeploy", _ASKED):
            deployed = self.records.require(slug)
            shares = deployed.every_share
            self._write_end(deployed, shares)
            below = [self._away_of(slug, device) for device in deployed.members]
            away = taken_back(self.changing.tell, shares)
            devices = sorted({device for device, _ in away})
            for device in deployed.installations.keys() - set(devices):
                self.records.delete_installation(deployed.installations[device])
            if away:
                self._write_end(self.records.require(slug), away)
            else:
                self.changing.forget(slug)
        return sorted({*devices, *(device for found in below for device in found)})

    def give_up(self, slug: str, device: str) -> list[str]:
        """Wait no longer for a device that could not be told that a deployment is over.

        What it may hold is remembered: should it answer after all, it is told then.

        Returns:
            The devices that are still awaited; the deployment is gone if there are none.

        Raises:
            ProblemError: 404 for an unknown deployment, 409 if the device is not awaited.
        """
        name = self._awaiting(slug, device)
        with self.changing.alone(name), self.decisions.deciding(name, "forget", _ASKED, device):
            deployed = self.records.require(name)
            held = {share for share in deployed.every_share if share[0] == device}
            self.changing.strays.add(name, held)
            self.changing.cross_out(deployed, device)
            rest = self.records.get(name)
        return sorted(rest.awaited) if rest is not None else []

    def join(self, slug: str, device: str) -> None:
        """Have a deployment stand on one more device, or as it is wanted now.

        Raises:
            ProblemError: 502, the device did not take it.
        """
        with self.changing.alone(slug):
            deployed = self.records.get(slug)
            if deployed is None or deployed.state == "undeploying":
                return
            failed = self.standing.join(deployed, [device], self._place_member)
            if failed:
                raise ProblemError(502, "It does not stand there", failed[device])

    def leave(self, slug: str, device: str) -> None:
        """Have a deployment stand no longer on a device."""
        with self.changing.alone(slug):
            deployed = self.records.get(slug)
            if deployed is not None:
                self.standing.leave(deployed, device)
                self._away_of(slug, device)

    def placement(self, slug: str) -> list[dict[str, Any]]:
        """Return which device is in charge of each step, on all devices where it stands.

        Raises:
            ProblemError: 404.
        """
        deployed = self.records.require(slug)
        every = [deployed, *self.standing.members(deployed).values()]
        return [place for each in every for place in placement_of(each)]

    def _awaiting(self, slug: str, device: str) -> str:
        """Return the name under which a device is awaited: the deployment's, or one below it."""
        every = self.records.list()
        found = [d for d in every if d.slug == slug or is_below(d.slug, slug)]
        for deployed in found:
            if device in deployed.awaited:
                return deployed.slug
        if not found:
            self.records.require(slug)
        awaited = ", ".join(sorted(d for each in found for d in each.awaited))
        why = f"awaited: {awaited}" if awaited else f"{slug} awaits no device"
        raise ProblemError(409, "Not awaited", f"{device[:200]!r} is not awaited; {why}"[:2000])

    def _write_end(self, deployed: Deployed, shares: frozenset[Share] | set[Share]) -> None:
        """Write that a deployment shall be no more, and what devices have still to give up.

        One that only stands on others by itself has nothing to give up, and ends at once.
        """
        if shares:
            self.records.set_registration(
                deployed,
                state="undeploying",
                leftovers=by_device(shares),
                retired=[],
                triggerInstallation=None,
                wish=None,
            )

    def _stand(self, slug: str, manifest: Mapping[str, Any]) -> tuple[Deployed, bool]:
        """Have a manifest stand on every device that matches, and on no other."""
        with self.changing.alone(slug):
            previous = self.records.get(slug)
            if previous is not None and not is_standing(previous.manifest):
                self.undeploy(slug)
                previous = None
            deployed = self.standing.write(slug, manifest, previous)
            matching = self.standing.matching(deployed)
            for device in sorted({*deployed.members} - {*matching}):
                self.leave(slug, device)
            missing = sorted({*matching} - self.standing.current(self.records.require(slug)))
            self.standing.join(self.records.require(slug), missing, self._place_member)
            return self.records.require(slug), previous is None

    def _replaced(self, slug: str) -> Deployed | None:
        """Return what is deployed; what stood on each device by itself goes first."""
        previous = self.records.get(slug)
        if previous is not None and is_standing(previous.manifest):
            self.undeploy(slug)
            previous = self.records.get(slug)
        return previous

    def _place_member(self, slug: str, manifest: Mapping[str, Any]) -> None:
        with self.changing.alone(slug):
            solved = self.changing.place(slug, manifest)
            pinned = pinned_to_versions(manifest, solved)
            self.changing.change(slug, pinned, solved, has_new_standbys=False)

    def _away_of(self, slug: str, device: str) -> list[str]:
        """Undeploy what is below a deployment on a device, if it still is."""
        member = member_slug(slug, device)
        away = self.undeploy(member) if self.records.get(member) is not None else []
        self._store.delete(f"urn:wasmiot:solution:{member}")
        return away
