"""What the function behind an affordance is given: arguments by name, and what they need.

A number or a boolean is one parameter. Text, JSON and the bytes of a file that has no mount go
through the module's memory, as pointer and length; the module gives the room by its export `alloc`,
or has a buffer of its own (`wasmiot:buffer`). A module is held to that when it is uploaded, and
again by the device that shall run it.
"""

from collections.abc import Iterable, Mapping, Sequence
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


def passed_by_pointer(spare: int, data_files: int, *, can_leave: bool) -> tuple[bool, bool]:
    """Return what goes by pointer besides the arguments: data files, places for the output.

    Whether a function is of that kind is seen from how many parameters it has: two for each data
    file, and two for the places where it leaves the address and the length of what it has made.

    Args:
        spare: how many parameters the arguments leave.
        data_files: how many there are.
        can_leave: whether the output may be left so.
    """
    for has_data in (data_files > 0, False):
        for has_places in (False, True):
            taken = 2 * data_files * has_data + 2 * has_places
            if taken == spare and (can_leave or not has_places):
                return has_data, has_places
    return False, False


def can_leave(
    output: object, parameters: Sequence[str], results: Sequence[str], *, is_mounted: bool
) -> bool:
    """Say whether a function may leave an output at two places: text or a file without a mount.

    Args:
        output: its schema.
        parameters: of the function, by their types.
        results: likewise.
        is_mounted: whether a file that it leaves has a mount.
    """
    has_no_other_way = not is_mounted and tuple(results) in ((), ("i32",))
    return is_text(output) and has_no_other_way and tuple(parameters[-2:]) == ("i32", "i32")


def is_filled(room: int, parameters: int, *, depends: bool) -> bool:
    """Say whether a function is given what it takes; what it depends on may give the rest."""
    return room == parameters or (depends and room < parameters)


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
