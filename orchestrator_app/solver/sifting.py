"""Second stage: from all devices to the candidates of a step, and what the others fail."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from orchestrator_app.solver.conditions import conditions
from orchestrator_app.solver.filters import STATIC_FILTERS
from orchestrator_app.solver.filters.filter import Filter
from orchestrator_app.solver.fleet import Ints, Mask
from orchestrator_app.solver.plugins import filters
from orchestrator_app.solver.view import Step, View

MOST_CONFLICTING_REQUIREMENTS = 3
PROVIDES_IMPORTS = "provides_imports"


@dataclass(frozen=True, eq=False)
class Failure:
    """A requirement, and the devices that do not meet it.

    Attributes:
        judge: the filter that says so; None for an interface that a profile lacks.
    """

    filter: str
    requirement: str
    is_refused: Mask
    judge: Filter | None = None

    @property
    def rows(self) -> Ints:
        """The rows of the devices."""
        return np.flatnonzero(self.is_refused)


@dataclass(frozen=True, eq=False)
class Sifted:
    """The devices of one step: those that can take it, and what the others fail."""

    step: Step
    is_candidate: Mask
    failures: tuple[Failure, ...]

    @property
    def rows(self) -> Ints:
        """The rows of the candidates."""
        return np.flatnonzero(self.is_candidate)


def sift(step: Step, view: View) -> Sifted:
    """Return the candidates of a step.

    What a device is for good is asked of every device, so that all of it is known at once;
    what it is now, only of those that could ever do.
    """
    static = (*STATIC_FILTERS, *conditions(step.requires, view.fleet))
    lasting = [*_lacking(step, view), *(_failure(f, step, view) for f in static)]
    could_ever = _meets(lasting, len(view.fleet))
    present = [_failure(f, step, view, could_ever) for f in filters()]
    is_candidate = could_ever & _meets(present, len(view.fleet))
    return Sifted(step, is_candidate, tuple(f for f in (*lasting, *present) if f.is_refused.any()))


def smallest_conflict(failures: Sequence[Failure]) -> tuple[str, ...]:
    """Return the fewest requirements that no device meets together; empty if more than three."""
    for size in range(1, MOST_CONFLICTING_REQUIREMENTS + 1):
        for chosen in combinations(sorted(failures, key=lambda f: f.requirement), size):
            if np.logical_or.reduce([f.is_refused for f in chosen]).all():
                return tuple(f.requirement for f in chosen)
    return ()


def _lacking(step: Step, view: View) -> list[Failure]:
    """Return for each import the devices whose profile does not provide it."""
    fleet, lacking = view.fleet, view.lacking.get(step.module.id, {})
    lacks: dict[str, Mask] = {}
    for code, profile in enumerate(fleet.profiles):
        for interface in lacking.get(profile, ()):
            lacks.setdefault(interface, np.zeros(len(fleet.profiles), np.bool_))[code] = True
    return [
        Failure(PROVIDES_IMPORTS, interface, lacks[interface][fleet.profile])
        for interface in sorted(lacks)
    ]


def _failure(judge: Filter, step: Step, view: View, among: Mask | None = None) -> Failure:
    is_refused = judge.refuses(step, view.fleet)
    if among is not None:
        is_refused = is_refused & among
    return Failure(judge.name, judge.requirement(step), is_refused, judge)


def _meets(failures: Sequence[Failure], n_devices: int) -> Mask:
    fails = np.zeros(n_devices, np.bool_)
    for failure in failures:
        fails |= failure.is_refused
    return ~fails
