"""One Thing Description per device: its share of a deployment, enough to work alone; pure.

What a step's module describes as an action becomes an action of the device's installation;
`wasmiot:feeds` says where its output goes, `wasmiot:dependsOn` where its input comes from.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    """

    slug: str
    actions: tuple[StepAction, ...]
    installations: Mapping[str, Document] = field(default_factory=dict)


def installation_id(slug: str, device: str) -> str:
    """Return the IRI of a deployment's share on a device."""
    return f"urn:wasmiot:installation:{slug}:{hashlib.sha256(device.encode()).hexdigest()[:12]}"


def compose(
    slug: str,
    solution: Solution,
    modules: Mapping[str, Document],
    devices: Mapping[str, Document],
    packages_url: str,
) -> Deployment:
    """Return the installations of a solution.

    Args:
        slug: the name of the deployment in URLs.
        solution: where each step goes.
        modules: the Thing Models of the modules, by id.
        devices: the Thing Descriptions of the devices, by id.
        packages_url: below it devices find packages by digest; ends in a slash.

    Raises:
        AffordanceNotFound: a device's description has no usable deploy action.
    """
    modules = {id: _at(packages_url, module) for id, module in modules.items()}
    actions = _step_actions(slug, solution.placements, devices)
    affordances = {
        a.step: _affordance(p, a, actions, modules[p.module])
        for p, a in zip(solution.placements, actions, strict=True)
    }
    installations = {
        device: _installation(slug, device, solution, actions, affordances, modules, devices)
        for device in solution.devices
    }
    return Deployment(slug, actions, installations)


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


def _affordance(
    placement: Placement, own: StepAction, actions: Sequence[StepAction], module: Document
) -> dict[str, Any]:
    model = action_of(module, placement.entrypoint)
    affordance = {key: model[key] for key in COPIED if key in model}
    affordance |= {
        "synchronous": False,
        "wasmiot:module": placement.module,
        "wasmiot:entrypoint": placement.entrypoint,
    }
    affordance |= _data_files(model, module) | _edges(own, actions)
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


def _edges(own: StepAction, actions: Sequence[StepAction]) -> dict[str, Any]:
    edges: dict[str, Any] = {}
    if own.step > 0:
        edges["wasmiot:dependsOn"] = [_reference(actions[own.step - 1])]
    if own.step + 1 < len(actions):
        edges["wasmiot:feeds"] = [_reference(actions[own.step + 1])]
    return edges


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
    slug: str,
    device: str,
    solution: Solution,
    actions: Sequence[StepAction],
    affordances: Mapping[int, Mapping[str, Any]],
    modules: Mapping[str, Document],
    devices: Mapping[str, Document],
) -> dict[str, Any]:
    own = [a for a in actions if a.device == device]
    needed = dict.fromkeys(p.module for p in solution.placements if p.device == device)
    return {
        "@context": list(CANONICAL_CONTEXT),
        "@type": ["Thing", "wasmiot:Supervisor", "wasmiot:Installation"],
        "id": installation_id(slug, device),
        "title": f"{slug} on {devices[device].get('title', device)}",
        "base": own[0].base,
        "profile": HTTP_BASIC_PROFILE,
        "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
        "security": ["nosec_sc"],
        "wasmiot:device": device,
        "wasmiot:deployment": f"urn:wasmiot:deployment:{slug}",
        "wasmiot:module": [_module_entry(modules[m]) for m in needed],
        "actions": {a.name: affordances[a.step] for a in own},
    }


def _module_entry(module: Document) -> dict[str, Any]:
    return {
        "id": module["id"],
        "name": module["title"],
        "digest": module["wasmiot:digest"],
        "binary": module["wasmiot:binary"],
    }
