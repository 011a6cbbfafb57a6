"""How a deployment is changed, whoever asks: placed, established, written; by one at a time.

What is wanted is written before the devices are told (state `deploying`), so that a crash in
between leaves a wish that monitoring fulfils, and never a device that nobody remembers.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from orchestrator_app.certificates import drop_certificate, keep_certificate
from orchestrator_app.deployment.change import Change
from orchestrator_app.deployment.composing import Deployment
from orchestrator_app.deployment.deployment_thing import deployment_id
from orchestrator_app.deployment.devices import Devices
from orchestrator_app.deployment.establish import Establishing
from orchestrator_app.deployment.in_flight import InFlight
from orchestrator_app.deployment.planning import by_device, choose_standbys
from orchestrator_app.deployment.records import Deployed, DeploymentRecords
from orchestrator_app.deployment.retirement import Retirement
from orchestrator_app.deployment.strays import Strays
from orchestrator_app.placement import Solved, place
from orchestrator_app.store import Store
from wasmiot_td.telemetry import Spans, told
from wasmiot_td.thing_description import load
from wasmiot_td.turns_by_name import TurnsByName

Grant = Callable[[Deployment], Deployment]
"""Adds to a deployment what lets its devices ask each other."""


class Changing:
    """The way in which deployments change.

    Args:
        store: where they are kept, and devices are looked up.
        devices: the way to the devices.
        public_url: where devices reach this orchestrator.
        grant: what lets the devices of a deployment ask each other.
        spans: where it is told how long a change took.
    """

    def __init__(
        self,
        store: Store,
        devices: Devices,
        public_url: str,
        grant: Grant,
        spans: Spans,
    ) -> None:
        self.records = records = DeploymentRecords(store, public_url)
        self.strays = strays = Strays(store)
        self.in_flight = InFlight()
        self._store = store
        self._public_url = public_url
        self._spans = spans
        packages_url = f"{public_url}packages/"
        self._establishing = Establishing(store, records, strays, devices, packages_url, grant)
        self.tell = self._establishing.tell
        self.retirement = Retirement(store, records, devices, self.in_flight, self.tell)
        self._turns = TurnsByName()

    def alone(self, slug: str) -> AbstractContextManager[None]:
        """Keep everybody else from changing a deployment meanwhile."""
        return self._turns.of(slug)

    def is_busy(self, slug: str) -> bool:
        """Whether a deployment is being changed right now."""
        return not self._turns.is_free(slug)

    def place(
        self,
        slug: str,
        manifest: Mapping[str, Any],
        present: Mapping[int, str] | None = None,
        lost: str = "",
    ) -> Solved:
        """Solve a manifest against the present graph.

        Args:
            slug: what is, or will be, deployed.
            manifest: what is wanted.
            present: where steps are now, and stay where they can.
            lost: a device that takes none.

        Raises:
            ProblemError: 422, there is no solution.
        """
        own = deployment_id(slug)
        with told(self._spans, f"solve {slug}", {"wasmiot.deployment": slug}):
            return place(self._store, manifest, own, present, lost, self._public_url)

    def keep_solution(self, slug: str, solved: Solved) -> dict[str, Any]:
        """Write a solution down, and return its document."""
        loaded = load(solved.solution.to_document(slug, datetime.now(UTC)))
        self._store.put(loaded, kind="solution")
        return loaded.document

    def change(
        self,
        slug: str,
        manifest: Mapping[str, Any],
        solved: Solved,
        *,
        has_new_standbys: bool = True,
        lost: str = "",
        must_carry: bool = False,
    ) -> None:
        """Deploy a solution in place of what there is, and keep it if it is another one.

        Args:
            slug: the deployment.
            manifest: what is wanted.
            solved: the solution of it.
            has_new_standbys: whether stand-ins are chosen anew.
            lost: a device that takes none.
            must_carry: whether nothing changes where kept state cannot go along.

        Raises:
            ProblemError: 422 or 502, a device cannot take its share; nothing has changed.
        """
        previous = self.records.get(slug)
        standbys = {a.step: a.device for a in previous.standbys} if previous else {}
        if has_new_standbys:
            chosen = {p.step: p.device for p in solved.solution.placements}
            free = self.place(slug, manifest, lost=lost)  # all candidates
            standbys = choose_standbys(free.solution.placements, chosen, standbys)
        revision = previous.revision if previous else 0
        with told(self._spans, f"deploy {slug}", {"wasmiot.deployment": slug}):
            change = Change(slug, manifest, solved, standbys, previous, must_carry=must_carry)
            self._establishing.establish(change)
        deployed = self.records.require(slug)
        if deployed.revision != revision:
            self.keep_solution(slug, solved)
        keep_certificate(self._store, slug, solved.steps, solved.solution)
        self.retirement.clear(deployed)

    def cross_out(self, deployed: Deployed, device: str) -> None:
        """Note that a device has nothing to give up; the last one ends an undeployment."""
        is_over = deployed.state == "undeploying"
        rest = (deployed.installations.keys() | deployed.leftovers) - {device}
        if is_over and not rest:
            self.forget(deployed.slug)
            return
        left = {share for share in deployed.leftover_shares if share[0] != device}
        self.records.set_registration(deployed, leftovers=by_device(left))
        if is_over and device in deployed.installations:
            self.records.delete_installation(deployed.installations[device])

    def forget(self, slug: str) -> None:
        """Have no record of a deployment any more."""
        self.records.delete(slug)
        drop_certificate(self._store, slug)
