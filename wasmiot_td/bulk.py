"""Load many documents at once, on all cores.

Python runs one thread at a time, so the work is shared by processes. They are started anew
(`spawn`) and end with the process that started them; a script that uses this module therefore
needs the usual `if __name__ == "__main__":`.
"""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from itertools import chain, islice
from multiprocessing import get_context, parent_process
from typing import Any, TypeVar

from wasmiot_td.contexts import ContextRegistry
from wasmiot_td.errors import DocumentError
from wasmiot_td.thing_description import LoadedDocument, load

#: Up to this many items the start of processes takes longer than the work.
FEW = 50
_CHUNK = 25
_CHUNKS_AHEAD = 4

Item = TypeVar("Item")
Result = TypeVar("Result")
Document = bytes | str | Mapping[str, Any]


def load_many(
    sources: Iterable[Document],
    *,
    jobs: int | None = None,
    strict: bool = False,
    contexts: ContextRegistry | None = None,
) -> Generator[LoadedDocument | DocumentError, None, None]:
    """Yield what `load` makes of each source, in their order: the document, or why there is none.

    The sources are read as they are needed, so neither they nor the results are all in memory.

    Args:
        sources: as `load` takes them.
        jobs: the number of processes; all cores if None, this process alone if 1.
        strict: as `load` takes it.
        contexts: as `load` takes it; a way to fetch must be a function of a module.
    """
    return in_processes(partial(_outcome, strict=strict, contexts=contexts), sources, jobs)


def _outcome(
    source: Document, *, strict: bool, contexts: ContextRegistry | None
) -> LoadedDocument | DocumentError:
    try:
        return load(source, strict=strict, contexts=contexts)
    except DocumentError as error:
        return error.with_traceback(None)


def in_processes(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    jobs: int | None = None,
    *,
    few: int = FEW,
) -> Generator[Result, None, None]:
    """Yield the result of each item, in their order; few items are worked on in this process.

    Who stops early closes it, in the thread that asked: left to the garbage collection, it may
    end in a thread of the pool, which cannot wait for itself.

    Args:
        work: a function of a module, or a `partial` of one.
        items: what it takes; read as needed.
        jobs: the number of processes; all cores if None, this process alone if 1.
        few: up to so many items this process works alone.
    """
    waiting = iter(items)
    first = list(islice(waiting, few + 1))
    jobs = jobs or available_cores()
    if jobs == 1 or len(first) <= few:
        return (work(item) for item in chain(first, waiting))
    return _shared(work, chain(first, waiting), jobs)


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _shared(
    work: Callable[[Item], Result], items: Iterator[Item], jobs: int
) -> Generator[Result, None, None]:
    """Share the items between processes; at most a few chunks for each wait or are done."""
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _start_worker, (work,))
    pending: deque[Future[list[Any]]] = deque()
    try:
        while chunk := list(islice(items, _CHUNK)):
            pending.append(pool.submit(_work_off, chunk))
            if len(pending) >= jobs * _CHUNKS_AHEAD:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


_WORK: list[Callable[[Any], Any]] = []


def _start_worker(work: Callable[[Any], Any]) -> None:
    """Keep the work, with the contexts that it has met, for all chunks; end with the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the parent's to answer
    _WORK[:] = [work]
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work_off(chunk: list[Any]) -> list[Any]:
    return [_WORK[0](item) for item in chunk]
