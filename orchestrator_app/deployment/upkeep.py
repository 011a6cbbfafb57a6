"""What keeps deployments as they are wanted while devices come, go and tire.

Monitoring decides (`monitoring.reconcile`), and asks for it here.
"""

import time
from collections.abc import Mapping
from typing import Any

from orchestrator_app.deployment.changing import Changing
from orchestrator_app.deployment.decisions import Decisions
from orchestrator_app.deployment.improving import check_relief, is_clearly_better, score_of
from orchestrator_app.deployment.names import trigger_name
from orchestrator_app.deployment.planning import Share
from orchestrator_app.deployment.records import Deployed
from orchestrator_app.manifests import Manifests
from orchestrator_app.store import Store


class Upkeep:
    """The changes of deployments that nobody asked for.

    Each does nothing to a deployment that is gone meanwhile.
    """

    def __init__(
        self, store: Store, manifests: Manifests, changing: Changing, decisions: Decisions
    ) -> None:
        self._store = store
        self._manifests = manifests
        self._changing = changing
        self._records = changing.records
        self._decisions = decisions

    def move(self, slug: str, device: str, *, is_relief: bool = False) -> None:
        """Give the steps of a device to others; the other steps stay where they can.

        Args:
            slug: the deployment.
            device: a device that is gone, or with `is_relief` one that has too much to do.
            is_relief: what it keeps must go along, and to a device that has much less to do.

        Raises:
            ProblemError: 422 where no other device can take them, 502 if one refused.
        """
        with self._changing.alone(slug):
            deployed = self._wanted(slug)
            if deployed is None:
                return
            manifest = self._manifest_of(deployed)
            solved = self._changing.place(slug, manifest, deployed.present, lost=device)
            if is_relief:
                check_relief(solved.solution, deployed.present)
            self._changing.change(slug, manifest, solved, lost=device, must_carry=is_relief)

    def improve(self, slug: str, margin: float) -> None:
        """Move a deployment if it stands clearly better elsewhere, and what is kept goes along.

        Args:
            slug: the deployment.
            margin: by which part of its score the new placement must be better.

        Raises:
            ProblemError: as for `move`.
        """
        with self._changing.alone(slug):
            deployed = self._records.get(slug)
            if deployed is None or deployed.state != "deployed":
                return
            self._records.set_registration(deployed, weighed=time.time())
            manifest = self._manifest_of(deployed)
            kept = self._changing.place(slug, manifest, deployed.present)
            free = self._changing.place(slug, manifest)
            scores = f"{score_of(kept.solution):.1f} here, {score_of(free.solution):.1f} at best"
            self._decisions.say(f"of 100 points: {scores}")
            if kept.is_kept and is_clearly_better(free.solution, kept.solution, margin):
                self._changing.change(slug, manifest, free, must_carry=True)

    def prepare(self, slug: str) -> None:
        """Choose stand-ins again: one is gone, or devices have come.

        Raises:
            ProblemError: as for `move`.
        """
        with self._changing.alone(slug):
            deployed = self._wanted(slug)
            if deployed is None:
                return
            manifest = self._manifest_of(deployed)
            solved = self._changing.place(slug, manifest, deployed.present)
            if solved.is_kept:
                self._changing.change(slug, manifest, solved)

    def restore(self, slug: str, device: str) -> None:
        """Give a device again what it lost.

        Raises:
            InteractionError: it did not take it.
        """
        with self._changing.alone(slug):
            deployed = self._records.get(slug)
            if deployed is None:
                return
            for share, installation in _wanted_shares(deployed).items():
                if share[0] == device:
                    self._changing.tell(share, installation)

    def remove(self, slug: str, device: str) -> None:
        """Take from a device what it should not have; the last one ends an undeployment.

        Raises:
            InteractionError: it could not be told, and is to be told later.
        """
        with self._changing.alone(slug):
            deployed = self._records.get(slug)
            for share in sorted(self._unwanted(slug, deployed)):
                if share[0] == device:
                    self._changing.tell(share, None)
            self._cross_out(slug, deployed, device)

    def forget(self, slug: str, device: str) -> None:
        """Wait no longer for a device that should give something up, if it is still away."""
        with self._changing.alone(slug):
            if self._store.get(device) is None:
                self._cross_out(slug, self._records.get(slug), device)

    def resume(self, slug: str) -> None:
        """Bring about what was wanted when the orchestrator was stopped in the middle.

        Raises:
            ProblemError: as for `deploy`.
        """
        with self._changing.alone(slug):
            deployed = self._records.get(slug)
            if deployed is None or deployed.wish is None:
                return
            present = {int(step): d for step, d in deployed.wish["placement"].items()}
            manifest = deployed.wish["manifest"]
            self._changing.change(slug, manifest, self._changing.place(slug, manifest, present))

    def clear(self, slug: str) -> None:
        """Take away what earlier revisions left, as far as nothing runs on it."""
        with self._changing.alone(slug):
            deployed = self._records.get(slug)
            if deployed is not None:
                self._changing.retirement.clear(deployed)

    def settle(self, slug: str, state: str) -> None:
        """Note that a deployment is in another state."""
        with self._changing.alone(slug):
            deployed = self._records.get(slug)
            if deployed is not None and deployed.state not in (state, "undeploying"):
                self._records.set_registration(deployed, state=state)

    def _unwanted(self, slug: str, deployed: Deployed | None) -> frozenset[Share]:
        """Return all that devices should give up, also of deployments that are no more."""
        strays = self._changing.strays.shares(slug)
        if deployed is None:
            return strays
        if deployed.state == "undeploying":
            return strays | deployed.every_share
        return (strays - deployed.every_share) | deployed.leftover_shares

    def _cross_out(self, slug: str, deployed: Deployed | None, device: str) -> None:
        """Note that a device has nothing to give up."""
        self._changing.strays.drop(slug, device)
        if deployed is not None:
            self._changing.cross_out(deployed, device)

    def _wanted(self, slug: str) -> Deployed | None:
        """Return a deployment, unless it is being undeployed."""
        deployed = self._records.get(slug)
        return None if deployed is None or deployed.state == "undeploying" else deployed

    def _manifest_of(self, deployed: Deployed) -> Mapping[str, Any]:
        return deployed.manifest or self._manifests.require(deployed.slug)


def _wanted_shares(deployed: Deployed) -> dict[Share, Mapping[str, Any]]:
    """Return what shall be installed, and where."""
    held = deployed.held
    wanted = {(d, held.names[d]): doc for d, doc in held.installations.items()}
    wanted |= {(d, held.standby_names[d]): doc for d, doc in held.standbys.items()}
    if held.trigger is not None:
        wanted[held.trigger["wasmiot:device"], trigger_name(deployed.slug)] = held.trigger
    return wanted
