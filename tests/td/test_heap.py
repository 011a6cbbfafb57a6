"""What a server has freed goes back to the system, which no other program could use else."""

import subprocess
import sys
import threading

import pytest

from wasmiot_td import heap

SCRIPT = """
import gc
from pathlib import Path
from wasmiot_td import heap

def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 >> 20

heap.have_few_heaps()
kept = [(bytearray(20_000), bytearray(1000)) for _ in range(4000)]
kept = [small for _, small in kept]  # between what is free now
gc.collect()
before = held()
heap.give_back()
print(before - held())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the heaps are those of glibc")
def test_what_is_free_between_what_is_used_is_given_back():
    """Most of 80 MB, in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(ran.stdout) > 40


def test_it_is_given_back_again_and_again_until_the_end(monkeypatch):
    """In a thread that ends with the server."""
    given, end = threading.Semaphore(0), threading.Event()
    monkeypatch.setattr(heap, "GIVE_BACK_SECONDS", 0.001)
    monkeypatch.setattr(heap, "give_back", given.release)
    before = set(threading.enumerate())
    heap.keep_giving_back(end)
    (thread,) = set(threading.enumerate()) - before
    for _ in range(3):
        assert given.acquire(timeout=10)
    end.set()
    thread.join(10)
    assert not thread.is_alive()
