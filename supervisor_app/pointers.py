"""What a function is given and gives back by pointer, besides its arguments.

Modules of the existing wasmiot system were built for a supervisor that puts each data file of the
deployment into guest memory, and that gives the function two places, of four bytes each, where it
leaves the address and the length of what it has made. Whether a function is of that kind is seen
from how many parameters it has: `infer(model, length, image, length) -> i32`,
`take(out_pointer, out_length)`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor_app.call import FunctionType
from supervisor_app.installation import DataFile, Operation
from supervisor_app.values import argument_schemas
from wasmiot_td.arguments import can_leave, passed_by_pointer, room_of

_PAIR = ("i32", "i32")


@dataclass(frozen=True)
class ByPointer:
    """How a function is called.

    Attributes:
        function: its type, as if it returned what it leaves, and without the places for that.
        data_files: what it gets as pointer and length, before the first text of its input.
        has_places: whether it gets two places for the address and the length of its output.
    """

    function: FunctionType
    data_files: tuple[DataFile, ...] = ()
    has_places: bool = False

    @property
    def is_used(self) -> bool:
        """Whether anything goes by pointer that is no argument."""
        return bool(self.data_files) or self.has_places


def by_pointer(operation: Operation, function: FunctionType, is_write: bool) -> ByPointer:
    """Return what of an operation goes by pointer; nothing where its arguments fill the function.

    Args:
        operation: what is run.
        function: the type of the function behind it.
        is_write: whether a property is written.
    """
    plain = ByPointer(function)
    if operation.buffer or operation.depends_on:
        return plain
    data, spare = operation.data_files, len(function.params) - _room(operation, is_write)
    may_leave = not is_write and can_leave(
        operation.output_schema,
        function.params,
        function.results,
        is_mounted=bool(operation.mounts_at("output")),
    )
    has_data, has_places = passed_by_pointer(spare, len(data), can_leave=may_leave)
    return _of(function, data if has_data else (), has_places=has_places)


def _of(function: FunctionType, data: tuple[DataFile, ...], *, has_places: bool) -> ByPointer:
    if not has_places:
        return ByPointer(function, data)
    return ByPointer(FunctionType(function.params[:-2], _PAIR), data, has_places=True)


def _room(operation: Operation, is_write: bool) -> int:
    """Return how many parameters the arguments take."""
    return room_of(argument_schemas(operation, is_write))


def with_data(
    names: list[str], values: Mapping[str, Any], data: Mapping[str, Path]
) -> tuple[list[str], dict[str, Any]]:
    """Return arguments with the data files before the first text among them."""
    texts = [i for i, n in enumerate(names) if not isinstance(values[n], (bool, int, float))]
    place = texts[0] if texts else len(names)
    files = {f"data file {path}": file for path, file in data.items()}
    return [*names[:place], *files, *names[place:]], {**values, **files}
