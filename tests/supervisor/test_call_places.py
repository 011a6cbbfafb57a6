"""Threads of the server that wait for functions."""

import threading
import time

import pytest

from supervisor_app import call_places
from supervisor_app.call_places import WAIT_SECONDS, CallPlaces
from wasmiot_td.problem import ProblemError


def test_a_short_call_waits_for_a_place():
    """Who comes when all places are taken gets the one that becomes free a moment later."""
    places, is_taken = CallPlaces(1), threading.Event()

    def call():
        places.take()
        is_taken.set()
        time.sleep(0.05)
        places.leave()

    thread = threading.Thread(target=call)
    thread.start()
    is_taken.wait()
    places.take()
    assert places.taken == 1
    places.leave()
    thread.join()
    assert places.taken == 0


def test_slow_calls_keep_others_away_at_once(monkeypatch):
    """Where the places are held for long, the next one is told to come again, and does not wait."""
    places, now, is_over = CallPlaces(2), [100.0], threading.Event()
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def call():
        places.take()
        is_over.wait()

    threads = [threading.Thread(target=call) for _ in range(2)]
    for thread in threads:
        thread.start()
    while places.taken < 2:
        is_over.wait(0.01)
    now[0] += 2 * WAIT_SECONDS
    monkeypatch.setattr(call_places, "_LOOK_SECONDS", "no time")  # to wait would be a TypeError
    with pytest.raises(ProblemError, match="503"):
        places.take()
    is_over.set()
    for thread in threads:
        thread.join()
