"""From a solution to all that its deployment consists of, before anyone is told; pure.

A step that has a stand-in is installed there too, under a name of its own: the devices before it
know it as an alternative, and need to ask nobody when the one in charge does not answer. A join
has none: those that feed it could choose differently.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from orchestrator_app.deployment.device import installation_url
from orchestrator_app.deployment.installation import (
    Document,
    Neighbours,
    Sources,
    installations,
    is_stateful,
    trigger_installation,
)
from orchestrator_app.deployment.names import Names, installation_id, standby_name
from orchestrator_app.deployment.open_input import open_input
from orchestrator_app.deployment.step_action import StepAction
from orchestrator_app.deployment.step_graph import StepGraph
from orchestrator_app.solver.solution import Placement, Solution


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
        installations(placements, actions, sources),
        stand_ins,
        installations(reserves, stand_ins, sources),
        trigger_installation(draft.solution.trigger, sources),
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


def _at(packages_url: str, module: Document) -> Document:
    """Return a module whose packages are fetched from where they are served now."""
    files = [{**f, "href": packages_url + f["digest"]} for f in module.get("wasmiot:dataFile", ())]
    moved = {**module, "wasmiot:binary": packages_url + module["wasmiot:digest"]}
    return moved | ({"wasmiot:dataFile": files} if files else {})
