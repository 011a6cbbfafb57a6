"""One Thing Description per device: its share of a deployment, enough to work alone; pure.

What a step's module describes as an action becomes an action of the device's installation;
`wasmiot:feeds` says where its output goes, `wasmiot:dependsOn` where its input comes from; a step
that uses a Thing is an action too, of the device that carries it out.
A step that has a stand-in is installed there too, under a name of its own: the devices before it
know it as an alternative, and need to ask nobody when the one in charge does not answer. A join
has none: those that feed it could choose differently.
What starts a deployment by itself is an installation of its own, replaced at once.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator_app.deployment.device import installation_url
from orchestrator_app.deployment.names import (
    Names,
    installation_id,
    standby_name,
    trigger_name,
)
from orchestrator_app.deployment.open_input import open_input
from orchestrator_app.deployment.step_graph import StepGraph
from orchestrator_app.packages.signing import signed_entry
from orchestrator_app.solver.edge import Edge
from orchestrator_app.solver.solution import Placement, Solution
from wasmiot_td.namespaces import CANONICAL_CONTEXT, HTTP_BASIC_PROFILE

JSON = "application/json"
TD_MEDIA_TYPE = "application/td+json"
COPIED = ("title", "titles", "description", "descriptions", "input", "output", "wasmiot:mount")
"""What an installation's action keeps of the module's action."""

Document = Mapping[str, Any]


@dataclass(frozen=True)
class StepAction:
    """Where one step of the sequence runs: an action of an installation.

    Attributes:
        share: the name under which the installation is on its device.
    """

    step: int
    device: str
    installation: str
    base: str
    name: str
    share: str = ""

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
        graph: which step feeds which.
        installations: the installation TDs, by device.
        standbys: the actions of the stand-ins.
        standby_installations: the TDs of the stand-ins, by device.
        trigger: the TD of what starts it by itself, if anything does.
        open_inputs: what is left to be given to whoever executes, by source.
    """

    slug: str
    actions: tuple[StepAction, ...]
    graph: StepGraph
    installations: Mapping[str, Document] = field(default_factory=dict)
    standbys: tuple[StepAction, ...] = ()
    standby_installations: Mapping[str, Document] = field(default_factory=dict)
    trigger: Document | None = None
    open_inputs: Mapping[int, Document] = field(default_factory=dict)


@dataclass(frozen=True)
class Draft:
    """What a deployment is made from.

    Attributes:
        slug: the name of the deployment in URLs.
        models: the affordance behind each step, as its module or Thing describes it.
        modules: the Thing Models of the modules, by id.
        devices: the Thing Descriptions of the devices, by id.
        packages_url: below it devices find packages by digest; ends in a slash.
        standbys: the devices that stand by, by step.
    """

    slug: str
    solution: Solution
    models: Sequence[Document]
    modules: Mapping[str, Document]
    devices: Mapping[str, Document]
    packages_url: str
    standbys: Mapping[int, str] = field(default_factory=dict)

    @property
    def graph(self) -> StepGraph:
        """Which step feeds which."""
        placements = self.solution.placements
        names = tuple(p.name or p.entrypoint for p in placements)
        inputs = tuple(p.inputs for p in placements)
        return StepGraph(names, inputs, tuple(self.open_inputs))

    @property
    def open_inputs(self) -> dict[int, Document]:
        """What is left to be given to steps that no other feeds, by step."""
        pairs = enumerate(zip(self.models, self.solution.placements, strict=True))
        found = {i: open_input(model, placement) for i, (model, placement) in pairs}
        return {i: schema for i, schema in found.items() if schema is not None}

    def reserves(self) -> list[Placement]:
        """Return the steps that have a stand-in, placed there.

        A module that keeps state has none, for its state would be another; nor has what makes
        another Thing do something, for it might do it twice; nor has a join.
        """
        return [
            replace(p, device=device)
            for p in self.solution.placements
            if (device := self.standbys.get(p.step, "")) in self.devices and self._may_stand_by(p)
        ]

    def _may_stand_by(self, placement: Placement) -> bool:
        if len(placement.inputs) > 1:
            return False
        if placement.uses is not None:
            return placement.uses.get("op") != "invokeaction"
        return not is_stateful(self.modules[placement.module])


def compose(draft: Draft, names: Names | None = None) -> Deployment:
    """Return the installations of a solution, under the names given.

    Raises:
        AffordanceNotFound: a device's description has no usable deploy action.
    """
    slug, placements, reserves = draft.slug, draft.solution.placements, draft.reserves()
    names = names or Names(slug)
    own = _Side(slug, names.of)
    standby = _Side(standby_name(slug), names.of_standby)
    actions = own.actions(placements, draft.devices)
    stand_ins = standby.actions(reserves, draft.devices)
    neighbours = Neighbours(draft.graph, actions, {a.step: a for a in stand_ins})
    url = draft.packages_url
    modules = {id: _at(url, module) for id, module in draft.modules.items()}
    sources = Sources(slug, neighbours, draft.models, modules, draft.devices)
    return Deployment(
        slug,
        actions,
        draft.graph,
        _installations(placements, actions, sources),
        stand_ins,
        _installations(reserves, stand_ins, sources),
        _trigger(draft.solution.trigger, sources),
        draft.open_inputs,
    )


@dataclass(frozen=True)
class _Side:
    """Those in charge, or those who stand by: what their installations are called."""

    slug: str
    name_of: Callable[[str], str]

    def actions(
        self, placements: Sequence[Placement], devices: Mapping[str, Document]
    ) -> tuple[StepAction, ...]:
        times = Counter((p.device, _word(p)) for p in placements)
        return tuple(
            StepAction(
                step=p.step,
                device=p.device,
                installation=installation_id(self.slug, p.device),
                base=installation_url(devices[p.device], self.name_of(p.device)) + "/",
                name=_word(p) if times[p.device, _word(p)] == 1 else f"{_word(p)}-{p.step}",
                share=self.name_of(p.device),
            )
            for p in placements
        )


def _word(placement: Placement) -> str:
    """Return the function or the affordance that a step is about."""
    return str(placement.uses["affordance"]) if placement.uses else placement.entrypoint


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


def _installations(
    placements: Sequence[Placement], actions: Sequence[StepAction], sources: Sources
) -> dict[str, Document]:
    pairs = list(zip(placements, actions, strict=True))
    return {
        device: _installation([(p, a) for p, a in pairs if a.device == device], sources)
        for device in dict.fromkeys(a.device for a in actions)
    }


def _at(packages_url: str, module: Document) -> Document:
    """Return a module whose packages are fetched from where they are served now."""
    files = [{**f, "href": packages_url + f["digest"]} for f in module.get("wasmiot:dataFile", ())]
    moved = {**module, "wasmiot:binary": packages_url + module["wasmiot:digest"]}
    return moved | ({"wasmiot:dataFile": files} if files else {})


def _affordance(placement: Placement, own: StepAction, sources: Sources) -> dict[str, Any]:
    model = sources.models[placement.step]
    affordance = {key: model[key] for key in COPIED if key in model} | {"synchronous": False}
    if placement.uses is not None:
        affordance["wasmiot:uses"] = dict(placement.uses)
    else:
        affordance["wasmiot:module"] = placement.module
        affordance["wasmiot:entrypoint"] = placement.entrypoint
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


def _trigger(trigger: Mapping[str, Any] | None, sources: Sources) -> Document | None:
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
