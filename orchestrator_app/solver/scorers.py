"""Fourth stage: how good a device is for a step, by several names, each from 0 to 100.

A scorer is a function `(step, fleet) -> one number for each device`; its name is the function's.
`locality` is the one score that belongs to an edge: it compares the devices of two steps.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from orchestrator_app.solver.fleet import DeviceFacts, Fleet, Floats
from orchestrator_app.solver.view import Step

Scorer = Callable[[Step, Fleet], Floats]

LOCALITY_SAME_DEVICE = 100.0
LOCALITY_SAME_ZONE = 50.0
LOCALITY_WEIGHT = 0.5


def least_load(step: Step, fleet: Fleet) -> Floats:
    """Prefer processors with nothing to do."""
    return 100.0 * (1.0 - np.clip(fleet.cpu_load, 0.0, 1.0))


def free_memory(step: Step, fleet: Fleet) -> Floats:
    """Prefer a device on which the module takes a small part of the free memory."""
    unused = fleet.memory_bytes * (1.0 - np.clip(fleet.memory_load, 0.0, 1.0))
    free = np.minimum(fleet.free_bytes, unused)
    part = np.full(len(fleet), 1.0)
    np.divide(step.module.required_memory_bytes, free, out=part, where=free > 0)
    return 100.0 * np.maximum(0.0, 1.0 - part)


def spread(step: Step, fleet: Fleet) -> Floats:
    """Prefer a device with few other deployments."""
    return 100.0 / (1 + fleet.n_deployments)


def module_cached(step: Step, fleet: Fleet) -> Floats:
    """Prefer a device that holds the module already."""
    return np.where(fleet.holds(step.module.id), 100.0, 0.0)


def near_things(step: Step, fleet: Fleet) -> Floats:
    """Prefer a device in the zone of the Things that the step reads or uses."""
    found = [np.isin(fleet.zones, sorted(zones)) for zones in zones_of_things(step)]
    is_near = np.array([*np.mean(found, axis=0), 0.0])  # the last one is for no zone
    near: Floats = 100.0 * is_near[fleet.zone]
    return near


def zones_of_things(step: Step) -> list[set[str]]:
    """Return the zones of the Things that would do, for each Thing that a step needs."""
    needed = [step.offers, *(pull.offers for pull in step.pulls)]
    zones = [{offer.zone for offer in offers if offer.zone} for offers in needed]
    return [found for found in zones if found]


def locality(one: DeviceFacts, other: DeviceFacts) -> float:
    """Prefer neighbours in the sequence that are near each other."""
    if one.id == other.id:
        return LOCALITY_SAME_DEVICE
    return LOCALITY_SAME_ZONE if one.zone and one.zone == other.zone else 0.0


def localities(fleet: Fleet, row: int) -> Floats:
    """Return the locality of every device with one of them."""
    zone = fleet.zone[row]
    near = np.where((fleet.zone == zone) & (zone >= 0), LOCALITY_SAME_ZONE, 0.0)
    near[row] = LOCALITY_SAME_DEVICE
    return near


@dataclass(frozen=True)
class Weighted:
    """A scorer and how much it counts."""

    scorer: Scorer
    weight: float

    @property
    def name(self) -> str:
        """What the score is called in a solution."""
        return self.scorer.__name__


SCORERS: tuple[Weighted, ...] = (
    Weighted(least_load, 1.0),
    Weighted(free_memory, 1.0),
    Weighted(spread, 0.5),
    Weighted(module_cached, 0.25),
)
