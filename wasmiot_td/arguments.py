"""What the function behind an affordance is given: arguments by name, and what they need.

A number or a boolean is one parameter. Text, JSON and the bytes of a file that has no mount go
through the module's memory, as pointer and length; the module gives the room by its export `alloc`,
or has a buffer of its own (`wasmiot:buffer`). A module is held to that when it is uploaded, and
again by the device that shall run it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

ALLOCATOR = "alloc"
BY_POINTER = "what goes by pointer"
"""How data files, and the places for an output, are called among what needs room."""

TEXT_TYPES = frozenset({"string", "object", "array", "null"})


def is_file(schema: object) -> bool:
    """Say whether a schema describes a file instead of a JSON value."""
    return isinstance(schema, Mapping) and "contentMediaType" in schema


def is_text(schema: object) -> bool:
    """Say whether a schema describes what goes through guest memory: text, JSON, or a file."""
    if not isinstance(schema, Mapping):
        return False
    kind = schema.get("type")
    return is_file(schema) or (isinstance(kind, str) and kind in TEXT_TYPES)


def takes_value(affordance: Mapping[str, Any]) -> bool:
    """Say whether a property that a function stands behind can be written."""
    if "wasmiot:writeEntrypoint" in affordance:
        return not affordance.get("readOnly")
    return affordance.get("readOnly") is False or bool(affordance.get("writeOnly"))


def arguments_of(
    schema: Mapping[str, Any] | None, variables: Mapping[str, Any], *, is_mounted: bool
) -> dict[str, Any]:
    """Return the schemas of the arguments by their names, in the order of the parameters.

    A single value that is no object has the empty string as its name.

    Args:
        schema: of what is sent; None if nothing is.
        variables: those of the URL.
        is_mounted: whether a file that is sent has a mount.
    """
    if schema is None:
        return dict(variables)
    if is_file(schema):
        return dict(variables) if is_mounted else {"": schema, **variables}
    members = schema.get("properties")
    if schema.get("type") == "object" and members and isinstance(members, Mapping):
        return {**{k: v for k, v in members.items() if not is_file(v)}, **variables}
    return {"": schema, **variables}


def room_of(arguments: Mapping[str, Any]) -> int:
    """Return how many parameters arguments take."""
    return sum(2 if is_text(schema) else 1 for schema in arguments.values())


def room_fault(
    arguments: Mapping[str, Any], exports: Iterable[str], *, is_by_pointer: bool
) -> str | None:
    """Return why a module without a buffer cannot be given its arguments; None if it can.

    Args:
        arguments: their schemas, by name.
        exports: the names of the functions of the module.
        is_by_pointer: whether something goes by pointer that is no argument.
    """
    needing = [
        repr(name) if name else "the input" for name in arguments if is_text(arguments[name])
    ]
    needing += [BY_POINTER] * is_by_pointer
    if not needing or ALLOCATOR in exports:
        return None
    verb = "needs" if len(needing) == 1 else "need"
    return f"{', '.join(needing)} {verb} the module to export {ALLOCATOR}(i32) -> i32"
