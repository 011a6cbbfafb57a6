"""What would be if devices went, came, or were busy: the same solving over a changed picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator_app.solver.fleet import DeviceFacts, Fleet
from orchestrator_app.solver.requirement import SUPPOSED
from orchestrator_app.solver.solution import Solution
from orchestrator_app.solver.view import View


@dataclass(frozen=True)
class Supposition:
    """What is supposed.

    Attributes:
        removed: devices that are gone.
        added: how many devices like a known one there are besides, by its id.
        cpu_load: how busy the processors of a device are, 0 to 1, by its id.
    """

    removed: tuple[str, ...] = ()
    added: Mapping[str, int] = field(default_factory=dict)
    cpu_load: Mapping[str, float] = field(default_factory=dict)

    @property
    def named(self) -> tuple[str, ...]:
        """Every device that is spoken of."""
        return (*self.removed, *self.added, *self.cpu_load)


def supposed(view: View, supposition: Supposition) -> View:
    """Return the picture as it would be; the given one stays as it is.

    Args:
        view: the picture, which has every device that the supposition names.
        supposition: what is supposed.
    """
    fleet = view.fleet
    devices = {id: fleet.device(fleet.row_of[id]) for id in supposition.cpu_load}
    busy = [replace(devices[id], cpu_load=load) for id, load in supposition.cpu_load.items()]
    new = [d for id, n in supposition.added.items() for d in _like(fleet, id, n)]
    fleet = fleet.changed(busy).without(supposition.removed)
    if new:
        every = Fleet.of([*(fleet.device(row) for row in range(len(fleet))), *new])
        fleet = replace(every, provides=fleet.provides, answers=fleet.answers)
    return replace(view, fleet=fleet)


def difference(before: Solution | None, after: Solution | None) -> list[dict[str, Any]]:
    """Return which steps go elsewhere, by the devices before and after; None for no solution."""
    placements = [p for s in (before, after) if s is not None for p in s.placements]
    return [
        {"step": step, "from": one, "to": other}
        for step in sorted({p.step for p in placements})
        if (one := _device(before, step)) != (other := _device(after, step))
    ]


def _device(solution: Solution | None, step: int) -> str | None:
    return None if solution is None else solution.placements[step].device


def _like(fleet: Fleet, id: str, count: int) -> Sequence[DeviceFacts]:
    """Return devices like a known one, with nothing installed and nothing to do."""
    model = fleet.device(fleet.row_of[id])
    new = replace(
        model, reserved_bytes=0, cpu_load=0.0, memory_load=0.0, n_deployments=0, modules=frozenset()
    )
    names = [(f"{id}{SUPPOSED}{n + 1}", f"{model.title} ({n + 1})") for n in range(count)]
    return [replace(new, id=name, title=title, is_healthy=True) for name, title in names]
