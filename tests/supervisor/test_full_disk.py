"""A disk that takes no more: calls are refused with the reason, and workers live on."""

import errno
import os
import sqlite3

import pytest

from supervisor_app.errors import NotKeptError
from supervisor_app.kept_parts import KeptJoin, KeptParts
from supervisor_app.parts import Part
from supervisor_app.problems import problem_of
from supervisor_app.statuses import Status, Statuses
from wasmiot_td.call_context import CallContext


class FullDisk:
    """A database whose every write fails as on a full disk, as long as it is full."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self.most_pages = database.execute("PRAGMA max_page_count").fetchone()[0]

    def fill(self) -> None:
        """Let it grow no more."""
        pages = self._database.execute("PRAGMA page_count").fetchone()[0]
        self._database.execute(f"PRAGMA max_page_count = {pages:d}")

    def clear(self) -> None:
        """Let it grow again."""
        self._database.execute(f"PRAGMA max_page_count = {self.most_pages:d}")


@pytest.fixture
def kept(tmp_path):
    """Statuses, kept for an hour."""
    made = Statuses(tmp_path, 3600.0)
    yield made
    made.close()


def status(id_: str, state: str, length: int = 0) -> Status:
    """Return how an invocation stands, with an output."""
    return Status(id_, "slow", "work", {"status": state, "output": "x" * length})


def test_a_call_that_cannot_be_noted_is_refused_with_the_reason(kept):
    """It is 507, and nothing of it is kept."""
    disk = FullDisk(kept._database)
    disk.fill()
    with pytest.raises(NotKeptError) as refused:
        kept.save(status("i1", "pending", 100_000))
    problem = problem_of(refused.value)
    assert (problem.status, problem.title) == (507, "No space left")
    assert "full" in str(problem.detail)
    assert kept.of_installation("slow") == []


def test_an_end_that_cannot_be_noted_is_known_and_written_later(kept, tmp_path):
    """Who asks hears how the call ended, though the disk has only that it began."""
    kept.save(status("i1", "running"))
    disk, ended = FullDisk(kept._database), status("i1", "completed", 100_000)
    disk.fill()
    with pytest.raises(NotKeptError):
        kept.keep_end(ended)
    assert kept.get("slow", "work", "i1") == ended
    assert kept.of_installation("slow") == [ended]
    disk.clear()
    kept.save(status("i2", "running"))
    other = Statuses(tmp_path, 3600.0, waiting=["i2"])
    assert other.get("slow", "work", "i1") == ended
    other.close()


def test_what_is_forgotten_is_not_owed(kept):
    """It does not come back when there is room."""
    kept.save(status("i1", "running"))
    FullDisk(kept._database).fill()
    with pytest.raises(NotKeptError):
        kept.keep_end(status("i1", "completed", 100_000))
    kept.remove_installation("slow")
    assert kept.get("slow", "work", "i1") is None


def test_a_part_that_cannot_be_kept_is_refused_whole(tmp_path):
    """What it belongs to is not kept either."""
    parts = KeptParts(tmp_path)
    FullDisk(parts._database).fill()
    join = KeptJoin("i1", "slow", "work", CallContext(), 0.0)
    with pytest.raises(NotKeptError):
        parts.add(join, Part("left", "x" * 100_000, True, None, 100_000))
    assert parts.ids() == frozenset()
    parts.close()


def test_a_file_that_cannot_be_written_is_told_as_such():
    """It is no fault of the supervisor, whose log nobody has to read."""
    problem = problem_of(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert (problem.status, problem.title) == (507, "No space left")
    assert problem_of(OSError(errno.EBADF, "bad")).status == 500


def test_a_worker_outlives_an_end_that_is_not_kept(make_device, monkeypatch, caplog):
    """The call has ended, who asks hears how, and the only worker takes the next one."""
    device = make_device(workers=1)
    text = '(module (memory (export "memory") 1) (func (export "f") (result i32) i32.const 42))'
    action = {"wasmiot:entrypoint": "f", "wasmiot:module": "urn:wasmiot:module:m:1.0.0"}
    action |= {"output": {"type": "integer"}, "synchronous": False}
    assert device.put("m", text, actions={"f": action}).status_code == 201
    write = Statuses._write

    def only_beginnings(kept, status):
        if status.is_ended:
            raise NotKeptError("database or disk is full")
        write(kept, status)

    with monkeypatch.context() as patched:
        patched.setattr(Statuses, "_write", only_beginnings)
        first = device.invoke("m", "f")
    second = device.invoke("m", "f")
    assert [(each["status"], each["output"]) for each in (first, second)] == [("completed", 42)] * 2
    assert "end_not_kept" in caplog.text
    assert "Traceback" not in caplog.text
