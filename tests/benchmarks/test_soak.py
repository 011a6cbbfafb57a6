"""What is looked at while a crowd asks: whole lives of processes, not one after another."""

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
