"""What is looked at while a crowd asks: whole lives of processes, not one after another."""

import asyncio
import subprocess
import sys

import bench_soak
import psutil
import pytest


@pytest.fixture
def child():
    """A process that this one has started."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def watched(of_children: bool) -> bench_soak.Watched:
    """Look at this process once, or at what it has started."""
    made = bench_soak.Watched("it", psutil.Process(), (), of_children)
    made.look(1.0, {})
    return made


@pytest.mark.usefixtures("child")
def test_a_helper_that_has_just_begun_is_warming_up():
    """Else the successor of one that was ended would be taken for its growth."""
    looked = watched(of_children=True)
    assert (looked.samples, looked.brief_bytes > 0) == ([], True)


@pytest.mark.usefixtures("child")
def test_a_helper_that_lives_on_counts(monkeypatch):
    """It would show if it grew."""
    monkeypatch.setattr(bench_soak, "WARM_SECONDS", 0.0)
    looked = watched(of_children=True)
    assert (len(looked.samples), looked.brief_bytes) == (1, 0)


def test_a_server_counts_from_its_beginning(monkeypatch):
    """Its warming up is left out by the judge."""
    monkeypatch.setattr(bench_soak, "WARM_SECONDS", 1e9)
    looked = watched(of_children=False)
    assert (len(looked.samples), looked.brief_bytes) == (1, 0)


def test_a_server_that_has_ended_is_a_fault():
    """Else the samples until then would be judged, and nothing be wrong with them."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        both = [bench_soak.Watched("it", psutil.Process(process.pid), (), c) for c in (False, True)]
        both[0].look(1.0, {})
        assert both[0].faults == []
        process.kill()
        process.wait()
    for looked in both:
        looked.look(2.0, {})
    assert [each.faults for each in both] == [["the server is gone: it"]] * 2


def test_requests_that_all_came_in_vain_are_a_fault():
    """Nobody was told an error, and nobody was answered; who listens is no such request."""
    tally = bench_soak.Tally()
    tally.busy.update({"execute": 3, "page": 2, "listen": 1})
    tally.note_answer("page", 0.1)
    assert bench_soak._unanswered(tally) == ["execute: none of 3 was answered"]


def test_a_look_that_fails_ends_the_soak(monkeypatch):
    """It is made in a thread, and what it has not seen would be judged."""

    async def rest(_client):
        await asyncio.sleep(0.05)

    class Blind:
        def look(self, _seconds, _answered):
            raise OSError("no more files")

    monkeypatch.setattr(bench_soak, "LOOK_SECONDS", 0.01)
    with pytest.raises(OSError, match="no more files"):
        bench_soak._run([rest], 0.2, [Blind()])
