"""What a server has freed goes back to the system, which no other program could use else."""

import ctypes
import subprocess
import sys
import threading
from collections.abc import Iterable

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


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="glibc 2.33 says it")
def test_what_is_free_and_what_is_used_is_known():
    """By the C library, in a process of its own."""
    script = """
from wasmiot_td import heap
heap.have_few_heaps()
kept = [(bytearray(20_000), bytearray(1000)) for _ in range(4000)]
free, used = heap.free_bytes(), heap.used_bytes()
kept = [small for _, small in kept]
print(heap.free_bytes() - free >> 20, used - heap.used_bytes() >> 20)
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert all(70 <= int(number) < 90 for number in ran.stdout.split())


def moments_of_giving_back(free: Iterable[int]) -> list[int]:
    """Return the looks after which it is given back, of what is free at each, in MB."""
    given, lately = [], heap.Lately()
    for number, megabytes in enumerate(free):
        if lately.is_left_over(megabytes * 1024 * 1024):
            given.append(number)
    return given


def test_what_stays_free_is_given_back_each_minute():
    """What a moment left that was busier than all that came since."""
    assert moments_of_giving_back([2, *[90] * 36]) == [12, 24, 36]


@pytest.mark.parametrize("period", [5, 8, 12, 17])
def test_what_comes_and_goes_is_left(period):
    """An engine that is opened anew, by its measured curve, however long that takes."""
    curve = [50, 44, 35, 24, 14, 10, 8, 6, 5, 4, 3, 3, 2, 2, 2, 2, 2]
    saw = [curve[look * len(curve) // period] for look in range(period)]
    free = [saw[look % period] for look in range(400)]
    given = moments_of_giving_back(free)
    assert 400 // 25 <= len(given) <= 400 // 12
    assert max(free[look] for look in given) <= min(saw) + 2


def test_it_is_given_back_again_and_again_until_the_end(monkeypatch):
    """In a thread that ends with the server."""
    given, end = threading.Semaphore(0), threading.Event()
    monkeypatch.setattr(heap, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(heap, "give_back", given.release)
    before = set(threading.enumerate())
    heap.keep_giving_back(end)
    (thread,) = set(threading.enumerate()) - before
    for _ in range(3):
        assert given.acquire(timeout=10)
    end.set()
    thread.join(10)
    assert not thread.is_alive()
