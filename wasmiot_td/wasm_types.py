"""The types of a WebAssembly module, as its binary writes them.

wasmtime's C API ends the process that asks it for a type with `v128` or with a reference to
anything but functions and the host's objects; so they are read here.

Source: WebAssembly Core Specification 3.0, clauses 5.3 (types) and 5.5.4 (type section).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from wasmiot_td.binary_reader import BinaryReader, WasmFormatError

NUMBERS = ("i32", "i64", "f32", "f64")
"""The types of the values that devices and modules give each other."""

_HEAP = {
    0x68: "cont",
    0x69: "exn",
    0x6A: "array",
    0x6B: "struct",
    0x6C: "i31",
    0x6D: "eq",
    0x6E: "any",
    0x6F: "extern",
    0x70: "func",
    0x71: "none",
    0x72: "noextern",
    0x73: "nofunc",
    0x74: "noexn",
    0x75: "nocont",
}
_TYPES = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64", 0x7B: "v128"} | {
    code: f"{name}ref" for code, name in _HEAP.items()
}
_ONE_BYTE = bytes(_TYPES)
_REF, _NULLABLE_REF = 0x64, 0x63
_GROUP, _SUBTYPE, _FINAL_SUBTYPE = 0x4E, 0x50, 0x4F
_FUNCTION, _STRUCT, _ARRAY, _CONTINUATION = 0x60, 0x5F, 0x5E, 0x5D
_PACKED = (0x78, 0x77)  # i8, i16: only in structs and arrays


@dataclass(frozen=True)
class FunctionType:
    """The signature of a function."""

    parameters: tuple[str, ...] = ()
    results: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"({', '.join(self.parameters)}) -> ({', '.join(self.results)})"

    @property
    def is_of_numbers(self) -> bool:
        """Whether all of its values are numbers."""
        return set(NUMBERS) >= {*self.parameters, *self.results}


class FunctionTypes:
    """The function types of a module by their index; each is read when it is wanted."""

    def __init__(self) -> None:
        self._body = BinaryReader(b"")
        self._places: list[int | None] = []
        self._known: dict[int, FunctionType] = {}

    def read(self, body: BinaryReader, most: int) -> None:
        """Read a type section.

        Raises:
            WasmFormatError: it holds more types than so many, or one that is not known here.
        """
        self._body = body
        for _ in range(body.count(most)):
            for _each in range(_group_size(body, most)):
                self._places.append(_skip_subtype(body))
            if len(self._places) > most:
                raise WasmFormatError(f"more than {most} types are not taken", body.offset)

    def get(self, index: int) -> FunctionType | None:
        """Return a type; None if it is no function's."""
        place = self._places[index] if index < len(self._places) else None
        if place is None:
            return None
        if index not in self._known:
            self._body.offset = place
            parameters = tuple(_value_types(self._body))
            self._known[index] = FunctionType(parameters, tuple(_value_types(self._body)))
        return self._known[index]


def value_type(body: BinaryReader) -> str:
    """Return the type of a value as WebAssembly's text format writes it.

    Raises:
        WasmFormatError: it is not known here.
    """
    code = body.byte()
    if code in (_REF, _NULLABLE_REF):
        return f"(ref {'null ' * (code == _NULLABLE_REF)}{_heap_type(body)})"
    if code not in _TYPES:
        raise WasmFormatError(f"the type {code:#x} is not known", body.offset - 1)
    return _TYPES[code]


def _heap_type(body: BinaryReader) -> str:
    """Return what a reference is to: a kind of things, or the index of a type."""
    place, number = body.offset, body.unsigned(64)
    is_short = body.offset == place + 1  # a short number below zero is no index
    return _HEAP.get(number, str(number)) if is_short else str(number)


def _value_types(body: BinaryReader) -> Iterator[str]:
    for _ in range(body.unsigned()):
        yield value_type(body)


def _skip_value_types(body: BinaryReader) -> None:
    """Go on behind types; a module may have millions of them, each a byte as a rule."""
    count, place = body.unsigned(), body.offset
    if body.take(count).translate(None, _ONE_BYTE):
        body.offset = place
        for _ in range(count):
            value_type(body)


def _group_size(body: BinaryReader, most: int) -> int:
    """Return how many types follow: those of a group, or one."""
    if body.byte() == _GROUP:
        return body.count(most)
    body.offset -= 1
    return 1


def _skip_subtype(body: BinaryReader) -> int | None:
    """Go on behind a type; return where its parameters begin if it is a function's."""
    code = body.byte()
    if code in (_SUBTYPE, _FINAL_SUBTYPE):
        for _ in range(body.unsigned()):
            body.unsigned()
        code = body.byte()
    place = body.offset
    if code == _FUNCTION:
        _skip_value_types(body)
        _skip_value_types(body)
        return place
    _skip_composite(body, code)
    return None


def _skip_composite(body: BinaryReader, code: int) -> None:
    if code == _CONTINUATION:
        body.unsigned(64)
    elif code in (_STRUCT, _ARRAY):
        for _ in range(body.unsigned() if code == _STRUCT else 1):
            if body.byte() not in _PACKED:
                body.offset -= 1
                value_type(body)
            body.byte()  # whether it can be changed
    else:
        raise WasmFormatError(f"the type {code:#x} is not known", body.offset - 1)
