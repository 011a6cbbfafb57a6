"""A process that answers queries may be ended by somebody else: that is no fault of the query."""

from collections.abc import Iterator

import pytest

from orchestrator_app.directory import sparql
from orchestrator_app.directory.sparql import GraphQuery, QueryService
from orchestrator_app.directory.worker_process import TimeLimits, WorkerProcess
from orchestrator_app.store import OxigraphStore
from wasmiot_td.problem import ProblemError

PATIENT = TimeLimits(30, 60, lambda: True)
ASK = GraphQuery("ASK {}")
TOO_DEEP = GraphQuery("ASK { " + "{ " * 20_000 + "} " * 20_000 + "}")


@pytest.fixture
def queries() -> Iterator[QueryService]:
    """Queries over an empty store, one of which was answered."""
    store = OxigraphStore()
    made = QueryService(store, timeout_seconds=30, max_result_bytes=1000, workers=2)
    made.answer(ASK)
    yield made
    made.close()
    store.close()


def kill_idle(queries: QueryService) -> None:
    """Do what a system does that lacks memory."""
    (worker,) = queries._idle
    worker._process.kill()
    worker._process.wait()


def test_a_query_whose_process_was_killed_is_asked_of_another(queries):
    """Nobody is told."""
    kill_idle(queries)
    assert b"true" in queries.answer(ASK).body


def test_a_query_that_is_lost_is_to_be_asked_again(queries, monkeypatch):
    """Where there is no other process, the answer is 503: the query may be right."""
    monkeypatch.setattr(sparql, "_TRIES", 1)
    kill_idle(queries)
    with pytest.raises(ProblemError) as caught:
        queries.answer(ASK)
    assert caught.value.problem.status == 503
    assert b"true" in queries.answer(ASK).body


def test_a_query_that_ends_its_process_is_refused(queries):
    """However often it is asked."""
    with pytest.raises(ProblemError) as caught:
        queries.answer(TOO_DEEP)
    assert caught.value.problem.status == 400


def test_a_copy_that_cannot_be_opened_is_no_fault_of_the_query(tmp_path):
    """The process goes on, and says that the query is lost."""
    worker = WorkerProcess()
    request = {"query": ASK.text, "checkpoint": str(tmp_path / "gone"), "max_bytes": 1000}
    try:
        header, _ = worker.ask(request, PATIENT)
        assert (header["error"], worker.is_alive) == ("lost", True)
    finally:
        worker.end()
