"""What the engine does not tell about a module's binary.

Source: WebAssembly Core Specification, clauses 5.5.2 (sections) and 5.5.11 (start section).
"""

from pathlib import Path
from typing import BinaryIO

_HEADER_BYTES = 8
_START_SECTION = 8
_MOST_BYTES = 16 * 1024 * 1024


def starts_without_code(source: Path) -> bool:
    """Say whether making an instance of a valid module is short: no start function, little data."""
    if source.stat().st_size > _MOST_BYTES:
        return False
    with source.open("rb") as file:
        file.seek(_HEADER_BYTES)
        while kind := file.read(1):
            if kind[0] == _START_SECTION:
                return False
            file.seek(_unsigned(file), 1)
    return True


def _unsigned(file: BinaryIO) -> int:
    """Read a number of seven bits to the byte, the lowest first (clause 5.2.2)."""
    value, shift = 0, 0
    while True:
        byte = file.read(1)[0]
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value
