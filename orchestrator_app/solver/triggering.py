"""What starts a composition again and again: is it a time, or does a Thing tell it; pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from orchestrator_app.solver.binding import is_object
from orchestrator_app.solver.errors import IncompatibleSteps, UnknownThings
from orchestrator_app.solver.offer import Offer
from orchestrator_app.solver.view import Step
from wasmiot_td import schedule
from wasmiot_td.data_schema import mismatches
from wasmiot_td.data_value import Schema, required_of
from wasmiot_td.report import Finding

Trigger = Mapping[str, Any]

_CHECKS = {"every": schedule.check_every, "cron": schedule.check_cron}
_KINDS = {"event": "events", "property": "properties"}


def faults_of(trigger: Trigger) -> Iterator[Finding]:
    """Yield what is wrong with a trigger, whatever Things there are."""
    for name, check in _CHECKS.items():
        if name in trigger and (why := check(str(trigger[name]))):
            yield Finding(f"/trigger/{name}", why, value=trigger[name])


def affordance_of(trigger: Trigger) -> str | None:
    """Return the IRI of the event or property that a trigger follows, if it does."""
    return trigger.get("event") or trigger.get("property")


def resolved(trigger: Trigger, offer: Offer | None) -> dict[str, Any]:
    """Return a trigger with what the device that follows it needs to know.

    Args:
        trigger: as the manifest says it.
        offer: the event or property that it follows, if one was found.

    Raises:
        UnknownThings: it follows what no Thing in the directory offers so.
    """
    times = {name: trigger[name] for name in _CHECKS if name in trigger}
    if times:
        return times
    name = "event" if "event" in trigger else "property"
    why = _unfit(name, offer)
    if offer is None or why:
        message = f"{trigger[name]} is {why}"
        raise UnknownThings([Finding(f"/trigger/{name}", message, value=trigger[name])])
    return {name: offer.id, "thing": offer.url, "affordance": offer.name}


def _unfit(name: str, offer: Offer | None) -> str:
    if offer is None or offer.kind != _KINDS[name]:
        return f"no {name} of a Thing in the directory that holds and answers"
    if name == "property" and offer.affordance.get("observable") is not True:
        return "a property that cannot be observed"
    return ""


def check_start(steps: Sequence[Step], offer: Offer | None) -> None:
    """Check that the steps with which the composition starts have all that they need.

    Args:
        steps: connected steps.
        offer: the event or property that starts them; None for a time, which gives nothing.

    Raises:
        IncompatibleSteps: a first step needs what nobody gives.
    """
    data = None if offer is None else _data(offer)
    first = [step for step in steps if not step.inputs]
    found = [(step.index, f) for step in first for f in _unserved(step, data)]
    if found:
        raise IncompatibleSteps([finding for _, finding in found], found[0][0])


def _data(offer: Offer) -> Schema | None:
    if offer.kind == "properties":
        return offer.affordance
    data: Schema | None = offer.affordance.get("data")
    return data


def _unserved(step: Step, data: Schema | None) -> Iterator[Finding]:
    wanted: Schema | None = step.action.get("input")
    if wanted is None or (not is_object(wanted) and step.pulls):
        return
    given = {*step.arguments, *(pull.input for pull in step.pulls)}
    required = [name for name in required_of(wanted) if name not in given]
    if data is not None:
        for fault in mismatches(data, {**wanted, "required": required}):
            message = f"the trigger's event → {step.label}: {fault.message}"
            yield replace(fault, pointer="/trigger", message=message)
    elif required or not is_object(wanted):
        names = ", ".join(map(repr, required)) or "an input"
        yield Finding("/trigger", f"{step.label} needs {names}, which the trigger does not give")
