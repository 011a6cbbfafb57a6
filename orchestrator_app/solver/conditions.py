"""What a manifest `requires` and `prefers`, as one filter for each condition that it states."""

from collections.abc import Iterator

import numpy as np

from orchestrator_app.solver.filters.filter import Filter
from orchestrator_app.solver.fleet import DeviceFacts, Fleet, Floats, Ints, Mask
from orchestrator_app.solver.requirement import Answer
from orchestrator_app.solver.view import Requirement, Step

REQUIRES = "requires"
PREFERS_WEIGHT = 1.0


def conditions(requirement: Requirement, fleet: Fleet) -> Iterator[Filter]:
    """Yield a filter for each condition of a requirement.

    Args:
        requirement: what is required.
        fleet: the devices, with the graph's answers to what it was asked.
    """
    for interface in requirement.interfaces:
        yield _interface(interface)
    if requirement.memory_bytes:
        yield _at_least("memory_bytes", requirement.memory_bytes, "bytes of memory")
    if requirement.cpu_cores:
        yield _at_least("cpu_cores", requirement.cpu_cores, "processor cores")
    if requirement.architecture:
        yield _same("architecture", requirement.architecture)
    if requirement.zone:
        yield _same("zone", requirement.zone)
    for question in requirement.questions:
        yield from map(_answered, fleet.answers[question])


def preferred(step: Step, fleet: Fleet) -> Floats:
    """Return which part of what a step prefers each device has, from 0 to 100."""
    met = [~condition.refuses(step, fleet) for condition in conditions(step.prefers, fleet)]
    return 100.0 * np.mean(met, axis=0) if met else np.zeros(len(fleet))


def _interface(name: str) -> Filter:
    def refuses(step: Step, fleet: Fleet) -> Mask:
        lacks = [name not in fleet.provides.get(p, ()) for p in fleet.profiles]
        lacking: Mask = np.array(lacks, np.bool_)[fleet.profile]
        return lacking

    return Filter(
        REQUIRES,
        refuses,
        requirement=lambda step: name,
        offered=lambda step, device: "not provided",
        reason=lambda step, device: f"does not provide {name}, which the manifest requires",
    )


def _at_least(column: str, least: int, unit: str) -> Filter:
    def refuses(step: Step, fleet: Fleet) -> Mask:
        values: Ints = getattr(fleet, column)
        return values < least

    def offered(step: Step, device: DeviceFacts) -> str:
        return f"{getattr(device, column):.15g} {unit}"

    return Filter(
        REQUIRES,
        refuses,
        requirement=lambda step: f"{least} {unit}",
        offered=offered,
        reason=lambda step, device: (
            f"has {offered(step, device)}; the manifest requires {least} {unit}"
        ),
    )


def _same(column: str, wanted: str) -> Filter:
    def refuses(step: Step, fleet: Fleet) -> Mask:
        names = {"zone": fleet.zones, "architecture": fleet.architectures}[column]
        code = names.index(wanted) if wanted in names else None
        codes: Ints = getattr(fleet, column)
        return np.ones(len(fleet), np.bool_) if code is None else codes != code

    def offered(step: Step, device: DeviceFacts) -> str:
        return str(getattr(device, column) or "none")

    return Filter(
        REQUIRES,
        refuses,
        requirement=lambda step: f"{column} {wanted}",
        offered=offered,
        reason=lambda step, device: (
            f"has {column} {offered(step, device)}; the manifest requires {wanted}"
        ),
    )


def _answered(answer: Answer) -> Filter:
    def refuses(step: Step, fleet: Fleet) -> Mask:
        return np.array([not answer.is_met_by(id) for id in fleet.ids], np.bool_)

    return Filter(
        REQUIRES,
        refuses,
        requirement=lambda step: answer.requirement,
        offered=lambda step, device: answer.offered_by(device.id),
        reason=lambda step, device: (
            f"has {answer.offered_by(device.id)}; the manifest requires {answer.requirement}"
        ),
    )
