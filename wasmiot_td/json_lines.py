"""Documents that stand one in each line, read in pieces: however many they are, few are in memory.

Source: JSON Lines (https://jsonlines.org), which NDJSON is by another name.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Protocol

PIECE_BYTES = 64 * 1024


class Stream(Protocol):
    """What can be read piece by piece."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`; none at the end."""


def pieces_of(stream: Stream) -> Iterator[bytes]:
    """Yield what a stream holds, in pieces."""
    return iter(partial(stream.read, PIECE_BYTES), b"")


def numbered_lines(pieces: Iterable[bytes], most_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Yield number and text of the lines that say anything, counted from one.

    Args:
        pieces: of the whole text, cut anywhere.
        most_bytes: how long a line may be; of a longer one come so many bytes and one more.
    """
    number, line = 1, bytearray()
    for piece in pieces:
        *ends, begin = piece.split(b"\n")
        for end in ends:
            line += end[: most_bytes + 1 - len(line)]
            if line.strip() or len(line) > most_bytes:
                yield number, bytes(line)
            number += 1
            line.clear()
        line += begin[: most_bytes + 1 - len(line)]
    if line.strip() or len(line) > most_bytes:
        yield number, bytes(line)
