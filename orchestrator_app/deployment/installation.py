"""One Thing Description per device: its share of a deployment, enough to work alone; pure.

What a step's module describes as an action becomes an action of the device's installation;
`wasmiot:feeds` says where its output goes, `wasmiot:dependsOn` where its input comes from; a step
that uses a Thing is an action too, of the device that carries it out.
What starts a deployment by itself is an installation of its own, replaced at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator_app.deployment.device import installation_url
from orchestrator_app.deployment.names import installation_id, trigger_name
from orchestrator_app.deployment.step_action import StepAction
from orchestrator_app.deployment.step_graph import StepGraph
from orchestrator_app.packages.signing import signed_entry
from orchestrator_app.solver.edge import Edge
from orchestrator_app.solver.solution import Placement
from wasmiot_td.namespaces import CANONICAL_CONTEXT, HTTP_BASIC_PROFILE

JSON = "application/json"
TD_MEDIA_TYPE = "application/td+json"
COPIED = ("title", "titles", "description", "descriptions", "input", "output", "wasmiot:mount")
"""What an installation's action keeps of the module's action."""

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Neighbours:
    """Where the steps run, and who stands by for them."""

    graph: StepGraph
    actions: Sequence[StepAction]
    standbys: Mapping[int, StepAction]

    def edges(self, placement: Placement) -> dict[str, Any]:
        """Return what a step depends on and what it feeds."""
        sent = [self._sender(edge) for edge in placement.inputs]
        depends_on = [*sent, *map(dict, placement.depends_on)]
        feeds = [self._target(step, name) for step, name in self.graph.successors(placement.step)]
        edges = {"wasmiot:dependsOn": depends_on, "wasmiot:feeds": feeds}
        return {term: references for term, references in edges.items() if references}

    def reference(self, step: int) -> dict[str, str]:
        """Return how others find the action of a step."""
        return _reference(self.actions[step])

    def _sender(self, edge: Edge) -> dict[str, Any]:
        """Return who sends a part; by its id alone, for where it is may change."""
        action = self.actions[edge.source]
        sender = {"id": action.id, "affordance": action.name, "step": self.graph.names[edge.source]}
        return sender | _bound(edge.input)

    def _target(self, step: int, name: str | None) -> dict[str, Any]:
        standby = self.standbys.get(step)
        alternatives = {"alternatives": [_reference(standby)]} if standby else {}
        return self.reference(step) | _bound(name) | alternatives


def _bound(name: str | None) -> dict[str, str]:
    return {"input": name} if name else {}


@dataclass(frozen=True)
class Sources:
    """What the installations of a deployment are made from."""

    deployment: str
    neighbours: Neighbours
    models: Sequence[Document]
    modules: Mapping[str, Document]
    devices: Mapping[str, Document]


def is_stateful(module: Document) -> bool:
    """Whether a module keeps something between its calls."""
    return module.get("wasmiot:stateful") is True


def installations(
    placements: Sequence[Placement], actions: Sequence[StepAction], sources: Sources
) -> dict[str, Document]:
    """Return the description of each device's share, by device."""
    pairs = list(zip(placements, actions, strict=True))
    return {
        device: _installation([(p, a) for p, a in pairs if a.device == device], sources)
        for device in dict.fromkeys(a.device for a in actions)
    }


def _affordance(placement: Placement, own: StepAction, sources: Sources) -> dict[str, Any]:
    model = sources.models[placement.step]
    affordance = {key: model[key] for key in COPIED if key in model} | {"synchronous": False}
    if placement.uses is not None:
        affordance["wasmiot:uses"] = dict(placement.uses)
    else:
        affordance["wasmiot:module"] = placement.module
        affordance["wasmiot:entrypoint"] = model.get("wasmiot:entrypoint", placement.entrypoint)
        affordance |= {key: model[key] for key in ("uriVariables",) if key in model}
        affordance |= _data_files(model, sources.modules[placement.module])
    if placement.arguments:
        affordance["wasmiot:arguments"] = dict(placement.arguments)
    affordance |= sources.neighbours.edges(placement)
    return affordance | {"forms": [_form(own.name, model.get("input"))]}


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


def _installation(own: Sequence[tuple[Placement, StepAction]], sources: Sources) -> dict[str, Any]:
    needed = dict.fromkeys(p.module for p, _ in own if p.uses is None)
    modules = [_module_entry(sources.modules[m]) for m in needed]
    return {
        **_thing(own[0][1], sources),
        **({"wasmiot:module": modules} if modules else {}),
        "actions": {a.name: _affordance(p, a, sources) for p, a in own},
    }


def _security(device: Document) -> dict[str, Any]:
    """Return how the device lets others in: its installations ask for the same."""
    if "securityDefinitions" not in device:
        return {"securityDefinitions": {"nosec_sc": {"scheme": "nosec"}}, "security": ["nosec_sc"]}
    return {name: device[name] for name in ("securityDefinitions", "security")}


def _thing(own: StepAction, sources: Sources) -> dict[str, Any]:
    """Return what the description of any installation says."""
    title = sources.devices[own.device].get("title", own.device)
    return {
        "@context": list(CANONICAL_CONTEXT),
        "@type": ["Thing", "wasmiot:Supervisor", "wasmiot:Installation"],
        "id": own.installation,
        "title": f"{own.share} on {title}",
        "base": own.base,
        "profile": HTTP_BASIC_PROFILE,
        **_security(sources.devices[own.device]),
        "wasmiot:device": own.device,
        "wasmiot:deployment": f"urn:wasmiot:deployment:{sources.deployment}",
    }


def trigger_installation(trigger: Mapping[str, Any] | None, sources: Sources) -> Document | None:
    """Return the installation that starts a deployment by itself, on the first source's device."""
    if trigger is None:
        return None
    starts = [sources.neighbours.reference(step) for step in sources.neighbours.graph.sources]
    device = sources.neighbours.actions[sources.neighbours.graph.sources[0]].device
    name = trigger_name(sources.deployment)
    base = installation_url(sources.devices[device], name) + "/"
    own = StepAction(-1, device, installation_id(name, device), base, "", name)
    return _thing(own, sources) | {"wasmiot:trigger": {**trigger, "feeds": starts}}


def _module_entry(module: Document) -> dict[str, Any]:
    entry = {
        "id": module["id"],
        "name": module["title"],
        "digest": module["wasmiot:digest"],
        "binary": module["wasmiot:binary"],
    }
    asked = {"limits": module["wasmiot:limits"]} if "wasmiot:limits" in module else {}
    kept = {"stateful": True} if is_stateful(module) else {}
    return entry | asked | kept | signed_entry(module)
