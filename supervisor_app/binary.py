"""What the engine does not tell about a module's binary.

Source: WebAssembly Core Specification, clauses 5.5.2 (sections) and 5.5.11 (start section).
"""

from collections.abc import Iterator, Set
from pathlib import Path
from typing import BinaryIO

HEADER_BYTES = 8
_TABLE_SECTION, _START_SECTION = 4, 8
MOST_BYTES = 16 * 1024 * 1024


def starts_without_code(source: Path) -> bool:
    """Say whether making an instance of a valid module is short: no start function, little data."""
    if source.stat().st_size > MOST_BYTES:
        return False
    with source.open("rb") as file:
        file.seek(HEADER_BYTES)
        while kind := file.read(1):
            if kind[0] == _START_SECTION:
                return False
            file.seek(_unsigned(file), 1)
    return True


def table_count(source: Path) -> int:
    """Return how many tables a valid module has of its own."""
    with source.open("rb") as file:
        file.seek(HEADER_BYTES)
        while kind := file.read(1):
            size = _unsigned(file)
            if kind[0] == _TABLE_SECTION:
                return _unsigned(file)
            file.seek(size, 1)
    return 0


def sections_in(source: Path, wanted: Set[int]) -> Iterator[tuple[int, bytes]]:
    """Yield kind and content of those sections of a valid module that are wanted."""
    with source.open("rb") as file:
        file.seek(HEADER_BYTES)
        while kind := file.read(1):
            size = _unsigned(file)
            if kind[0] in wanted:
                yield kind[0], file.read(size)
            else:
                file.seek(size, 1)


def _unsigned(file: BinaryIO) -> int:
    """Read a number of seven bits to the byte, the lowest first (clause 5.2.2)."""
    value, shift = 0, 0
    while True:
        byte = file.read(1)[0]
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value


class Reader:
    """The bytes of a section, read from the beginning."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.place = 0

    def byte(self) -> int:
        """Return the next byte."""
        value = self._data[self.place]
        self.place += 1
        return value

    def skip(self, count: int) -> None:
        """Go on behind some bytes."""
        self.place += count

    def text(self) -> str:
        """Return a name."""
        length = self.number()
        self.skip(length)
        return self._data[self.place - length : self.place].decode()

    def number(self) -> int:
        """Return an unsigned number (LEB128); of a signed one, only the end is right."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
            if shift > 70:
                raise ValueError("a number is too long")


def sections_of(binary: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the kind and the content of each section of a module.

    Raises:
        ValueError: it is cut off.
        IndexError: it is cut off within a number.
    """
    reader = Reader(binary)
    reader.skip(HEADER_BYTES)
    while reader.place < len(binary):
        kind, size = reader.byte(), reader.number()
        if reader.place + size > len(binary):
            raise ValueError("a section is cut off")
        yield kind, binary[reader.place : reader.place + size]
        reader.skip(size)
