"""What `wasmiot things add` does: read descriptions, send many at once, tell of each."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from wasmiot_td.command_line import failure_of
from wasmiot_td.json_lines import numbered_lines, pieces_of
from wasmiot_td.json_text import MAX_BYTES

if TYPE_CHECKING:
    from orchestrator_app.commands.client import Orchestrator
    from wasmiot_td.document_sources import Source

TD = "application/td+json"
JSON_LINES = "application/jsonl"
LINE_SUFFIXES = (".jsonl", ".ndjson")
"""Files and URLs of such names hold a description in each line."""

MOST_AT_ONCE, MOST_BYTES_AT_ONCE = 5_000, 16 * 1024 * 1024


@dataclass(frozen=True)
class Sent:
    """A description to send, or why there is none.

    Attributes:
        name: where it is from, as a person would say it.
        fault: why it cannot be read.
    """

    name: str
    content: bytes = b""
    fault: str = ""

    @property
    def is_object(self) -> bool:
        """Whether it can be sent as a line: what is no JSON is sent alone, so its lines count."""
        return not self.fault and isinstance(_value_of(self.content), dict)


class _Meter:
    """Counts the bytes that were read and not told of."""

    def __init__(self) -> None:
        self._bytes = 0

    def counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield pieces, and count what they have."""
        for piece in pieces:
            self._bytes += len(piece)
            yield piece

    def taken(self) -> int:
        """Return how many were counted since this was asked last."""
        taken, self._bytes = self._bytes, 0
        return taken


def registered(
    orchestrator: "Orchestrator",
    sources: Iterable["Source"],
    advance: Callable[[int, int], None],
) -> Iterator[dict[str, Any]]:
    """Register descriptions; yield what came of each, refusals too.

    Args:
        orchestrator: where.
        sources: where they are; no more is read of them than is sent next.
        advance: told how many more are done, and how many bytes more have been read for them.
    """
    meter = _Meter()
    read = (description for source in sources for description in _read(source, meter))
    for batch in _batches(read):
        yield from _results(orchestrator, batch)
        advance(len(batch), meter.taken())


def bytes_in(sources: Iterable["Source"]) -> int | None:
    """Return how many bytes sources have; None where one does not say before it is read."""
    total = 0
    for source in sources:
        path = Path(url2pathname(urlsplit(source.url).path))
        if source.is_remote or source.is_standard_input or not path.is_file():
            return None
        total += path.stat().st_size
    return total


def _read(source: "Source", meter: _Meter) -> Iterator[Sent]:
    """Yield the descriptions of a source."""
    from wasmiot_td.document_sources import SourceError

    try:
        with source.opened() as stream:
            yield from _read_stream(source, meter.counted(pieces_of(stream)))
    except SourceError as error:
        yield Sent(source.name, fault=error.reason)


def _read_stream(source: "Source", pieces: Iterator[bytes]) -> Iterator[Sent]:
    """Yield the descriptions of a text; the standard input and a URL show what they hold."""
    if urlsplit(source.url).path.endswith(LINE_SUFFIXES):
        yield from _read_lines(source.name, pieces)
        return
    begin = _beginning(pieces)
    if (source.is_standard_input or source.is_remote) and _is_lines(begin):
        yield from _read_lines(source.name, chain((begin,), pieces))
    else:
        yield _bounded(source.name, begin, "description")


def _read_lines(name: str, pieces: Iterable[bytes]) -> Iterator[Sent]:
    for number, line in numbered_lines(pieces, MAX_BYTES):
        yield _bounded(f"{name}:{number}", line, "line")


def _bounded(name: str, content: bytes, what: str) -> Sent:
    """Return what to send; nothing is sent of what was not read to its end."""
    if len(content) > MAX_BYTES:
        return Sent(name, fault=f"the {what} is longer than {MAX_BYTES} bytes")
    return Sent(name, content)


def _beginning(pieces: Iterator[bytes]) -> bytes:
    """Return a text, or of a longer one as much as shows that it is too long for a document."""
    begin = bytearray()
    while len(begin) <= MAX_BYTES and (piece := next(pieces, b"")):
        begin += piece
    return bytes(begin)


def _is_lines(begin: bytes) -> bool:
    """Whether a text has a whole description in its first line, and more below."""
    first, _, more = begin.lstrip().partition(b"\n")
    return bool(more.strip()) and isinstance(_value_of(first), dict)


def _batches(descriptions: Iterable[Sent]) -> Iterator[list[Sent]]:
    batch, n_bytes = list[Sent](), 0
    for each in descriptions:
        is_full = len(batch) >= MOST_AT_ONCE or n_bytes + len(each.content) > MOST_BYTES_AT_ONCE
        if batch and is_full:
            yield batch
            batch, n_bytes = [], 0
        batch.append(each)
        n_bytes += len(each.content)
    if batch:
        yield batch


def _results(orchestrator: "Orchestrator", batch: Sequence[Sent]) -> list[dict[str, Any]]:
    """Return what came of a batch, in its order: most of it is sent in one request.

    So is one whose id is a compact IRI: the directory knows it by another, and where to put it is
    not known here.
    """
    lines = [each.content for each in batch if each.is_object]
    is_bulk = len(lines) > 1 or any(map(_has_compact_id, lines))
    told = iter(_sent_at_once(orchestrator, lines) if is_bulk else ())
    return [
        _told(orchestrator, each.name, next(told))
        if is_bulk and each.is_object
        else _sent_alone(orchestrator, each)
        for each in batch
    ]


def _sent_at_once(orchestrator: "Orchestrator", contents: Sequence[bytes]) -> list[dict[str, Any]]:
    """Send descriptions as lines; line breaks stand only between the words of JSON."""
    lines = (content.replace(b"\r", b" ").replace(b"\n", b" ") for content in contents)
    from wasmiot_td.errors import ThingProblem

    try:
        answer = orchestrator.send("POST", "bulk/things", b"\n".join(lines), JSON_LINES)
    except ThingProblem as error:  # in the midst of them: what came before holds
        told = list(error.problem.get("results", ()))
        if not told:
            raise
        why = {name: value for name, value in error.problem.items() if name != "results"}
        return told + [{"problem": why}] * (len(contents) - len(told))
    return list(answer.json())


def _told(orchestrator: "Orchestrator", name: str, result: dict[str, Any]) -> dict[str, Any]:
    if "id" in result:
        return {"source": name, "id": result["id"]}
    from wasmiot_td.errors import ThingProblem

    problem = result["problem"]
    return _refused(name, ThingProblem("", orchestrator.url, problem["status"], problem))


def _sent_alone(orchestrator: "Orchestrator", sent: Sent) -> dict[str, Any]:
    from wasmiot_td.errors import ThingProblem

    if sent.fault:
        return {"source": sent.name, "error": {"title": sent.fault}}
    try:
        return {"source": sent.name, "id": _register(orchestrator, sent.content)}
    except ThingProblem as error:
        return _refused(sent.name, error)


def _refused(name: str, error: Any) -> dict[str, Any]:
    failed = failure_of(error)
    told = {"title": failed.message, **failed.problem}
    return {"source": name, "error": told, "details": failed.details}


def _register(orchestrator: "Orchestrator", content: bytes) -> str:
    """Register a description and return its id; the directory makes one where it has none."""
    from orchestrator_app.commands.client import thing_path

    id = _id_of(content)
    if id is not None:
        orchestrator.send("PUT", thing_path(id), content, TD)
        return id
    response = orchestrator.send("POST", "things", content, TD)
    return unquote(response.headers["location"].rpartition("/things/")[2])


def _id_of(content: bytes) -> str | None:
    """Return the id that a description states; whatever is wrong with it is the server's word."""
    document = _value_of(content)
    id = document.get("id") or document.get("@id") if isinstance(document, dict) else None
    return id if isinstance(id, str) and id else None


def _has_compact_id(content: bytes) -> bool:
    """Whether the id of a description begins with a prefix that the description declares."""
    prefix, colon, _ = (_id_of(content) or "").partition(":")
    contexts = _value_of(content).get("@context")
    listed = contexts if isinstance(contexts, list) else [contexts]
    return bool(colon) and any(isinstance(each, dict) and prefix in each for each in listed)


def _value_of(content: bytes) -> Any:
    """Return what a text holds as JSON, None where it is none."""
    try:
        return json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
