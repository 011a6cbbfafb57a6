"""Executions are kept up to a number, of each deployment and of all."""

import pytest

from orchestrator_app.deployment import execution_log
from orchestrator_app.deployment.execution_log import ExecutionLog
from orchestrator_app.store import OxigraphStore


@pytest.fixture
def store():
    """An empty store."""
    made = OxigraphStore()
    yield made
    made.close()


@pytest.fixture
def log(store, monkeypatch):
    """A log of three executions a deployment, and four of all."""
    monkeypatch.setattr(execution_log, "MOST_EXECUTIONS", 3)
    monkeypatch.setattr(execution_log, "MOST_OF_ALL", 4)
    return ExecutionLog(store)


def write(log: ExecutionLog, slug: str, number: int) -> None:
    """Keep an execution that has ended."""
    log.write(slug, f"{number:016x}-00", {"status": "completed", "n": number})


def kept(log: ExecutionLog, slug: str) -> list[int]:
    """Return the numbers of the executions of a deployment."""
    statuses = [log.read(slug, invocation) for invocation in log.invocations(slug)]
    return [status["n"] for status in statuses if status is not None]


def test_those_of_deployments_long_gone_make_room(log, store):
    """However many deployments come and go, the oldest executions go first."""
    for number in range(10):
        write(log, f"d{number // 2}", number)
    log.sweep(is_busy=False)
    assert [kept(log, f"d{number}") for number in range(5)] == [[], [], [], [7, 6], [9, 8]]
    assert store.count("execution") == 4


def test_the_limits_hold_after_a_restart(log, store):
    """What is oldest is known from the time in its name."""
    for number, slug in enumerate(["z", "a", "z", "a"]):
        write(log, slug, number)
    again = ExecutionLog(store)
    write(again, "b", 4)
    assert [kept(again, slug) for slug in "zab"] == [[2], [3, 1], [4]]


def test_one_that_ends_after_it_was_dropped_is_kept(log, store):
    """Its result is the latest news."""
    log.note("a", f"{0:016x}-00")
    for number in (1, 2, 3):
        write(log, "a", number)
    write(log, "a", 0)
    log.sweep(is_busy=False)
    assert kept(log, "a") == [0, 3, 2]
    assert store.count("execution") == 3


def test_each_is_read_once_at_the_start(log, store, monkeypatch):
    """A few at a time, of which those are remembered that had not ended."""
    monkeypatch.setattr(execution_log, "_READ_AT_ONCE", 2)
    log.write("a", f"{0:016x}-00", {"status": "running", "n": 0})
    for number in (1, 2):
        write(log, "a", number)
    read, get = [], store.list
    monkeypatch.setattr(store, "list", lambda *a, **k: read.append(k["limit"]) or get(*a, **k))
    monkeypatch.setattr(store, "get", lambda _id: pytest.fail("it was read already"))
    again = ExecutionLog(store)
    assert [status["n"] for _, _, status in again.unfinished()] == [0]
    assert read == [2, 2, 2]
    assert len(again.invocations("a")) == 3
