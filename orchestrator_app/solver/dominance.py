"""Before the assignment: leave out devices that another device makes superfluous.

One device dominates another if it is at least as good for every step, has at least as much free
memory, and is in the same zone. Of n steps one is on the dominated device, so at most n - 1 other
devices are in use: with n dominators one is free, and taking it instead loses nothing. What is
left is a few devices of many thousands, and the optimum is among them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator_app.solver.slot import Slot
from orchestrator_app.solver.view import DeviceFacts

UNFIT = -1


@dataclass(frozen=True)
class _Merits:
    """A device's points for every step (`UNFIT` where it is no candidate) and useful memory."""

    device: DeviceFacts
    values: tuple[int, ...]

    def dominates(self, other: "_Merits") -> bool:
        zone = other.device.zone
        if zone is not None and zone != self.device.zone:
            return False
        return all(a >= b for a, b in zip(self.values, other.values, strict=True))


def undominated(slots: Sequence[Slot]) -> list[Slot]:
    """Return the slots without the candidates that cannot make any assignment better."""
    keep = _kept(_by_merit(slots), len(slots))
    return [
        Slot(s.memory_bytes, tuple(d for d in s.candidates if d.id in keep), s.points)
        for s in slots
    ]


def _by_merit(slots: Sequence[Slot]) -> list[_Merits]:
    devices = {d.id: d for s in slots for d in s.candidates}
    need = sum(s.memory_bytes for s in slots)
    merits = [
        _Merits(d, (*(s.points.get(d.id, UNFIT) for s in slots), min(d.free_bytes, need)))
        for d in devices.values()
    ]
    return sorted(merits, key=lambda m: (-sum(m.values), m.device.zone is None, m.device.id))


def _kept(merits: Sequence[_Merits], n_steps: int) -> set[str]:
    kept: list[_Merits] = []
    for one in merits:
        dominators = 0
        for other in kept:
            dominators += other.dominates(one)
            if dominators == n_steps:
                break
        else:
            kept.append(one)
    return {m.device.id for m in kept}
