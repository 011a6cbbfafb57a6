"""Fourth stage: how good a device is for a step, by several names, each from 0 to 100.

A scorer is a function `(step, device) -> float`; its name is the function's.
`locality` is the one score that belongs to an edge: it compares the devices of two steps.
"""

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator_app.solver.solution import Score
from orchestrator_app.solver.view import DeviceFacts, Step

Scorer = Callable[[Step, DeviceFacts], float]

LOCALITY_SAME_DEVICE = 100.0
LOCALITY_SAME_ZONE = 50.0


def least_load(step: Step, device: DeviceFacts) -> float:
    """Prefer processors with nothing to do."""
    return 100.0 * (1.0 - min(1.0, max(0.0, device.cpu_load)))


def free_memory(step: Step, device: DeviceFacts) -> float:
    """Prefer a device on which the module takes a small part of the free memory."""
    used = min(1.0, max(0.0, device.memory_load))
    free = min(device.free_bytes, device.memory_bytes * (1.0 - used))
    need = step.module.required_memory_bytes
    return 100.0 * max(0.0, 1.0 - need / free) if free > 0 else 0.0


def spread(step: Step, device: DeviceFacts) -> float:
    """Prefer a device with few other deployments."""
    return 100.0 / (1 + device.n_deployments)


def module_cached(step: Step, device: DeviceFacts) -> float:
    """Prefer a device that holds the module already."""
    return 100.0 if step.module.id in device.modules else 0.0


def locality(one: DeviceFacts, other: DeviceFacts) -> float:
    """Prefer neighbours in the sequence that are near each other."""
    if one.id == other.id:
        return LOCALITY_SAME_DEVICE
    return LOCALITY_SAME_ZONE if one.zone and one.zone == other.zone else 0.0


@dataclass(frozen=True)
class Weighted:
    """A scorer and how much it counts."""

    scorer: Scorer
    weight: float

    def score(self, step: Step, device: DeviceFacts) -> Score:
        """Return the named score of a device."""
        value = round(self.scorer(step, device), 3)
        return Score(self.scorer.__name__, value, self.weight)


SCORERS: tuple[Weighted, ...] = (
    Weighted(least_load, 1.0),
    Weighted(free_memory, 1.0),
    Weighted(spread, 0.5),
    Weighted(module_cached, 0.25),
)
LOCALITY_WEIGHT = 0.5


def scores_of(step: Step, device: DeviceFacts) -> tuple[Score, ...]:
    """Return every score that depends on the device alone."""
    return tuple(w.score(step, device) for w in SCORERS)
