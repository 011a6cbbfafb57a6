"""The functions of a module's binary, one operator after the other.

Source: WebAssembly Core Specification, clauses 5.4 (instructions) and 5.5.13 (code section).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from supervisor_app.binary import Reader

LOOP, CALL, CALL_INDIRECT, RETURN_CALL, RETURN_CALL_INDIRECT = 0x03, 0x10, 0x11, 0x12, 0x13
MEMORY_GROW = 0x40
BULK = range(0xFC08, 0xFC12)
"""What moves or fills as much of a memory or a table as a number says."""

_IMPORT, _FUNCTION_EXPORTS, _CODE = 2, 7, 10
_END, _BR_TABLE, _PREFIX = 0x0B, 0x0E, 0xFC
_OPENING = (0x02, LOOP, 0x04)  # block, loop, if
_LOADS_AND_STORES = range(0x28, 0x3F)
_SEVERAL_MEMORIES = 0x40
_TYPED_REFERENCES = (0x63, 0x64)
_NUMBERS = {  # how many numbers follow an operator
    **dict.fromkeys((0x00, 0x01, 0x05, _END, 0x0F, 0x1A, 0x1B, 0xD1), 0),
    **dict.fromkeys(range(0x45, 0xC5), 0),  # arithmetic, comparisons, conversions
    **dict.fromkeys((0x0C, 0x0D, 0x3F, MEMORY_GROW, 0x41, 0x42, 0xD0, 0xD2), 1),
    **dict.fromkeys((CALL, RETURN_CALL), 1),
    **dict.fromkeys((CALL_INDIRECT, RETURN_CALL_INDIRECT), 2),
    **dict.fromkeys(range(0x20, 0x27), 1),  # variables and tables
    **dict.fromkeys(range(0xFC00, 0xFC08), 0),  # conversions that saturate
    **dict.fromkeys((0xFC08, 0xFC0A, 0xFC0C, 0xFC0E), 2),
    **dict.fromkeys((0xFC09, 0xFC0B, 0xFC0D, 0xFC0F, 0xFC10, 0xFC11), 1),
}
_BYTES = {0x43: 4, 0x44: 8}  # f32.const, f64.const


class UnknownOperatorError(Exception):
    """A function has something that is not known here."""


@dataclass(frozen=True)
class Code:
    """The functions of a module.

    Attributes:
        content: the code section.
        imported: how many functions are imported; their indices come first, and they have no code.
        places: where in the content each other function begins.
        exported: the index of each function that is exported, by its name.
    """

    content: bytes
    imported: int
    places: tuple[int, ...]
    exported: dict[str, int]

    def reader(self, index: int) -> Reader:
        """Return a function from its beginning.

        Raises:
            UnknownOperatorError: it is imported.
        """
        if index < self.imported:
            raise UnknownOperatorError
        reader = Reader(self.content)
        reader.skip(self.places[index - self.imported])
        return reader


def code_of(sections: dict[int, bytes]) -> Code:
    """Return the functions of a valid module.

    Raises:
        ValueError: something else is imported as well, which no device gives.
    """
    content = sections.get(_CODE, b"\0")
    reader, places = Reader(content), []
    for _ in range(reader.number()):
        size = reader.number()
        places.append(reader.place)
        reader.skip(size)
    imported = _imported(Reader(sections.get(_IMPORT, b"\0")))
    exported = dict(_exported(Reader(sections.get(_FUNCTION_EXPORTS, b"\0"))))
    return Code(content, imported, tuple(places), exported)


def _imported(reader: Reader) -> int:
    count = reader.number()
    for _ in range(count):
        reader.text()
        reader.text()
        if reader.byte():
            raise ValueError("the module imports something that is no function")
        reader.number()
    return count


def _exported(reader: Reader) -> Iterator[tuple[str, int]]:
    for _ in range(reader.number()):
        name = reader.text()
        kind, index = reader.byte(), reader.number()
        if kind == 0:
            yield name, index


def local_count(reader: Reader) -> int:
    """Read how many variables of its own a function has.

    Raises:
        UnknownOperatorError: one is of a type that is not known here.
    """
    count = 0
    for _ in range(reader.number()):
        count += reader.number()
        _skip_type(reader)
    return count


def operators(reader: Reader) -> Iterator[tuple[int, int]]:
    """Yield each operator of a function with the number that follows it, if that is of interest.

    Raises:
        UnknownOperatorError: one is not known here.
    """
    depth = 1
    while depth:
        operator = reader.byte()
        if operator == _PREFIX:
            operator = _PREFIX << 8 | min(reader.number(), 0xFF)
        depth += (operator in _OPENING) - (operator == _END)
        if operator in (CALL, RETURN_CALL):
            yield operator, reader.number()
        else:
            _skip_operands(reader, operator)
            yield operator, 0


def _skip_operands(reader: Reader, operator: int) -> None:
    if operator in _BYTES:
        reader.skip(_BYTES[operator])
    elif operator in _OPENING:
        _skip_type(reader)
    elif operator in _LOADS_AND_STORES:
        if reader.number() >= _SEVERAL_MEMORIES:
            raise UnknownOperatorError
        reader.number()
    else:
        for _ in range(_number_count(reader, operator)):
            reader.number()


def _number_count(reader: Reader, operator: int) -> int:
    if operator == _BR_TABLE:
        return reader.number() + 1
    if operator not in _NUMBERS:
        raise UnknownOperatorError
    return _NUMBERS[operator]


def _skip_type(reader: Reader) -> None:
    if reader.number() in _TYPED_REFERENCES:
        raise UnknownOperatorError  # more follows
