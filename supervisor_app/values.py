"""JSON values to the arguments of a function, and its results to JSON values.

Numbers and booleans are passed as they are. A string, an object or an array is passed as UTF-8
text in guest memory (two parameters: pointer, length; room from the guest's `alloc`), and so are
the bytes of a file that has no mount.

A module that has a buffer of its own instead (`wasmiot:buffer` names the function that returns its
address) finds one text or file there and gets its length; what it leaves there is its output.

A result is text where its schema says so: two i32 (pointer, length), or one i32 that points to
text which a NUL ends; `pointers.py` has a third way. A module without memory can only return
numbers; as a string they are decimal text.
"""

import json
import math
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from supervisor_app.call import Argument, FunctionType
from supervisor_app.errors import ArgumentError, CallFailedError
from supervisor_app.host_functions.guest import Guest
from supervisor_app.installation import Operation
from wasmiot_td.arguments import TEXT_TYPES, arguments_of, is_file
from wasmiot_td.json_text import value_of

_RANGES = {"i32": (-(2**31), 2**32 - 1), "i64": (-(2**63), 2**64 - 1)}
_BITS = {"i32": 32, "i64": 64}


def argument_schemas(operation: Operation, is_write: bool) -> dict[str, Mapping[str, Any]]:
    """Return the arguments that an operation takes by name, in the order of the parameters."""
    is_read = operation.kind == "properties" and not is_write
    schema = None if is_read else operation.input_schema
    is_mounted = bool(operation.mounts_at("execution"))
    return arguments_of(schema, operation.uri_variables, is_mounted=is_mounted)


def lower(
    names: Sequence[str],
    values: Mapping[str, Any],
    function: FunctionType,
    *,
    is_buffered: bool = False,
) -> list[Argument]:
    """Return the arguments of a function.

    Args:
        names: which values, in the order of the function's parameters.
        values: by name.
        function: its type.
        is_buffered: whether bytes go to the module's own buffer, so that their length is all
            that is passed.

    Raises:
        ArgumentError: they do not fit.
    """
    params = iter(function.params)
    arguments = [
        _argument(name, values[name], params, function, is_buffered=is_buffered) for name in names
    ]
    if next(params, None) is not None:
        raise ArgumentError(f"the function has the type {function}, values came for {list(names)}")
    return arguments


def _argument(
    name: str, value: Any, params: Iterator[str], function: FunctionType, *, is_buffered: bool
) -> Argument:
    param = next(params, None)
    if param is None:
        raise ArgumentError(f"the function has the type {function} and no place for {_said(name)}")
    if isinstance(value, (bool, int, float)):
        return _number(name, value, param)
    if param != "i32" or (not is_buffered and next(params, None) != "i32"):
        raise ArgumentError(f"{_said(name)} is text: it needs two i32 parameters, not {function}")
    if isinstance(value, (bytes, Path)):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ArgumentError(f"{_said(name)} holds half of a surrogate pair") from None


def _said(name: str) -> str:
    return repr(name) if name else "the input"


def _number(name: str, value: float, param: str) -> Argument:
    if param not in _RANGES:
        return _float(name, value, param)
    if int(value) != value:
        raise ArgumentError(f"{_said(name)} must be a whole number, not {value!r}")
    low, high = _RANGES[param]
    if not low <= value <= high:
        raise ArgumentError(f"{_said(name)} is {value!r}, outside of {param}")
    number, bits = int(value), _BITS[param]
    return number - (1 << bits) if number >= 1 << (bits - 1) else number


def _float(name: str, value: float, param: str) -> float:
    try:
        number = float(value)
        if param == "f32":
            struct.pack("<f", number)
    except OverflowError:
        raise ArgumentError(f"{_said(name)} is {value!r}, outside of {param}") from None
    return number


Decode = Callable[[Guest, tuple[Any, ...]], Any]


def decoder(schema: Mapping[str, Any] | None, function: FunctionType, has_memory: bool) -> Decode:
    """Return what makes a JSON value of the returned values.

    Args:
        schema: of the output; None if none is described.
        function: its type.
        has_memory: whether the module exports memory, where text could be.
    """
    if not function.results:
        return lambda _guest, _returned: None
    if schema is None:
        return lambda _guest, returned: _numbers(returned, function)
    if is_file(schema) and function.results == ("i32", "i32"):
        return lambda guest, returned: guest.read(returned[0], returned[1])
    kind = schema.get("type")
    if function.results == ("i32", "i32") and kind in TEXT_TYPES:
        return lambda guest, returned: _text(guest.read(returned[0], returned[1]), kind)
    if function.results == ("i32",) and kind in TEXT_TYPES and has_memory:
        return lambda guest, returned: _text(guest.read_text(returned[0]), kind)
    if function.results in (("i32",), ("i64",)) and kind in ("integer", "number"):
        return lambda _guest, returned: returned[0]
    return lambda _guest, returned: _scalar(_numbers(returned, function), schema)


def buffer_decoder(schema: Mapping[str, Any] | None) -> Decode:
    """Return what takes the output from the module's own buffer, as long as its schema says."""
    length = (schema or {}).get("maxLength")
    if schema is None or not isinstance(length, int):
        return lambda _guest, _returned: None
    if is_file(schema):
        return lambda guest, returned: guest.read(returned[0], length)
    kind = schema.get("type")
    return lambda guest, returned: _text(guest.read(returned[0], length).split(b"\0")[0], kind)


def _numbers(returned: tuple[Any, ...], function: FunctionType) -> Any:
    values = [_json_number(v, t) for v, t in zip(returned, function.results, strict=True)]
    return values[0] if len(values) == 1 else values


def _json_number(value: float, value_type: str) -> float:
    if isinstance(value, float) and not math.isfinite(value):
        raise CallFailedError("result", f"the function returned {value}, which JSON cannot carry")
    return shortest_f32(value) if value_type == "f32" else value


def shortest_f32(value: float) -> float:
    """Return the number with the fewest digits that is the same 32-bit float."""
    packed = struct.pack("<f", value)
    for digits in range(6, 9):
        candidate = float(f"{value:.{digits}g}")
        if _as_f32(candidate) == packed:
            return candidate
    return float(f"{value:.9g}")


def _as_f32(value: float) -> bytes | None:
    try:
        return struct.pack("<f", value)
    except OverflowError:
        return None


def _scalar(value: Any, schema: Mapping[str, Any]) -> Any:
    kind = schema.get("type")
    if kind == "boolean":
        return bool(value)
    if kind == "string":
        return str(value)
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _text(data: bytes, kind: Any) -> Any:
    try:
        text = data.decode()
        return text if kind == "string" else value_of(text)
    except (ValueError, RecursionError) as error:
        raise CallFailedError("result", f"the function's {kind} is not readable: {error}") from None
