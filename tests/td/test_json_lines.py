"""Documents one a line: what comes of a text does not depend on how it is cut into pieces."""

import io

from hypothesis import given
from hypothesis import strategies as st

from wasmiot_td.json_lines import PIECE_BYTES, numbered_lines, pieces_of

PIECES = st.lists(st.text("ab \n", max_size=6).map(str.encode), max_size=8)


@given(PIECES, st.integers(0, 5))
def test_lines_have_their_numbers_however_the_text_is_cut(pieces: list[bytes], most: int) -> None:
    """Lines that say nothing are counted and left out; a long one shows by a byte that it is."""
    whole = b"".join(pieces).split(b"\n")
    expected = [
        (number, line[: most + 1])
        for number, line in enumerate(whole, 1)
        if line[: most + 1].strip() or len(line) > most
    ]
    assert list(numbered_lines(pieces, most)) == expected


def test_a_stream_is_read_in_pieces_to_its_end() -> None:
    """No piece is longer than others, and nothing is missing."""
    text = bytes(range(256)) * 1000
    pieces = list(pieces_of(io.BytesIO(text)))
    assert b"".join(pieces) == text
    assert max(map(len, pieces)) == PIECE_BYTES


def test_a_line_without_end_takes_no_more_memory_than_is_told() -> None:
    """A stream that never ends its line is read on, and only its beginning is kept."""
    pieces = (b"x" * 1000 for _ in range(100_000))
    assert list(numbered_lines(pieces, 10)) == [(1, b"x" * 11)]
