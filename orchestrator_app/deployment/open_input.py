"""What of a step's input is left to be given: neither constant nor read elsewhere; pure."""

from collections.abc import Mapping
from typing import Any

from orchestrator_app.solver.solution import Placement

Document = Mapping[str, Any]


def open_input(model: Document, placement: Placement) -> Document | None:
    """Return the schema of what a step that no other feeds is still to be given; None for nothing.

    Args:
        model: the affordance behind the step.
        placement: its constants, and what it reads before each call.
    """
    schema: Document | None = model.get("input")
    if schema is None or placement.inputs:
        return None
    bound = {*placement.arguments, *(str(d["input"]) for d in placement.depends_on if "input" in d)}
    if any("input" not in d for d in placement.depends_on):
        return None
    members = schema.get("properties")
    if not bound or not members:
        return schema
    left = {name: member for name, member in members.items() if name not in bound}
    if not left:
        return None
    required = [name for name in schema.get("required", ()) if name in left]
    rest = {key: value for key, value in schema.items() if key != "required"}
    return {**rest, "properties": left} | ({"required": required} if required else {})
