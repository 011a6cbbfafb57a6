"""On which line of a JSON text does a member stand: for reports that point into files."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from wasmiot_td import json_text
from wasmiot_td.errors import DocumentError

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')


@dataclass
class _Container:
    """An object or an array that is being read."""

    pointer: str
    is_array: bool
    index: int = 0
    name: str | None = field(default=None)

    def step(self) -> str:
        """Return the pointer of the value that comes next."""
        own = str(self.index) if self.is_array else json_text.escape_pointer(self.name or "")
        return f"{self.pointer}/{own}"


def lines_of(source: bytes) -> dict[str, int]:
    """Return the line of each value of a JSON text, by JSON pointer, counted from one.

    A text that is not JSON has no places.
    """
    try:
        json_text.parse(source)
    except DocumentError:
        return {}
    return dict(_places(source.decode()))


def line_of(lines: Mapping[str, int], pointer: str) -> int:
    """Return the line of a value, or of the nearest one around it."""
    while pointer not in lines and pointer:
        pointer = pointer.rpartition("/")[0]
    return lines.get(pointer, 1)


def _places(text: str) -> Iterator[tuple[str, int]]:
    stack: list[_Container] = []
    line, seen = 1, 0
    for token in _TOKEN.finditer(text):
        line += text.count("\n", seen, token.start())
        seen = token.start()
        first = text[seen]
        inner = stack[-1] if stack else None
        if first in "}]":
            stack.pop()
        elif first == "," and inner:
            inner.index, inner.name = inner.index + 1, None
        elif inner and not inner.is_array and inner.name is None:
            inner.name = json_text.parse(token.group()).value
            yield inner.step(), line
        elif first != ":":
            pointer = inner.step() if inner else ""
            if inner is None or inner.is_array:
                yield pointer, line
            if first in "{[":
                stack.append(_Container(pointer, first == "["))
