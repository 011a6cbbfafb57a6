"""What the solver sees: an immutable picture of the modules and devices, read from the graph.

`orchestrator_app.placement` takes the picture with the queries beside this file;
everything here is a value, so that a solution depends on nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ModuleFacts:
    """A module, as far as placing it goes.

    Attributes:
        reference: what a manifest calls it.
        actions: the action affordances of its Thing Model, by entrypoint.
    """

    id: str
    reference: str
    required_memory_bytes: int
    actions: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Step:
    """One step of a manifest: a function of a module, perhaps pinned to a device."""

    index: int
    module: ModuleFacts
    entrypoint: str
    pinned_device: str | None = None

    @property
    def label(self) -> str:
        """How a person calls the step."""
        return f"step {self.index} ({self.module.reference}.{self.entrypoint})"

    @property
    def action(self) -> Mapping[str, Any]:
        """The affordance of the module's Thing Model that the step uses."""
        return self.module.actions[self.entrypoint]


@dataclass(frozen=True)
class DeviceFacts:
    """A device, as it is now.

    Attributes:
        reserved_bytes: what modules of other deployments on it need at least.
        cpu_load: share of its processors in use, 0 to 1.
        memory_load: share of its memory in use, 0 to 1.
        last_seen: when it last answered, as written in the graph; None if it was never asked.
        modules: ids of the modules that are installed on it already.
    """

    id: str
    title: str
    memory_bytes: int
    reserved_bytes: int = 0
    cpu_load: float = 0.0
    memory_load: float = 0.0
    zone: str | None = None
    is_healthy: bool = True
    last_seen: str | None = None
    n_deployments: int = 0
    modules: frozenset[str] = frozenset()

    @property
    def free_bytes(self) -> int:
        """Memory that no other deployment has reserved."""
        return max(0, self.memory_bytes - self.reserved_bytes)


@dataclass(frozen=True)
class Shortfall:
    """A requirement of a module that a device does not meet, as the graph says it."""

    device: str
    filter: str
    requirement: str
    offered: str


@dataclass(frozen=True)
class View:
    """All that a solution depends on.

    Attributes:
        devices: the facts of every device, by id.
        matches: by module id, the devices that meet all its requirements (`candidates.rq`).
        shortfalls: by module id, what the other devices lack (`shortfalls.rq`).
    """

    devices: Mapping[str, DeviceFacts]
    matches: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    shortfalls: Mapping[str, tuple[Shortfall, ...]] = field(default_factory=dict)

    def title_of(self, device: str) -> str:
        """Return the name of a device for a person, or its id if it has none."""
        facts = self.devices.get(device)
        return facts.title if facts else device
