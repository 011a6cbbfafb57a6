"""A benchmark in which something failed gives no figure of it, and ends with an error."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import bench_supervisor
import beside
import domus
import measured
import pytest

DONE = {"status": "completed"}
FAILED = {"status": "failed", "error": {"detail": "no device"}}
REFUSED = {"status": 503, "title": "Too much to do"}


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the file to which figures go."""
    path = tmp_path / "rows.jsonl"
    path.touch()
    monkeypatch.setenv("BENCH_ROWS", str(path))
    return path


@pytest.fixture
def execution(monkeypatch: pytest.MonkeyPatch, rows: Path) -> ModuleType:
    """Return the script that executes; what it sets for the servers that it starts is undone."""
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setattr(sys, "path", [*sys.path])
    import bench_execution

    return bench_execution


def chain(*statuses: dict[str, Any]) -> Any:
    """Return a chain whose executions end so, one after the other; this process is its server."""
    left = list(statuses)
    server = SimpleNamespace(name="orchestrator", process=SimpleNamespace(pid=os.getpid()))
    return SimpleNamespace(
        fleet=SimpleNamespace(servers=[server]),
        servers={"urn:ex:a": SimpleNamespace(end=lambda _signal: None)},
        placement=lambda: [{"device": "urn:ex:a"}] * 2,
        execute=lambda _=0: left.pop(),
    )


@pytest.mark.parametrize("status", [FAILED, REFUSED], ids=["failed", "refused"])
def test_a_rate_of_what_failed_is_no_figure(
    execution: ModuleType, rows: Path, status: dict[str, Any]
) -> None:
    """One of ten did not complete."""
    with pytest.raises(RuntimeError, match="1 of 10 did not complete"):
        execution.bench_throughput(chain(*[DONE] * 7, status, *[DONE] * 2), 10)
    assert rows.read_text() == ""


def test_a_rate_of_what_completed_is_one(execution: ModuleType, rows: Path) -> None:
    """And what it cost besides."""
    execution.bench_throughput(chain(*[DONE] * 10), 10)
    assert '"what": "executions"' in rows.read_text()


def test_what_a_failed_execution_took_is_no_figure(execution: ModuleType) -> None:
    """It may have taken very little."""
    with pytest.raises(RuntimeError, match="no device"):
        execution.completed(FAILED)


def test_executions_without_an_outcome_are_an_error(execution: ModuleType) -> None:
    """One may fail for a reason where a supervisor is killed, and not be refused."""
    execution.bench_kill(chain(*[DONE] * 5, FAILED), 6)
    with pytest.raises(RuntimeError, match="1 executions had no outcome"):
        execution.bench_kill(chain(*[DONE] * 5, REFUSED), 6)


def peer(error: Exception) -> Callable[..., Any]:
    """Return what is measured against, which fails."""

    @contextmanager
    def failing(*_: object) -> Iterator[None]:
        raise error
        yield

    return failing


def test_a_peer_that_cannot_run_here_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told why."""
    monkeypatch.setattr(domus, "domus", peer(domus.CannotRun("no node")))
    beside.measure_beside(tmp_path, 1)
    assert "domus-tdd-api cannot be measured here: no node" in capsys.readouterr().out


@pytest.mark.parametrize("error", [RuntimeError("PUT: 500"), OSError("connection reset")])
def test_a_request_that_fails_beside_a_peer_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    """It may be one of ours."""
    monkeypatch.setattr(domus, "domus", peer(error))
    with pytest.raises(type(error)):
        beside.measure_beside(tmp_path, 1)


def test_slow_calls_that_fail_at_once_are_an_error(
    monkeypatch: pytest.MonkeyPatch, rows: Path
) -> None:
    """They are quick, and made in threads."""
    answers = iter([str(bench_supervisor.SPINS // 2).encode()] * 2)
    monkeypatch.setattr(bench_supervisor, "ask", lambda *_: next(answers, b"trap"))
    with pytest.raises(RuntimeError, match="a slow call gave b'trap'"):
        bench_supervisor.measure_cores(bench_supervisor.Started(None, 0))  # type: ignore[arg-type]
    assert rows.read_text() == ""


def test_a_server_that_has_ended_holds_no_memory_to_tell() -> None:
    """Nought would be a good figure."""
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        process.wait()
    for measure in (measured.resident_bytes, measured.cpu_seconds):
        with pytest.raises(RuntimeError, match="has ended"):
            measure(process)
