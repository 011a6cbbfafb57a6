"""One Thing Description per device: its share of a deployment, enough to work alone; pure.

What a step's module describes as an action becomes an action of the device's installation;
`wasmiot:feeds` says where its output goes, `wasmiot:dependsOn` where its input comes from.
A step that has a stand-in is installed there too, under a name of its own: the device before it
knows it as an alternative, and needs to ask nobody when the one in charge does not answer.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator_app.deployment.device import installation_url
from orchestrator_app.solver.solution import Placement, Solution
from wasmiot_td.namespaces import CANONICAL_CONTEXT, HTTP_BASIC_PROFILE

JSON = "application/json"
TD_MEDIA_TYPE = "application/td+json"
COPIED = ("title", "titles", "description", "descriptions", "input", "output", "wasmiot:mount")
"""What an installation's action keeps of the module's action."""

Document = Mapping[str, Any]


@dataclass(frozen=True)
class StepAction:
    """Where one step of the sequence runs: an action of an installation."""

    step: int
    device: str
    installation: str
    base: str
    name: str

    @property
    def id(self) -> str:
        """The IRI of the affordance."""
        return f"{self.installation}#/actions/{self.name}"

    @property
    def thing(self) -> str:
        """The URL of the installation's Thing Description."""
        return f"{self.base}td"


@dataclass(frozen=True)
class Deployment:
    """All that a deployment consists of, before anyone was told.

    Attributes:
        actions: the actions of the steps, in their order.
        installations: the installation TDs, by device.
        standbys: the actions of the stand-ins.
        standby_installations: the TDs of the stand-ins, by device.
    """

    slug: str
    actions: tuple[StepAction, ...]
    installations: Mapping[str, Document] = field(default_factory=dict)
    standbys: tuple[StepAction, ...] = ()
    standby_installations: Mapping[str, Document] = field(default_factory=dict)


def standby_name(slug: str) -> str:
    """Return under which name the stand-ins of a deployment are installed; no slug has a dot."""
    return f"{slug}.standby"


def installation_id(slug: str, device: str) -> str:
    """Return the IRI of a deployment's share on a device."""
    return f"urn:wasmiot:installation:{slug}:{hashlib.sha256(device.encode()).hexdigest()[:12]}"


def compose(
    slug: str,
    solution: Solution,
    modules: Mapping[str, Document],
    devices: Mapping[str, Document],
    packages_url: str,
    standbys: Mapping[int, str] | None = None,
) -> Deployment:
    """Return the installations of a solution.

    Args:
        slug: the name of the deployment in URLs.
        solution: where each step goes.
        modules: the Thing Models of the modules, by id.
        devices: the Thing Descriptions of the devices, by id.
        packages_url: below it devices find packages by digest; ends in a slash.
        standbys: the devices that stand by, by step. A module that keeps state has none.

    Raises:
        AffordanceNotFound: a device's description has no usable deploy action.
    """
    modules = {id: _at(packages_url, module) for id, module in modules.items()}
    reserves = [
        replace(p, device=device)
        for p in solution.placements
        if (device := (standbys or {}).get(p.step)) and not _is_stateful(modules[p.module])
    ]
    actions = _step_actions(slug, solution.placements, devices)
    stand_ins = _step_actions(standby_name(slug), reserves, devices)
    chain = Chain(actions, {a.step: a for a in stand_ins})
    sources = Sources(slug, chain, modules, devices)
    return Deployment(
        slug,
        actions,
        _installations(slug, solution.placements, actions, sources),
        stand_ins,
        _installations(standby_name(slug), reserves, stand_ins, sources),
    )


@dataclass(frozen=True)
class Chain:
    """Where the steps run, and who stands by for them."""

    actions: Sequence[StepAction]
    standbys: Mapping[int, StepAction]

    def edges(self, own: StepAction) -> dict[str, Any]:
        """Return what an action depends on and what it feeds."""
        edges: dict[str, Any] = {}
        if own.step > 0:
            edges["wasmiot:dependsOn"] = [_reference(self.actions[own.step - 1])]
        if own.step + 1 < len(self.actions):
            target: dict[str, Any] = _reference(self.actions[own.step + 1])
            standby = self.standbys.get(own.step + 1)
            alternatives = {"alternatives": [_reference(standby)]} if standby else {}
            edges["wasmiot:feeds"] = [target | alternatives]
        return edges


@dataclass(frozen=True)
class Sources:
    """What the installations of a deployment are made from."""

    deployment: str
    chain: Chain
    modules: Mapping[str, Document]
    devices: Mapping[str, Document]


def _is_stateful(module: Document) -> bool:
    return module.get("wasmiot:stateful") is True


def _installations(
    name: str,
    placements: Sequence[Placement],
    actions: Sequence[StepAction],
    sources: Sources,
) -> dict[str, Document]:
    pairs = list(zip(placements, actions, strict=True))
    return {
        device: _installation(
            name, device, [(p, a) for p, a in pairs if a.device == device], sources
        )
        for device in dict.fromkeys(a.device for a in actions)
    }


def _at(packages_url: str, module: Document) -> Document:
    """Return a module whose packages are fetched from where they are served now."""
    files = [{**f, "href": packages_url + f["digest"]} for f in module.get("wasmiot:dataFile", ())]
    moved = {**module, "wasmiot:binary": packages_url + module["wasmiot:digest"]}
    return moved | ({"wasmiot:dataFile": files} if files else {})


def _step_actions(
    slug: str, placements: Sequence[Placement], devices: Mapping[str, Document]
) -> tuple[StepAction, ...]:
    times = Counter((p.device, p.entrypoint) for p in placements)
    return tuple(
        StepAction(
            step=p.step,
            device=p.device,
            installation=installation_id(slug, p.device),
            base=installation_url(devices[p.device], slug) + "/",
            name=p.entrypoint if times[p.device, p.entrypoint] == 1 else f"{p.entrypoint}-{p.step}",
        )
        for p in placements
    )


def _affordance(placement: Placement, own: StepAction, sources: Sources) -> dict[str, Any]:
    module = sources.modules[placement.module]
    model = action_of(module, placement.entrypoint)
    affordance = {key: model[key] for key in COPIED if key in model}
    affordance |= {
        "synchronous": False,
        "wasmiot:module": placement.module,
        "wasmiot:entrypoint": placement.entrypoint,
    }
    affordance |= _data_files(model, module) | sources.chain.edges(own)
    return affordance | {"forms": [_form(own.name, model.get("input"))]}


def action_of(module: Document, entrypoint: str) -> Mapping[str, Any]:
    """Return the action of a Thing Model behind which an entrypoint stands."""
    actions: Mapping[str, Mapping[str, Any]] = module.get("actions", {})
    return next(a for name, a in actions.items() if a.get("wasmiot:entrypoint", name) == entrypoint)


def _data_files(model: Mapping[str, Any], module: Document) -> dict[str, Any]:
    mounted = {
        str(m["path"]).lstrip("/")
        for m in model.get("wasmiot:mount", ())
        if m.get("stage") == "deployment"
    }
    files = [f for f in module.get("wasmiot:dataFile", ()) if str(f["path"]).lstrip("/") in mounted]
    return {"wasmiot:dataFile": files} if files else {}


def _reference(action: StepAction) -> dict[str, str]:
    return {"id": action.id, "thing": action.thing, "affordance": action.name}


def _form(name: str, schema: Mapping[str, Any] | None) -> dict[str, Any]:
    form: dict[str, Any] = {
        "href": f"actions/{name}",
        "op": ["invokeaction"],
        "contentType": input_media_type(schema),
        "htv:methodName": "POST",
    }
    if form["contentType"] != JSON:
        form["response"] = {"contentType": JSON}
    return form


def input_media_type(schema: Mapping[str, Any] | None) -> str:
    """Return how an input travels: a file in its own media type, all else as JSON."""
    schema = schema or {}
    members = schema.get("properties") or {}
    if any("contentMediaType" in member for member in members.values()):
        return "multipart/form-data"
    return str(schema.get("contentMediaType", JSON))


def _installation(
    name: str,
    device: str,
    own: Sequence[tuple[Placement, StepAction]],
    sources: Sources,
) -> dict[str, Any]:
    needed = dict.fromkeys(p.module for p, _ in own)
    return {
        "@context": list(CANONICAL_CONTEXT),
        "@type": ["Thing", "wasmiot:Supervisor", "wasmiot:Installation"],
        "id": installation_id(name, device),
        "title": f"{name} on {sources.devices[device].get('title', device)}",
        "base": own[0][1].base,
        "profile": HTTP_BASIC_PROFILE,
        "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
        "security": ["nosec_sc"],
        "wasmiot:device": device,
        "wasmiot:deployment": f"urn:wasmiot:deployment:{sources.deployment}",
        "wasmiot:module": [_module_entry(sources.modules[m]) for m in needed],
        "actions": {a.name: _affordance(p, a, sources) for p, a in own},
    }


def _module_entry(module: Document) -> dict[str, Any]:
    entry = {
        "id": module["id"],
        "name": module["title"],
        "digest": module["wasmiot:digest"],
        "binary": module["wasmiot:binary"],
    }
    asked = {"limits": module["wasmiot:limits"]} if "wasmiot:limits" in module else {}
    return entry | asked | ({"stateful": True} if _is_stateful(module) else {})
