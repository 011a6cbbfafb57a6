"""The pipeline, read it first: steps → edges → candidates → scores → assignment → solution."""

from collections.abc import Sequence

from orchestrator_app.solver.compatibility import connected
from orchestrator_app.solver.errors import NoAssignment, NoCandidate
from orchestrator_app.solver.explanation import candidates_of, rejections_of
from orchestrator_app.solver.fleet import Fleet
from orchestrator_app.solver.forest import neighbours
from orchestrator_app.solver.optimum import best_rows
from orchestrator_app.solver.problem import problem_of
from orchestrator_app.solver.sifting import Sifted, sift, smallest_conflict
from orchestrator_app.solver.solution import Placement, Solution
from orchestrator_app.solver.things import depends_on, uses
from orchestrator_app.solver.view import Step, View


def solve(steps: Sequence[Step], view: View) -> Solution:
    """Return the best possible placement of the steps.

    Args:
        steps: from `requirements.steps_of`.
        view: the devices' facts, and what their profiles lack, as they are now.

    Raises:
        IncompatibleSteps: an output does not fit the next input.
        NoCandidate: no device can take a step.
        NoAssignment: each step has candidates, and their memory does not hold all steps.
    """
    steps = connected(steps)
    sifted = [candidates_or_raise(step, view) for step in steps]
    problem = problem_of(sifted, view.fleet)
    best = best_rows(problem)
    if best.rows is None:
        raise NoAssignment(steps, best.is_proven)
    rows = best.rows
    beside = [[rows[n] for n in neighbours(problem.pairs, s.step.index)] for s in sifted]
    placed = [
        _placement(s, view.fleet, rows[s.step.index], b)
        for s, b in zip(sifted, beside, strict=True)
    ]
    return Solution(tuple(placed), is_optimal=best.is_proven)


def candidates_or_raise(step: Step, view: View) -> Sifted:
    """Return the candidates of a step.

    Raises:
        NoCandidate: with what the devices fail, and the smallest set of requirements to blame.
    """
    sifted = sift(step, view)
    if not sifted.is_candidate.any():
        conflict = smallest_conflict(sifted.failures)
        raise NoCandidate(step, rejections_of(sifted, view.fleet), conflict)
    return sifted


def _placement(sifted: Sifted, fleet: Fleet, row: int, beside: Sequence[int]) -> Placement:
    step = sifted.step
    zone = fleet.device(row).zone
    return Placement(
        step=step.index,
        module=step.module.id,
        entrypoint=step.entrypoint if step.thing is None else "",
        device=fleet.ids[row],
        candidates=candidates_of(sifted, fleet, beside, row),
        rejections=rejections_of(sifted, fleet),
        n_candidates=len(sifted.rows),
        name=step.name,
        inputs=step.inputs,
        depends_on=depends_on(step, zone),
        arguments=step.arguments,
        uses=uses(step, zone),
    )
