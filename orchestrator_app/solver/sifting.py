"""Second stage: from all devices to the candidates of a step, and a reason for each of the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from orchestrator_app.solver.errors import NoCandidate
from orchestrator_app.solver.filters import FILTERS
from orchestrator_app.solver.solution import Rejection
from orchestrator_app.solver.view import DeviceFacts, Shortfall, Step, View

MOST_CONFLICTING_REQUIREMENTS = 3


@dataclass(frozen=True)
class Sifted:
    """The devices of one step: those that can take it, and why the others cannot."""

    step: Step
    candidates: tuple[DeviceFacts, ...]
    rejections: tuple[Rejection, ...]


def sift(step: Step, view: View) -> Sifted:
    """Return the candidates of a step, ordered by id.

    Raises:
        NoCandidate: with what each device fails, and the smallest set of requirements to blame.
    """
    matched = [view.devices[id] for id in sorted(view.matches.get(step.module.id, ()))]
    rejections = [_explain(s, view) for s in view.shortfalls.get(step.module.id, ())]
    rejections += [r for device in matched for r in _refusals(step, device)]
    refused = {r.device for r in rejections}
    candidates = tuple(d for d in matched if d.id not in refused)
    ordered = tuple(sorted(rejections, key=lambda r: (r.device, r.filter, r.requirement)))
    if not candidates:
        raise NoCandidate(step, ordered, smallest_conflict(ordered))
    return Sifted(step, candidates, ordered)


def smallest_conflict(rejections: Sequence[Rejection]) -> tuple[str, ...]:
    """Return the fewest requirements that no device meets together; empty if more than three."""
    failed: dict[str, set[str]] = {}
    for rejection in rejections:
        failed.setdefault(rejection.device, set()).add(rejection.requirement)
    requirements = sorted({r.requirement for r in rejections})
    for size in range(1, MOST_CONFLICTING_REQUIREMENTS + 1):
        for chosen in combinations(requirements, size):
            if all(not lacks.isdisjoint(chosen) for lacks in failed.values()):
                return chosen
    return ()


def _refusals(step: Step, device: DeviceFacts) -> list[Rejection]:
    return [r for judge in FILTERS if (r := judge(step, device)) is not None]


def _explain(shortfall: Shortfall, view: View) -> Rejection:
    title = view.title_of(shortfall.device)
    if shortfall.filter == "provides_imports":
        reason = f"{title} does not provide {shortfall.requirement}"
    else:
        reason = f"{title} has {shortfall.offered}; {shortfall.requirement} are needed"
    return Rejection(
        shortfall.device, shortfall.filter, shortfall.requirement, shortfall.offered, reason
    )
