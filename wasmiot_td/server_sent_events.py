"""Read a stream of server-sent events as it comes.

Source: HTML, clause 9.2.6 (interpreting an event stream).
"""

import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

MAX_EVENT_CHARACTERS = 1024 * 1024

MISSED = "missed"
"""The name of the event by which our streams say that they cannot tell all that came before."""

_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class ServerSentEvent:
    """One event.

    Attributes:
        data: its text.
        name: its type; empty where the stream does not say.
        id: the last id that the stream told, by which it can be resumed.
        retry_seconds: how long to wait before a stream that broke off is asked for again.
    """

    data: str
    name: str = ""
    id: str = ""
    retry_seconds: float | None = None


def _forget(_id: str) -> None:
    """Do nothing with an id."""


def events(
    chunks: Iterable[bytes], last_id: str = "", note_id: Callable[[str], None] = _forget
) -> Iterator[ServerSentEvent]:
    """Yield the events of a stream; one that breaks off in the middle is none.

    Args:
        chunks: the bytes as they come.
        last_id: the last id of the stream before.
        note_id: called with the id to come back with, also where a stream tells it without an
            event.

    Raises:
        ValueError: an event is larger than any should be.
    """
    data: list[str] = []
    name, id_, retry = "", last_id, None
    for line in _lines(chunks):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            note_id(id_)
            if data:
                yield ServerSentEvent("\n".join(data), name, id_, retry)
            data, name = [], ""
        elif field == "data":
            data.append(value)
            _check(sum(map(len, data)))
        elif field == "event":
            name = value
        elif field == "id" and "\0" not in value:
            id_ = value
        elif field == "retry" and value.isdecimal():
            retry = min(int(value[:9]) / 1000, 3600.0)


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    rest, is_first, after_return = "", True, False
    for chunk in chunks:
        text = decode(chunk)
        if not text:
            continue
        text, is_first = (text.removeprefix("\ufeff") if is_first else text), False
        rest += text.removeprefix("\n") if after_return else text  # a CR LF may be cut in two
        after_return = text.endswith("\r")
        *lines, rest = _LINE_END.split(rest)
        _check(len(rest))
        yield from lines


def _check(size: int) -> None:
    if size > MAX_EVENT_CHARACTERS:
        raise ValueError(f"an event has more than {MAX_EVENT_CHARACTERS} characters")
