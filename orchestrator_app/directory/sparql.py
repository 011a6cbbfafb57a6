"""Strangers' queries: checked, then answered by a process that may be killed.

A query is never parsed in the process that holds the store. Workers open a checkpoint of it,
which is made anew only when the store has changed.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from orchestrator_app.directory.checkpoints import Checkpoints
from orchestrator_app.directory.query_text import check_query, dataset_of, may_name_graphs
from orchestrator_app.store import Store
from wasmiot_td.problem import ProblemError

_WORKER = Path(__file__).with_name("query_worker.py")


@dataclass(frozen=True)
class GraphQuery:
    """A query and how its answer is wanted.

    Attributes:
        result_type: the media type for SELECT and ASK; None if the client accepts none.
        graph_type: the media type for CONSTRUCT and DESCRIBE; None if the client accepts none.
    """

    text: str
    result_type: str | None = "application/sparql-results+json"
    graph_type: str | None = "text/turtle"
    default_graphs: Sequence[str] = ()
    named_graphs: Sequence[str] = ()


@dataclass(frozen=True)
class Answer:
    """A serialised result."""

    media_type: str
    body: bytes


class QueryService:
    """Answers queries over the store, a few at a time, each within its limits."""

    def __init__(
        self,
        store: Store,
        *,
        timeout_seconds: float,
        max_result_bytes: int,
        workers: int,
        directory: Path | None = None,
    ) -> None:
        """Keep checkpoints in a directory, best on the store's own file system."""
        self._timeout_seconds = timeout_seconds
        self._max_result_bytes = max_result_bytes
        if directory is None:
            directory = Path(tempfile.mkdtemp(prefix="wasmiot-checkpoints-"))
            weakref.finalize(self, shutil.rmtree, directory, ignore_errors=True)
        self._merged_only = Checkpoints(store, directory / "merge", with_bookkeeping=True)
        self._checkpoints = Checkpoints(store, directory / "graphs")
        self._free = threading.Semaphore(workers)
        self._lock = threading.Lock()
        self._idle: list[_WorkerProcess] = []

    def answer(self, query: GraphQuery) -> Answer:
        """Answer a query.

        Raises:
            ProblemError: 400, it is no query; 403, it is refused; 406, no format is accepted;
                422, its result is too large; 503, it took too long or too many others run.
        """
        check_query(query.text)
        query = _with_dataset(query)
        with self._worker() as worker, self._checkpoints_for(query).current() as checkpoint:
            request = {
                "checkpoint": str(checkpoint),
                "query": query.text,
                "result_type": query.result_type,
                "graph_type": query.graph_type,
                "default_graphs": list(query.default_graphs),
                "named_graphs": list(query.named_graphs),
                "max_bytes": self._max_result_bytes,
            }
            header, body = worker.ask(request, self._timeout_seconds)
        if "error" in header:
            raise self._problem(header)
        return Answer(header["media_type"], body)

    def close(self) -> None:
        """End the processes and remove the checkpoints."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.end()
        self._merged_only.close()
        self._checkpoints.close()

    def _checkpoints_for(self, query: GraphQuery) -> Checkpoints:
        """Return the cheap copies where a query asks the merge alone, and sees no bookkeeping."""
        names_graphs = query.default_graphs or query.named_graphs or may_name_graphs(query.text)
        return self._checkpoints if names_graphs else self._merged_only

    @contextmanager
    def _worker(self) -> Iterator["_WorkerProcess"]:
        """Lend a process; one that was killed or died is not taken back."""
        if not self._free.acquire(timeout=self._timeout_seconds):
            raise ProblemError(503, "Too many queries", "Other queries run; try again later.")
        try:
            with self._lock:
                worker = self._idle.pop() if self._idle else None
            worker = worker or _WorkerProcess()
            try:
                yield worker
            finally:
                if worker.is_alive:
                    with self._lock:
                        self._idle.append(worker)
                else:
                    worker.end()
        finally:
            self._free.release()

    def _problem(self, header: dict[str, Any]) -> ProblemError:
        detail = str(header.get("detail", ""))[:1000]
        limit = f"It may have {self._max_result_bytes} bytes: ask for less, with LIMIT."
        problems = {
            "syntax": (400, "Not a SPARQL query", detail),
            "too-large": (422, "Result too large", limit),
            "not-acceptable": (406, "Not Acceptable", f"Such a result comes as {detail}."),
            "evaluation": (400, "Query cannot be answered", detail),
            "died": (400, "Query cannot be answered", "It is too deep, or needs too much memory."),
            "timeout": (
                503,
                "Query took too long",
                f"It was ended after {self._timeout_seconds:g} s; ask for less.",
            ),
        }
        return ProblemError(*problems[header["error"]])


def _with_dataset(query: GraphQuery) -> GraphQuery:
    """Let the protocol name what several FROM in the text name, so that they are merged."""
    default, named = dataset_of(query.text)
    if query.default_graphs or query.named_graphs or len(default) < 2:
        return query
    return replace(query, default_graphs=default, named_graphs=named)


class _WorkerProcess:
    """One `query_worker` process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    @property
    def is_alive(self) -> bool:
        """Whether it can take another query."""
        return self._process.poll() is None

    def ask(self, request: dict[str, Any], timeout_seconds: float) -> tuple[dict[str, Any], bytes]:
        """Send a request and return header and body; on time-out the process is killed."""
        was_late = threading.Event()
        timer = threading.Timer(timeout_seconds, self._kill, (was_late,))
        timer.start()
        try:
            return self._exchange(request)
        except (OSError, ValueError):
            self.end()
            return {"error": "timeout" if was_late.is_set() else "died"}, b""
        finally:
            timer.cancel()
            timer.join()

    def end(self) -> None:
        """Kill the process and wait for its end."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._stdin, self._stdout):
            with suppress(OSError):
                pipe.close()

    def _exchange(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        self._stdin.write(json.dumps(request).encode() + b"\n")
        self._stdin.flush()
        header: dict[str, Any] = json.loads(self._stdout.readline())
        body = self._stdout.read(header["length"])
        if len(body) != header["length"]:
            raise OSError("the process ended within its answer")
        return header, body

    def _kill(self, was_late: threading.Event) -> None:
        was_late.set()
        self._process.kill()

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _stdout(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout
