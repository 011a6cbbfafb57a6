"""Many descriptions in one go: loaded on all cores, stored in few transactions.

To load a description takes most of the time. So beyond the first few it is shared by processes,
which know nothing of the directory, and end when the last one is loaded.
"""

import json
import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from orchestrator_app.directory.description import Description, read_description, refused
from orchestrator_app.directory.registration import HTTP
from orchestrator_app.directory.things import Directory, Kept
from orchestrator_app.store import StoreUnavailableError
from wasmiot_td.bulk import in_processes
from wasmiot_td.errors import DocumentError, JsonSyntaxError
from wasmiot_td.problem import ProblemError
from wasmiot_td.reach import Reach

MOST_THINGS = 10_000
"""What is taken at once: what came of each is told at the end."""

FEW = 1000
"""So many are loaded before processes, which take a second to start, would be done with them.

If most of these are of a kind that was met before, the others are loaded here too: to send them to
a process would take as long."""

AT_ONCE = 100
"""What is stored in one transaction."""

BYTES_AT_ONCE = 4 * 1024 * 1024
"""No more is put to a transaction that has so much: what is loaded takes many times its text."""

_NOT_ALL = "Not all registered"

_log = logging.getLogger(__name__)

_Read = tuple[Description | Exception, int]
_Batch = dict[str, Description | Exception]

Check = Callable[[str], None]
"""Raises if somebody may not change the Thing of an id."""


def register_many(
    directory: Directory,
    sources: Iterable[bytes],
    *,
    most_bytes: int,
    check: Check,
    jobs: int | None = None,
) -> Iterator[Kept]:
    """Yield what comes of each description: one that has an id is put, another one gets one.

    Each is kept whole or not at all, and is acknowledged once what is yielded was asked for.

    Args:
        directory: where they are kept.
        sources: JSON texts, read as they are needed.
        most_bytes: how long each may be.
        check: asked before a Thing is changed.
        jobs: how many processes load them; as many as there are cores if None.

    Raises:
        ProblemError: 503, the processes were killed, or the store cannot be written; what was
            yielded holds, and no more is kept.
    """
    read = partial(_sized, reach=directory.reach, most_bytes=most_bytes)
    under_way: _UnderWay | None = None
    try:
        with ThreadPoolExecutor(1) as pool, closing(_loaded(read, sources, jobs)) as results:
            for batch in _batches(results):
                begun = _begun(pool, directory, batch, check, under_way)
                yield from under_way.told() if under_way else ()
                under_way = begun
            yield from under_way.told() if under_way else ()
    except BrokenExecutor as error:
        raise ProblemError(503, _NOT_ALL, "What loads the descriptions was ended.") from error


def _loaded(
    read: Callable[[bytes], "_Read"], sources: Iterable[bytes], jobs: int | None
) -> Generator["_Read", None, None]:
    """Yield what is made of each text; with processes, if they are many and each is a new kind."""
    waiting, n_known = iter(sources), 0
    for source in islice(waiting, FEW):
        outcome, size = read(source)
        n_known += isinstance(outcome, Description) and outcome.loaded.form is not None
        yield outcome, size
    if n_known > FEW / 2:
        yield from map(read, waiting)
    else:
        with closing(in_processes(read, waiting, jobs)) as results:
            yield from results


def _batches(results: Iterable["_Read"]) -> Iterator["_Batch"]:
    """Yield what one transaction takes each, no two of one id."""
    batch, n_bytes = dict[str, Description | Exception](), 0
    for number, (outcome, size) in enumerate(results):
        name = outcome.id if isinstance(outcome, Description) else f"refused {number}"
        if name in batch or len(batch) >= AT_ONCE or n_bytes >= BYTES_AT_ONCE:
            yield batch
            batch, n_bytes = {}, 0
        batch[name] = outcome
        n_bytes += size
    yield batch


def _sized(source: bytes, *, reach: Reach, most_bytes: int) -> tuple[Description | Exception, int]:
    """Return what is made of a text, and its size."""
    return _read(source, reach, most_bytes), len(source)


def _read(source: bytes, reach: Reach, most_bytes: int) -> Description | Exception:
    """Return a description, or why it cannot be kept, in whichever process."""
    try:
        if len(source) > most_bytes:
            raise refused("", f"a description has at most {most_bytes} bytes")
        return read_description(source, reach)
    except DocumentError as error:
        return error.with_traceback(None)
    except Exception as error:  # noqa: BLE001 - the others have no part in it
        _log.error("description_not_read", exc_info=error)
        detail = "The orchestrator met an error of its own; its log has the rest."
        return ProblemError(500, "Internal Server Error", detail)


@dataclass(frozen=True)
class _UnderWay:
    """A batch that is being stored.

    Attributes:
        checked: its descriptions, and what was refused.
        kept: what comes of the descriptions.
    """

    checked: Sequence[Description | Exception]
    kept: "Future[list[Kept]]"

    def told(self) -> Iterator[Kept]:
        """Yield in its order what came of each; who would come next shall not wait in vain."""
        kept, has_failed = self.outcomes()
        told = iter(kept)
        for each in self.checked:
            yield next(told) if isinstance(each, Description) else each
        if has_failed:
            raise ProblemError(503, _NOT_ALL, "The graph store is not available.")

    def outcomes(self) -> tuple[list[Kept], bool]:
        """Return what came of the descriptions, and whether the store was away."""
        try:
            kept = self.kept.result()
        except StoreUnavailableError as error:
            return [error for each in self.checked if isinstance(each, Description)], True
        return kept, any(isinstance(each, StoreUnavailableError) for each in kept)


def _begun(
    pool: ThreadPoolExecutor,
    directory: Directory,
    batch: "_Batch",
    check: Check,
    after: _UnderWay | None,
) -> _UnderWay:
    """Have a batch stored after another one, while the next one is loaded."""
    checked = [_allowed(each, check) for each in batch.values()]
    allowed = [each for each in checked if isinstance(each, Description)]

    def keep() -> list[Kept]:
        if after and after.outcomes()[1]:
            raise StoreUnavailableError("the store was away")
        return directory.keep(allowed, HTTP)

    return _UnderWay(checked, pool.submit(copy_context().run, keep))


def _allowed(outcome: Description | Exception, check: Check) -> Description | Exception:
    try:
        if isinstance(outcome, Description):
            check(outcome.id)
    except ProblemError as error:
        return error.with_traceback(None)
    return outcome


def items_of(array: bytes) -> list[bytes]:
    """Return the texts of an array's items, each as it was written.

    Raises:
        JsonSyntaxError: it is no JSON, or no array.
    """
    text, decoder = _decoded(array), json.JSONDecoder(parse_int=str, parse_float=str)
    place, items = _after_blanks(text, 0), list[bytes]()
    if text[place : place + 1] != "[":
        raise JsonSyntaxError("an array of descriptions is expected", 1, 1)
    mark, place = ",", _after_blanks(text, place + 1)
    if text[place : place + 1] == "]":
        mark, place = "]", _after_blanks(text, place + 1)
    while mark == ",":
        begin, place = place, _end_of(text, place, decoder)
        items.append(text[begin:place].encode())
        place = _after_blanks(text, place)
        mark, place = text[place : place + 1], _after_blanks(text, place + 1)
    if mark != "]" or place < len(text):
        raise _broken(text, place, "a comma or the end of the array is expected")
    return items


def _decoded(array: bytes) -> str:
    try:
        return array.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise JsonSyntaxError("these bytes are not UTF-8", 1, error.start + 1) from error


def _after_blanks(text: str, place: int) -> int:
    while text[place : place + 1] in (" ", "\t", "\r", "\n"):
        place += 1
    return place


def _end_of(text: str, place: int, decoder: Any) -> int:
    try:
        return int(decoder.raw_decode(text, place)[1])
    except json.JSONDecodeError as error:
        raise JsonSyntaxError(error.msg, error.lineno, error.colno) from error
    except RecursionError as error:
        raise _broken(text, place, "this item is nested too deep") from error


def _broken(text: str, place: int, message: str) -> JsonSyntaxError:
    line, column = text.count("\n", 0, place) + 1, place - text.rfind("\n", 0, place)
    return JsonSyntaxError(message, line, column)
