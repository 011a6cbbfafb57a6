"""What the solver sees: an immutable picture of the modules and devices, read from the graph.

`orchestrator_app.placement` takes the picture with the queries beside this file;
everything here is a value, so that a solution depends on nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator_app.solver.edge import Edge
from orchestrator_app.solver.fleet import DeviceFacts, Fleet
from orchestrator_app.solver.offer import Offer
from orchestrator_app.solver.requirement import Requirement
from orchestrator_app.solver.wiring import Selector

__all__ = ["DeviceFacts", "Edge", "Fleet", "ModuleFacts", "Requirement", "Step", "View"]


@dataclass(frozen=True)
class ModuleFacts:
    """A module, as far as placing it goes.

    Attributes:
        reference: what a manifest calls it.
        actions: the action affordances of its Thing Model, by entrypoint.
        signers: the keys that have signed it.
    """

    id: str
    reference: str
    required_memory_bytes: int
    actions: Mapping[str, Mapping[str, Any]]
    signers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Pull:
    """What is read of a Thing before a step is called.

    Attributes:
        offers: what was found, the first is the best.
        input: the member of the step's input that it becomes; None for the whole input.
    """

    selector: Selector
    offers: tuple[Offer, ...] = ()
    input: str | None = None


@dataclass(frozen=True)
class Step:
    """One step of a manifest: a function of a module, or an affordance of any Thing.

    Attributes:
        entrypoint: the function of the module, or the affordance of the Thing.
        requires: what its device must have beside what the module needs.
        prefers: what makes a device the better choice.
        barred: the devices that a policy forbids for it, each with the reason.
        name: what it is called in the composition; no other step has the same name.
        inputs: the steps whose outputs it takes.
        arguments: constants, by the members of its input.
        thing: what a step that uses a Thing asks for; None for a module's function.
        offers: what was found for that, the first is the best.
        pulls: what it reads of other Things before it is called.
    """

    index: int
    module: ModuleFacts
    entrypoint: str
    pinned_device: str | None = None
    requires: Requirement = field(default_factory=Requirement)
    prefers: Requirement = field(default_factory=Requirement)
    barred: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    inputs: tuple[Edge, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    thing: Selector | None = None
    offers: tuple[Offer, ...] = ()
    pulls: tuple[Pull, ...] = ()

    @property
    def label(self) -> str:
        """How a person calls the step."""
        return f"step {self.index} ({self.module.reference}.{self.entrypoint})"

    @property
    def sources(self) -> tuple[int, ...]:
        """The steps that feed it, each once."""
        return tuple(dict.fromkeys(edge.source for edge in self.inputs))

    @property
    def action(self) -> Mapping[str, Any]:
        """The affordance of the module's Thing Model that the step uses."""
        return self.module.actions[self.entrypoint]


@dataclass(frozen=True)
class View:
    """All that a solution depends on.

    Attributes:
        fleet: the facts of every device.
        lacking: by module id, and then by capability profile, the interfaces that the module
            imports and the profile does not provide (`lacking.rq`).
    """

    fleet: Fleet
    lacking: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    @property
    def devices(self) -> tuple[str, ...]:
        """The ids of all devices, in order."""
        return self.fleet.ids

    def without(self, *devices: str) -> "View":
        """Return the same picture without some devices."""
        return replace(self, fleet=self.fleet.without(devices))
