"""The pipeline, read it first: steps → edges → candidates → scores → assignment → solution."""

from collections.abc import Sequence

from orchestrator_app.solver.assignment import assign
from orchestrator_app.solver.compatibility import check_edges
from orchestrator_app.solver.errors import NoAssignment
from orchestrator_app.solver.scorers import LOCALITY_WEIGHT, locality, scores_of
from orchestrator_app.solver.sifting import Sifted, sift
from orchestrator_app.solver.slot import Slot, points_of
from orchestrator_app.solver.solution import Candidate, Placement, Score, Solution
from orchestrator_app.solver.view import DeviceFacts, Step, View


def solve(steps: Sequence[Step], view: View) -> Solution:
    """Return the best possible placement of the steps.

    Args:
        steps: from `requirements.steps_of`.
        view: the modules' matches and the devices' facts, as they are now.

    Raises:
        IncompatibleSteps: an output does not fit the next input.
        NoCandidate: no device can take a step.
        NoAssignment: each step has candidates, and their memory does not hold all steps.
    """
    check_edges(steps)
    sifted = [sift(step, view) for step in steps]
    chosen = assign([_slot(s) for s in sifted])
    if chosen is None:
        raise NoAssignment(steps)
    return Solution(tuple(_placement(s, chosen) for s in sifted))


def _slot(sifted: Sifted) -> Slot:
    points = {
        d.id: sum(points_of(s.value * s.weight) for s in scores_of(sifted.step, d))
        for d in sifted.candidates
    }
    return Slot(sifted.step.module.required_memory_bytes, sifted.candidates, points)


def _placement(sifted: Sifted, chosen: tuple[DeviceFacts, ...]) -> Placement:
    step = sifted.step
    neighbours = [chosen[i] for i in (step.index - 1, step.index + 1) if 0 <= i < len(chosen)]
    candidates = tuple(_candidate(step, d, neighbours) for d in sifted.candidates)
    return Placement(
        step=step.index,
        module=step.module.id,
        entrypoint=step.entrypoint,
        device=chosen[step.index].id,
        candidates=tuple(sorted(candidates, key=lambda c: (-c.total, c.device))),
        rejections=sifted.rejections,
    )


def _candidate(step: Step, device: DeviceFacts, neighbours: list[DeviceFacts]) -> Candidate:
    scores = scores_of(step, device)
    if neighbours:
        mean = sum(locality(device, n) for n in neighbours) / len(neighbours)
        scores += (Score("locality", round(mean, 3), LOCALITY_WEIGHT * len(neighbours)),)
    return Candidate(device.id, scores)
