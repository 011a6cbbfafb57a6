"""Solve so that every policy is kept."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from orchestrator_app.policies import Policies
from orchestrator_app.policy_check import Breach, Policy, breaches
from orchestrator_app.semantic_types import class_pairs
from orchestrator_app.solver.errors import PolicyBroken
from orchestrator_app.solver.solution import Solution
from orchestrator_app.solver.solve import solve
from orchestrator_app.solver.view import Step, View
from orchestrator_app.store import Store
from wasmiot_td.classes import knowing

MOST_ROUNDS = 50
"""How often devices are barred by policies before that is given up."""

MOST_TRIED = 100
"""How many of the other candidates are tried on policies, so that what is told of them is true."""

ROUNDS_FOR_OTHERS = 3

Solver = Callable[[Sequence[Step]], Solution]


def lawful(store: Store, view: View) -> Solver:
    """Return what solves steps so that every policy is kept.

    A device with which a policy is broken is barred from its step, and the rest solved again.
    """
    policies, pairs = Policies(store).in_force(), class_pairs(store)

    def solved(steps: Sequence[Step]) -> Solution:
        found: list[Breach] = []
        for _ in range(MOST_ROUNDS):
            with knowing(pairs):
                solution = solve(steps, view)
            found = breaches(store, steps, solution, policies)
            if not found:
                told = _told_truly(store, steps, solution, policies, again)
                return replace(told, policies=tuple(p.id for p in policies))
            if not any(breach.steps for breach in found):
                break
            steps = _barred(steps, solution, found)
        raise PolicyBroken([breach.to_document(solution) for breach in found])

    def again(steps: Sequence[Step]) -> Solution:
        with knowing(pairs):
            return solve(steps, view)

    return solved


def _told_truly(
    store: Store,
    steps: Sequence[Step],
    solution: Solution,
    policies: Sequence[Policy],
    again: Solver,
) -> Solution:
    """Return the same placement, rejecting other candidates that would break a policy.

    Those that come into their places are tried too, for some rounds.
    """
    for _ in range(ROUNDS_FOR_OTHERS if policies else 0):
        tried = _others_tried(store, steps, solution, policies)
        if all(t.barred == s.barred for t, s in zip(tried, steps, strict=True)):
            break
        steps, solution = tried, again(tried)
    return solution


def tried_by(
    store: Store, steps: Sequence[Step], solution: Solution, device: str
) -> tuple[Step, ...]:
    """Return the steps, barring a device from each with which alone it would break a policy.

    Policies are asked of solutions, so nothing is known of devices that were never the best.
    """
    policies = Policies(store).in_force()
    return tuple(_tried(store, steps, s, solution, device, policies) for s in steps)


def _others_tried(
    store: Store, steps: Sequence[Step], solution: Solution, policies: Sequence[Policy]
) -> tuple[Step, ...]:
    """Return the steps, barring the candidates that are told of and would break a policy."""
    left, found = MOST_TRIED, []
    for step, placement in zip(steps, solution.placements, strict=True):
        others = [c.device for c in placement.candidates if c.device != placement.device]
        for device in others[:left]:
            step = _tried(store, steps, step, solution, device, policies)
        left -= len(others[:left])
        found.append(step)
    return tuple(found)


def _tried(
    store: Store,
    steps: Sequence[Step],
    step: Step,
    solution: Solution,
    device: str,
    policies: Sequence[Policy],
) -> Step:
    """Return a step, a device barred from it if with that alone a policy would be broken."""
    placements = tuple(
        replace(p, device=device) if p.step == step.index else p for p in solution.placements
    )
    supposed = replace(solution, placements=placements)
    found = breaches(store, steps, supposed, policies) if policies else []
    about = [breach.in_words for breach in found if step.index in breach.steps]
    return replace(step, barred={**step.barred, device: about[0]}) if about else step


def _barred(steps: Sequence[Step], solution: Solution, found: Sequence[Breach]) -> tuple[Step, ...]:
    reasons = {step: breach.in_words for breach in found for step in breach.steps}
    return tuple(
        replace(s, barred={**s.barred, solution.placements[s.index].device: reasons[s.index]})
        if s.index in reasons
        else s
        for s in steps
    )
