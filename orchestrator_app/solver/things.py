"""The Things of a composition: which of those that were found can do what is asked; pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestrator_app.solver.offer import Offer, nearest
from orchestrator_app.solver.view import ModuleFacts, Pull, Step
from orchestrator_app.solver.wiring import Selector
from wasmiot_td.data_value import Schema
from wasmiot_td.report import Finding


def fitting(step: Step, is_given_input: bool) -> Iterator[tuple[Offer, ModuleFacts]]:
    """Yield what was found for a step, each as if it were a module that needs nothing."""
    for offer in step.offers:
        action = offer.action(is_given_input)
        if action is not None:
            yield offer, ModuleFacts("", offer.thing, 0, {offer.name: action})


def readable(pull: Pull) -> list[tuple[Offer, Schema]]:
    """Return what of a reading's Things gives a value when asked for nothing, and which value."""
    models = [(offer, offer.action(is_given_input=False) or {}) for offer in pull.offers]
    return [(o, model["output"]) for o, model in models if "output" in model and not _takes(model)]


def _takes(model: dict[str, Schema]) -> bool:
    return "input" in model


def unambiguous(offers: Sequence[Offer]) -> tuple[Offer, ...]:
    """Return the offers of Things that have one alone that would do, or that was asked for.

    If there are none, all of them: `ambiguity` tells.
    """
    times = Counter(o.thing for o in offers)
    clear = [o for o in offers if o.is_meant or times[o.thing] == 1]
    return tuple(clear or offers)


def ambiguity(selector: Selector, offers: Sequence[Offer]) -> Iterator[Finding]:
    """Yield that a Thing offers several affordances that would do, where none was asked for."""
    several = [o.name for o in offers if o.thing == offers[0].thing]
    if len(several) > 1 and not offers[0].is_meant:
        names = ", ".join(several)
        message = f"{offers[0].thing} offers several that fit; name one by 'affordance': {names}"
        yield Finding(selector.pointer, message)


def uses(step: Step, zone: str | None) -> Mapping[str, Any] | None:
    """Return what a step of a Thing uses when it is carried out in a zone; None for a module's."""
    if step.thing is None:
        return None
    return nearest(step.offers, zone).used("input" in step.action)


def depends_on(step: Step, zone: str | None) -> tuple[Mapping[str, Any], ...]:
    """Return what is read of Things before a step is called in a zone."""
    return tuple(
        nearest(pull.offers, zone).reference | ({} if pull.input is None else {"input": pull.input})
        for pull in step.pulls
    )
