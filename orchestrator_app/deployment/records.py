"""Deployments in the store: a deployment's Thing and its installations, as documents."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator_app.deployment.deployment_thing import Plan, deployment_id, deployment_thing
from orchestrator_app.deployment.names import standby_name, trigger_name
from orchestrator_app.deployment.planning import Held, Share
from orchestrator_app.deployment.step_action import StepAction
from orchestrator_app.deployment.step_graph import StepGraph
from orchestrator_app.store import Storable, Store, StoredDocument
from wasmiot_td.problem import ProblemError
from wasmiot_td.thing_description import load

Documents = dict[str, dict[str, Any]]
Listener = Callable[[str, str, Mapping[str, Any]], None]


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
    def leftover_shares(self) -> frozenset[Share]:
        """What is on devices that it left, or may be, and that could not be told yet."""
        left = self.thing.registration.get("leftovers", {})
        if isinstance(left, list):  # as it was written before installations had names of their own
            left = {device: [self.slug, standby_name(self.slug)] for device in left}
        return frozenset((device, name) for device, names in left.items() for name in names)

    @property
    def leftovers(self) -> frozenset[str]:
        """Devices that it left and that could not be told yet."""
        return frozenset(device for device, _ in self.leftover_shares)

    @property
    def awaited(self) -> frozenset[str]:
        """The devices that have not been told yet that it is being undeployed."""
        is_over = self.state == "undeploying"
        return self.leftovers | self.installations.keys() if is_over else frozenset()

    @property
    def left_since(self) -> dict[str, float]:
        """Since when each of its leftovers could not be told: seconds since 1970."""
        return dict(self.thing.registration.get("leftSince", {}))

    @property
    def retired(self) -> "list[dict[str, Any]]":
        """Installations of earlier revisions, on which executions may still be under way."""
        return list(self.thing.registration.get("retired", ()))

    @property
    def wish(self) -> dict[str, Any] | None:
        """What it shall become, while that is under way: a manifest, and devices by step."""
        return self.thing.registration.get("wish")

    @property
    def actions(self) -> tuple[StepAction, ...]:
        """Where each step runs, in the order of the steps."""
        return tuple(StepAction(**a) for a in self.thing.registration["actions"])

    @property
    def standbys(self) -> tuple[StepAction, ...]:
        """The stand-ins of its steps."""
        return tuple(StepAction(**a) for a in self.thing.registration.get("standbys", ()))

    @property
    def standby_installations(self) -> Documents:
        """The installations of the stand-ins, by device."""
        return dict(self.thing.registration.get("standbyInstallations", {}))

    @property
    def trigger(self) -> dict[str, Any] | None:
        """The installation of what starts it by itself."""
        return self.thing.registration.get("triggerInstallation")

    @property
    def graph(self) -> StepGraph:
        """Which step feeds which."""
        document = self.thing.registration.get("graph")
        if document is None:
            return StepGraph.chain([action.name for action in self.actions])
        return StepGraph.of(document)

    @property
    def names(self) -> dict[str, str]:
        """The name of each device's share."""
        return {a.device: a.share or self.slug for a in self.actions}

    @property
    def standby_names(self) -> dict[str, str]:
        """The name of each device's stand-ins."""
        return {a.device: a.share or standby_name(self.slug) for a in self.standbys}

    @property
    def shares_in_order(self) -> "list[Share]":
        """What is installed, each after those that feed it."""
        order = self.graph.order
        by_step = {a.step: a for a in self.actions}
        own = [(by_step[s].device, self.names[by_step[s].device]) for s in order if s in by_step]
        return list(dict.fromkeys([*own, *self.standby_names.items()]))

    @property
    def every_share(self) -> frozenset[Share]:
        """All that may be on any device because of it."""
        shares = {*self.leftover_shares, *self.shares_in_order}
        shares |= {(e["device"], e["name"]) for e in self.retired}
        if self.trigger is not None:
            shares.add((self.trigger["wasmiot:device"], trigger_name(self.slug)))
        return frozenset(shares)

    @property
    def held(self) -> Held:
        """What the devices hold of it."""
        return Held(
            self.revision,
            self.installations,
            {d: name for d, name in self.names.items() if d in self.installations},
            self.standby_installations,
            self.standby_names,
            self.trigger,
        )

    @property
    def manifest(self) -> dict[str, Any] | None:
        """The manifest that it was made from, with the versions of its modules."""
        return self.thing.registration.get("manifest")

    @property
    def members(self) -> tuple[str, ...]:
        """The devices on each of which it stands by itself, if it does so."""
        return tuple(self.thing.registration.get("members", ()))

    @property
    def history(self) -> "list[dict[str, Any]]":
        """Its revisions, the present one last: number, time, manifest, devices by step."""
        return list(self.thing.registration.get("history", ()))

    @property
    def considered(self) -> frozenset[str]:
        """The devices that were there when it was placed last."""
        return frozenset(self.thing.registration.get("considered", ()))

    @property
    def weighed(self) -> float:
        """When it was placed, or found to be placed well: seconds since 1970."""
        return float(self.thing.registration.get("weighed", 0.0))

    @property
    def present(self) -> dict[int, str]:
        """The device of each step."""
        return {a.step: a.device for a in self.actions}


def placement_of(deployed: Deployed) -> list[dict[str, Any]]:
    """Return which device is in charge of each step, which one stands by, and whom it follows."""
    standbys = {a.step: a.device for a in deployed.standbys}
    names, inputs = deployed.graph.names, deployed.graph.inputs
    places = [_place(deployed, action, standbys.get(action.step)) for action in deployed.actions]
    return [
        place
        | {
            "name": names[place["step"]],
            "after": list(dict.fromkeys(names[e.source] for e in inputs[place["step"]])),
        }
        for place in places
    ]


def _place(deployed: Deployed, action: StepAction, standby: str | None) -> dict[str, Any]:
    actions = deployed.installations.get(action.device, {}).get("actions", {})
    place = {
        "step": action.step,
        "entrypoint": actions.get(action.name, {}).get("wasmiot:entrypoint", action.name),
        "device": action.device,
        "thing": action.thing,
    }
    return place | ({"standby": standby} if standby else {})


class DeploymentRecords:
    """The documents of all deployments.

    A deployment is looked up at each execution, so what was read is kept until it is changed.
    """

    def __init__(self, store: Store, public_url: str) -> None:
        self._store = store
        self._public_url = public_url
        self._read: dict[str, Deployed] = {}
        self._changes = 0
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []

    def on_event(self, listener: Listener) -> None:
        """Have a listener told what happens to deployments: name, kind of event, its data."""
        self._listeners.append(listener)

    def tell(self, slug: str, kind: str, data: Mapping[str, Any]) -> None:
        """Tell all listeners of an event."""
        for listener in self._listeners:
            listener(slug, kind, data)

    def base(self, slug: str) -> str:
        """Return the URL of a deployment, with a slash at the end."""
        return f"{self._public_url}deployments/{slug}/"

    def get(self, slug: str) -> Deployed | None:
        """Return a deployment, or None."""
        known, changes = self._read.get(slug), self._changes
        if known is None:
            known = self._from_store(slug)
            with self._lock:
                if known is not None and changes == self._changes:
                    self._read[slug] = known
        return known

    def require(self, slug: str) -> Deployed:
        """Return a deployment.

        Raises:
            ProblemError: 404.
        """
        deployed = self.get(slug)
        if deployed is None:
            raise ProblemError(404, "Unknown deployment", f"no deployment is called {slug!r}")
        return deployed

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
        **registration: Any,
    ) -> None:
        """Write a deployment, its installations first.

        Args:
            plan: what its Thing Description is made from.
            installations: by device, those that are not written yet.
            state: one of `deployment_thing.STATES`.
            registration: further members of the record.
        """
        for document in installations.values():
            self._store.put(load(document), kind="installation")
        members = {
            **registration,
            "state": state,
            "graph": plan.deployment.graph.to_document(),
            "actions": [asdict(action) for action in plan.deployment.actions],
            "standbys": [asdict(action) for action in plan.deployment.standbys],
        }
        thing = load(deployment_thing(plan, self.base(plan.slug)))
        self._put_thing(plan.slug, thing, members)

    def set_registration(self, deployed: Deployed, **members: Any) -> None:
        """Write another state or other leftovers, and nothing else."""
        registration = {**deployed.thing.registration, **members}
        self._put_thing(deployed.slug, load(deployed.thing.document), registration)

    def delete_installation(self, document: Mapping[str, Any]) -> None:
        """Remove one device's share."""
        self._store.delete(document["id"])
        self._forget(document["wasmiot:deployment"].removeprefix(deployment_id("")))

    def delete(self, slug: str) -> None:
        """Remove a deployment and its installations."""
        deployed = self.get(slug)
        for document in deployed.installations.values() if deployed else ():
            self._store.delete(document["id"])
        self._store.delete(deployment_id(slug))
        self._forget(slug)
        if deployed is not None:
            self.tell(slug, "stateChanged", {"state": "undeployed", "before": deployed.state})

    def _forget(self, slug: str) -> None:
        with self._lock:
            self._changes += 1
            self._read.pop(slug, None)

    def _from_store(self, slug: str) -> Deployed | None:
        thing = self._store.get(deployment_id(slug))
        if thing is None or thing.kind != "deployment":
            return None
        ids = [entry["id"] for entry in thing.document.get("wasmiot:installation", ())]
        stored = [s for s in map(self._store.get, ids) if s is not None]
        return Deployed(slug, thing, {s.document["wasmiot:device"]: s.document for s in stored})

    def _put_thing(self, slug: str, thing: Storable, registration: Mapping[str, Any]) -> None:
        before = self.get(slug)
        known, now = before.left_since if before else {}, time.time()
        since = {device: known.get(device, now) for device in registration.get("leftovers", ())}
        members = {**registration, "leftSince": since}
        self._store.put(thing, kind="deployment", registration=members)
        self._forget(slug)
        state = registration["state"]
        if before is None or before.state != state:
            data = {"state": state, "before": before.state if before else None}
            revision = thing.document["wasmiot:revision"]
            self.tell(slug, "stateChanged", {**data, "revision": revision})
