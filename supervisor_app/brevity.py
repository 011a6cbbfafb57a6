"""Which functions of a module end within a moment, whatever they are called with.

Code without a loop only goes forward, and so does code that calls nothing but such code: it ends
after as many steps as it has operators. Anything that is not known here may take long.

Source: WebAssembly Core Specification, clauses 5.4 (instructions) and 5.5.13 (code section).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from supervisor_app.binary import MOST_BYTES, Reader, sections_of

MOST_STEPS = 2_000
"""A thousandth of a second, if each step meets memory that was never touched."""

_MOST_READ = 100_000
_DEEPEST = 64
_IMPORT, _FUNCTION_EXPORTS, _CODE = 2, 7, 10
_BLOCK, _IF, _END, _BR_TABLE, _CALL, _SATURATING = 0x02, 0x04, 0x0B, 0x0E, 0x10, 0xFC
_LOADS_AND_STORES = range(0x28, 0x3F)
_SEVERAL_MEMORIES = 0x40
_TYPED_REFERENCES = (0x63, 0x64)
_NUMBERS = {  # how many numbers follow an operator
    **dict.fromkeys((0x00, 0x01, 0x05, 0x0B, 0x0F, 0x1A, 0x1B, 0xD1), 0),
    **dict.fromkeys(range(0x45, 0xC5), 0),  # arithmetic, comparisons, conversions
    **dict.fromkeys((0x0C, 0x0D, 0x3F, 0x41, 0x42, 0xD0, 0xD2), 1),
    **dict.fromkeys(range(0x20, 0x27), 1),  # variables and tables
}
_BYTES = {0x43: 4, 0x44: 8}  # f32.const, f64.const


def brief_functions(source: Path) -> frozenset[str]:
    """Return the exported functions of a valid module that end within a moment."""
    if source.stat().st_size > MOST_BYTES:
        return frozenset()
    try:
        return frozenset(_brief(dict(sections_of(source.read_bytes()))))
    except (IndexError, ValueError):
        return frozenset()


class _TooLongError(Exception):
    """A function may take longer than a moment."""


@dataclass(frozen=True)
class _Body:
    """What a function does: how many steps of its own, and which functions it calls."""

    steps: int
    calls: tuple[int, ...]


class _Code:
    """The functions of a module by their index; those that are imported have no body."""

    def __init__(self, content: bytes, imported: int) -> None:
        reader = Reader(content)
        self._content = content
        self._imported = imported
        self._places = []
        for _ in range(reader.number()):
            size = reader.number()
            self._places.append(reader.place)
            reader.skip(size)
        self._left = _MOST_READ
        self._steps: dict[int, int] = {}

    def steps(self, index: int, depth: int = 0) -> int:
        """Return after how many steps a function has ended at the latest.

        Raises:
            _TooLongError: more than a moment allows, or nobody knows.
        """
        if index not in self._steps:
            if depth > _DEEPEST or index < self._imported:
                raise _TooLongError
            self._steps[index] = MOST_STEPS + 1  # until it is known, and for who calls itself
            body = self._body(self._places[index - self._imported])
            self._steps[index] = body.steps + sum(self.steps(i, depth + 1) for i in body.calls)
        if self._steps[index] > MOST_STEPS:
            raise _TooLongError
        return self._steps[index]

    def _body(self, place: int) -> _Body:
        reader, depth, calls = Reader(self._content), 1, []
        reader.skip(place)
        steps = sum(_locals(reader))
        while depth:
            operator = reader.byte()
            steps, self._left = steps + 1, self._left - 1
            if steps > MOST_STEPS or self._left < 0:
                raise _TooLongError
            depth += (operator in (_BLOCK, _IF)) - (operator == _END)
            if operator == _CALL:
                calls.append(reader.number())
            else:
                _skip_operands(reader, operator)
        return _Body(steps, tuple(calls))


def _brief(sections: dict[int, bytes]) -> Iterator[str]:
    code = _Code(sections.get(_CODE, b"\0"), _imported(Reader(sections.get(_IMPORT, b"\0"))))
    reader = Reader(sections.get(_FUNCTION_EXPORTS, b"\0"))
    for _ in range(reader.number()):
        name = reader.text()
        kind, index = reader.byte(), reader.number()
        if kind == 0 and _ends_soon(code, index):
            yield name


def _ends_soon(code: _Code, index: int) -> bool:
    try:
        return code.steps(index) <= MOST_STEPS
    except _TooLongError:
        return False


def _imported(reader: Reader) -> int:
    """Return how many functions are imported.

    Raises:
        ValueError: something else is imported as well, which no device gives.
    """
    count = reader.number()
    for _ in range(count):
        reader.text()
        reader.text()
        if reader.byte():
            raise ValueError("the module imports something that is no function")
        reader.number()
    return count


def _locals(reader: Reader) -> Iterator[int]:
    for _ in range(reader.number()):
        yield reader.number()
        _skip_type(reader)


def _skip_type(reader: Reader) -> None:
    if reader.number() in _TYPED_REFERENCES:
        raise _TooLongError  # more follows


def _skip_operands(reader: Reader, operator: int) -> None:
    """Go on behind what belongs to an operator.

    Raises:
        _TooLongError: the operator is a loop, or one that is not known here.
    """
    if operator in _BYTES:
        reader.skip(_BYTES[operator])
    elif operator in (_BLOCK, _IF):
        _skip_type(reader)
    elif operator in _LOADS_AND_STORES:
        if reader.number() >= _SEVERAL_MEMORIES:
            raise _TooLongError
        reader.number()
    else:
        for _ in range(_number_count(reader, operator)):
            reader.number()


def _number_count(reader: Reader, operator: int) -> int:
    if operator == _BR_TABLE:
        return reader.number() + 1
    if operator == _SATURATING and reader.number() < 8:
        return 0
    if operator not in _NUMBERS:
        raise _TooLongError
    return _NUMBERS[operator]
