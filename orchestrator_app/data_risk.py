"""How risky the data is that each step takes and gives; pure.

What a step gives is as risky as the riskiest of what it takes, unless its module (or the action
of it) declares the risk of its output: a function that blurs faces lowers it, a camera raises it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator_app.solver.view import Step

TERM = "wasmiot:outputRisk"


@dataclass(frozen=True)
class Risk:
    """The risk of what a step takes, and of what it gives; 0 is none."""

    taken: int = 0
    given: int = 0


def risks_of(steps: Sequence[Step]) -> tuple[Risk, ...]:
    """Return the risks of the data of each step, in the order of the steps."""
    found: dict[int, Risk] = {}
    waiting = [step.index for step in reversed(steps)]
    while waiting:
        step = steps[waiting[-1]]
        missing = [source for source in step.sources if source not in found]
        if missing:
            waiting += missing
            continue
        waiting.pop()
        taken = max([found[s].given for s in step.sources] + [_pulled(step)], default=0)
        found[step.index] = Risk(taken, _declared(_affordance(step), taken))
    return tuple(found[step.index] for step in steps)


def _pulled(step: Step) -> int:
    offers = [offer for pull in step.pulls for offer in pull.offers[:1]]
    return max((_declared(offer.affordance, 0) for offer in offers), default=0)


def _affordance(step: Step) -> Mapping[str, Any]:
    if step.thing is None:
        return step.action
    return step.offers[0].affordance if step.offers else {}


def _declared(affordance: Mapping[str, Any], inherited: int) -> int:
    declared = affordance.get(TERM)
    return declared if isinstance(declared, int) else inherited
