"""What was put together on the compose page, as a manifest; pure.

A choice is `module:name:version/entrypoint` or `thing:id/affordance`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_STEPS = 20


@dataclass(frozen=True)
class Choice:
    """Something that can be a step.

    Attributes:
        value: how it stands in the form.
        label: how people know it.
        step: how it stands in a manifest.
    """

    value: str
    label: str
    group: str
    step: Mapping[str, str]


def choices_of(
    modules: Sequence[Mapping[str, Any]], things: Sequence[Mapping[str, Any]]
) -> list[Choice]:
    """Return all functions of modules, and all properties and actions of Things."""
    found = []
    for model in modules:
        reference = str(model["id"]).removeprefix("urn:wasmiot:module:")
        for name, action in model.get("actions", {}).items():
            entrypoint = str(action.get("wasmiot:entrypoint", name))
            step = {"module": reference, "entrypoint": entrypoint}
            found.append(Choice(f"module:{reference}/{entrypoint}", entrypoint, reference, step))
    for thing in things:
        title = str(thing.get("title", thing["id"]))
        for name in (*thing.get("properties", {}), *thing.get("actions", {})):
            step = {"thing": str(thing["id"]), "affordance": str(name)}
            found.append(Choice(f"thing:{thing['id']}/{name}", str(name), title, step))
    return found


def manifest_of(
    name: str, chosen: Sequence[str], pins: Sequence[str], choices: Sequence[Choice]
) -> dict[str, Any]:
    """Return the manifest of the chosen steps; what is no choice is left out.

    Args:
        name: of the application.
        chosen: the values of the choices, in order.
        pins: for each of them the device it is pinned to, or nothing.
        choices: all that there are.
    """
    known = {choice.value: choice.step for choice in choices}
    pinned = [*pins, *[""] * len(chosen)]
    sequence = [
        {**known[value], **({"device": device} if device else {})}
        for value, device in zip(chosen, pinned, strict=False)
        if value in known
    ]
    return {"name": name, "sequence": sequence}
