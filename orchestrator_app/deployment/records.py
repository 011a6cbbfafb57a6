"""Deployments in the store: a deployment's Thing and its installations, as documents."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator_app.deployment.deployment_thing import Plan, deployment_id, deployment_thing
from orchestrator_app.deployment.installation import StepAction
from orchestrator_app.store import Store, StoredDocument
from wasmiot_td.thing_description import load

Documents = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Deployed:
    """A deployment as it stands in the store: its Thing, its installations by device."""

    slug: str
    thing: StoredDocument
    installations: Documents

    @property
    def state(self) -> str:
        """The state, one of `deployment_thing.STATES`."""
        return str(self.thing.registration["state"])

    @property
    def revision(self) -> int:
        """The revision: 1 at first, one more at each change."""
        return int(self.thing.document["wasmiot:revision"])

    @property
    def leftovers(self) -> frozenset[str]:
        """Devices that it left and that could not be told yet."""
        return frozenset(self.thing.registration.get("leftovers", ()))

    @property
    def actions(self) -> tuple[StepAction, ...]:
        """Where each step runs, in the order of the steps."""
        return tuple(StepAction(**a) for a in self.thing.registration["actions"])


class DeploymentRecords:
    """The documents of all deployments."""

    def __init__(self, store: Store, public_url: str) -> None:
        self._store = store
        self._public_url = public_url

    def base(self, slug: str) -> str:
        """Return the URL of a deployment, with a slash at the end."""
        return f"{self._public_url}deployments/{slug}/"

    def get(self, slug: str) -> Deployed | None:
        """Return a deployment, or None."""
        thing = self._store.get(deployment_id(slug))
        if thing is None or thing.kind != "deployment":
            return None
        ids = [entry["id"] for entry in thing.document.get("wasmiot:installation", ())]
        stored = [s for s in map(self._store.get, ids) if s is not None]
        return Deployed(slug, thing, {s.document["wasmiot:device"]: s.document for s in stored})

    def list(self) -> "list[Deployed]":
        """Return all deployments, ordered by slug."""
        slugs = [s.id.removeprefix(deployment_id("")) for s in self._store.list("deployment")]
        return [d for d in map(self.get, slugs) if d is not None]

    def thing(self, deployed: Deployed) -> dict[str, Any]:
        """Return the Thing Description of a deployment, at the present address."""
        return {**deployed.thing.document, "base": self.base(deployed.slug)}

    def write(
        self,
        plan: Plan,
        installations: Mapping[str, Any],
        state: str,
        leftovers: Iterable[str] = (),
    ) -> None:
        """Write a deployment, its installations first."""
        for document in installations.values():
            self._store.put(load(document), kind="installation")
        registration = {
            "state": state,
            "leftovers": sorted(leftovers),
            "actions": [asdict(action) for action in plan.deployment.actions],
        }
        thing = load(deployment_thing(plan, self.base(plan.slug)))
        self._store.put(thing, kind="deployment", registration=registration)

    def set_registration(self, deployed: Deployed, **members: Any) -> None:
        """Write another state or other leftovers, and nothing else."""
        self._put_thing(deployed, {**deployed.thing.registration, **members})

    def put_back(self, deployed: Deployed) -> None:
        """Write a deployment as it was."""
        for document in deployed.installations.values():
            self._store.put(load(document), kind="installation")
        self._put_thing(deployed, deployed.thing.registration)

    def delete_installation(self, document: Mapping[str, Any]) -> None:
        """Remove one device's share."""
        self._store.delete(document["id"])

    def delete(self, slug: str) -> None:
        """Remove a deployment and its installations."""
        deployed = self.get(slug)
        for document in deployed.installations.values() if deployed else ():
            self._store.delete(document["id"])
        self._store.delete(deployment_id(slug))

    def _put_thing(self, deployed: Deployed, registration: Mapping[str, Any]) -> None:
        loaded = load(deployed.thing.document)
        self._store.put(loaded, kind="deployment", registration=registration)
