"""Strangers' queries: checked, then answered by a process that may be killed.

A query is never parsed in the process that holds the store. Workers open a checkpoint of it,
which is made anew only when the store has changed.
"""

import json
import logging
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator_app.directory.checkpoints import Checkpoints
from orchestrator_app.directory.query_lanes import SLICE_SECONDS, Lanes
from orchestrator_app.directory.query_text import check_query, dataset_of
from orchestrator_app.directory.things import enriched
from orchestrator_app.directory.worker_process import TimeLimits, WorkerProcess
from orchestrator_app.store import Store, StoreError
from wasmiot_td.problem import ProblemError
from wasmiot_td.turns import resting

ENTRIES_PER_WORKER = 3
"""How many may ask or wait for a place, for each process; each holds a thread of the server."""

ENTRY_SECONDS = 0.5
_TRIES = 2  # a process may die of something else than its query
_THINGS = "things.json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GraphQuery:
    """A query and how its answer is wanted.

    Attributes:
        result_type: the media type for SELECT and ASK; None if the client accepts none.
        graph_type: the media type for CONSTRUCT and DESCRIBE; None if the client accepts none.
        base: where it was sent, which its relative IRIs begin with; None where there is none.
    """

    text: str
    result_type: str | None = "application/sparql-results+json"
    graph_type: str | None = "text/turtle"
    default_graphs: Sequence[str] = ()
    named_graphs: Sequence[str] = ()
    base: str | None = None


@dataclass(frozen=True)
class Answer:
    """A serialised result."""

    media_type: str
    body: bytes


class QueryService:
    """Answers queries over the store, a few at a time, each within its limits (`query_lanes`)."""

    def __init__(
        self,
        store: Store,
        *,
        timeout_seconds: float,
        max_result_bytes: int,
        workers: int,
        directory: Path | None = None,
        graph_version: Callable[[], int] | None = None,
    ) -> None:
        """Keep checkpoints.

        Args:
            store: what is asked.
            timeout_seconds: how long a query may take.
            max_result_bytes: how long its answer may be.
            workers: how many queries run at once.
            directory: for the checkpoints, best on the store's own file system.
            graph_version: asked before each query in place of the store's.
        """
        self._timeout_seconds = timeout_seconds
        self._max_result_bytes = max_result_bytes
        if directory is None:
            directory = Path(tempfile.mkdtemp(prefix="wasmiot-checkpoints-"))
            weakref.finalize(self, shutil.rmtree, directory, ignore_errors=True)
        self._checkpoints = Checkpoints(
            graph_version or store.graph_version, store.checkpoint, directory / "graphs"
        )
        of_things = partial(_write_things, store)
        self._things = Checkpoints(store.version, of_things, directory / "things")
        self._lanes = Lanes(workers)
        self._entries = threading.BoundedSemaphore(ENTRIES_PER_WORKER * max(1, workers))
        self._slice_seconds = min(SLICE_SECONDS, timeout_seconds / 3)
        self._lock = threading.Lock()
        self._idle: list[WorkerProcess] = []
        self.busy_count = 0
        self.lost_count = 0

    def answer(self, query: GraphQuery, client: str = "") -> Answer:
        """Answer a query.

        Args:
            query: it, and how its answer is wanted.
            client: who asks; empty for this program.

        Raises:
            ProblemError: 400, it is no query; 403, it is refused; 406, no format is accepted;
                422, its result is too large; 429, the client has too many at once; 503, it took
                too long or too many others run.
        """
        check_query(query.text)
        query = _with_dataset(query)
        request = {
            "query": query.text,
            "base": query.base,
            "result_type": query.result_type,
            "graph_type": query.graph_type,
            "default_graphs": list(query.default_graphs),
            "named_graphs": list(query.named_graphs),
        }
        with self._entered(client), self._checkpoints.current() as checkpoint:
            return self._ask({"checkpoint": str(checkpoint), **request}, client)

    def find(self, path: str, client: str = "") -> Answer:
        """Answer a JSONPath query over the array of all descriptions of Things.

        Raises:
            ProblemError: as for `answer`.
        """
        with self._entered(client), self._things.current() as folder:
            return self._ask({"jsonpath": path, "documents": str(folder / _THINGS)}, client)

    def prepare(self) -> None:
        """Make the first copy of the store, so that who asks first need not wait for it.

        Of a graph server that is all that it holds: of 10,000 Things, some twenty seconds.
        """
        try:
            with self._checkpoints.current():
                pass
        except (StoreError, OSError) as error:  # it is made when somebody asks, who is told then
            _log.info("copy_not_prepared error=%s", error)

    @property
    def present_count(self) -> int:
        """How many queries run or wait."""
        return self._lanes.present_count

    @property
    def idle_count(self) -> int:
        """How many processes wait for a query."""
        return len(self._idle)

    def close(self) -> None:
        """End the processes and remove the checkpoints."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.end()
        self._checkpoints.close()
        self._things.close()

    @contextmanager
    def _entered(self, client: str) -> Iterator[None]:
        """Let a client in, who rests until there is an answer."""
        with self._lanes.presence(client), resting():
            if not self._entries.acquire(timeout=ENTRY_SECONDS):
                raise self._problem({"error": "busy"})
            try:
                yield
            finally:
                self._entries.release()

    def _ask(self, request: dict[str, Any], client: str) -> Answer:
        """Have a process answer, in the lane that the query turns out to need."""
        with self._lanes.turn(client) as turn:
            if turn is None:
                raise self._problem({"error": "busy"})
            limits = TimeLimits(self._slice_seconds, self._timeout_seconds, turn.change_lanes)
            for _ in range(_TRIES):
                with self._worker() as worker:
                    request = {**request, "max_bytes": self._max_result_bytes}
                    header, body = worker.ask(request, limits)
                if header.get("error") not in ("died", "lost"):
                    break
        if "error" in header:
            raise self._problem(header)
        return Answer(header["media_type"], body)

    @contextmanager
    def _worker(self) -> Iterator[WorkerProcess]:
        """Lend a process; one that was killed, died or was slowed down is not taken back."""
        with self._lock:
            worker = self._idle.pop() if self._idle else None
            self.busy_count += 1
        try:
            worker = worker or WorkerProcess()
            yield worker
        finally:
            self._take_back(worker)

    def _take_back(self, worker: WorkerProcess | None) -> None:
        is_lost = worker is None or not worker.is_alive or worker.is_slowed
        with self._lock:
            self.busy_count -= 1
            self.lost_count += is_lost
            if worker is not None and not is_lost:
                self._idle.append(worker)
        if worker is not None and is_lost:
            worker.end()

    def _problem(self, header: dict[str, Any]) -> ProblemError:
        detail = str(header.get("detail", ""))[:1000]
        limit = f"It may have {self._max_result_bytes} bytes: ask for less (in SPARQL, with LIMIT)."
        problems = {
            "syntax": (400, "Not a SPARQL query", detail),
            "jsonpath": (400, "Not a JSONPath query", detail),
            "too-large": (422, "Result too large", limit),
            "not-acceptable": (406, "Not Acceptable", f"Such a result comes as {detail}."),
            "evaluation": (400, "Query cannot be answered", detail),
            "busy": (503, "Too many queries", "Other queries run; try again later."),
            "crowded": (
                503,
                "Query took too long",
                f"It was ended after {self._slice_seconds:g} s, as many long ones run; "
                "ask for less, or try again later.",
            ),
            "lost": (503, "Query was lost", "What worked on it was ended; try again later."),
            "died": (400, "Query cannot be answered", "It is too deep, or needs too much memory."),
            "timeout": (
                503,
                "Query took too long",
                f"It was ended after {self._timeout_seconds:g} s; ask for less.",
            ),
        }
        return ProblemError(*problems[header["error"]])


def _write_things(store: Store, folder: Path) -> None:
    """Write the descriptions of all Things as the directory serves them."""
    folder.mkdir()
    things = [enriched(thing) for thing in store.list("thing")]
    (folder / _THINGS).write_text(json.dumps(things, ensure_ascii=False))


def _with_dataset(query: GraphQuery) -> GraphQuery:
    """Let the protocol name what several FROM in the text name, so that they are merged."""
    default, named = dataset_of(query.text, query.base or "")
    if query.default_graphs or query.named_graphs or len(default) < 2:
        return query
    return replace(query, default_graphs=default, named_graphs=named)
