"""What was seen of a device: what of it is told, and when that is worth a write."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_app.monitoring.observation import (
    Observation,
    Writes,
    is_worth_writing,
    observation_of,
)

KEPT = Observation(
    "urn:d", True, "2026-01-01T10:00:00Z", {"cpuLoad": 0.25, "memoryLoad": 0.5, "queueLength": 1}
)


@pytest.mark.parametrize(
    "seen",
    [
        replace(KEPT, is_healthy=False),
        replace(KEPT, last_seen=None),
        replace(KEPT, health={**KEPT.health, "cpuLoad": 0.35}),
        replace(KEPT, health={**KEPT.health, "memoryLoad": 0.4}),
        replace(KEPT, health={"cpuLoad": 0.25}),
        replace(KEPT, health={**KEPT.health, "cpuLoad": "high"}),
        replace(KEPT, last_seen="2026-01-01T10:01:00Z"),
        replace(KEPT, last_seen="2026-01-01T09:59:00Z"),
    ],
)
def test_what_somebody_needs_is_written(seen):
    """Silence, a load that rose, fell, or is told no longer, and a minute; also of a clock set."""
    assert is_worth_writing(seen, KEPT)


@pytest.mark.parametrize(
    "seen",
    [
        KEPT,
        replace(KEPT, last_seen="2026-01-01T10:00:59Z"),
        replace(KEPT, health={**KEPT.health, "cpuLoad": 0.34, "memoryLoad": 0.41}),
        replace(KEPT, health={**KEPT.health, "queueLength": 7, "uptime": "3 s"}),
    ],
)
def test_what_is_only_time_and_noise_is_not(seen):
    """Less than a minute, less than a tenth, and what nobody reads."""
    assert not is_worth_writing(seen, KEPT)


def test_what_is_not_kept_is_written():
    """The device is new, or somebody emptied the store."""
    assert is_worth_writing(KEPT, None)
    assert is_worth_writing(Observation("urn:d", False, None, {}), None)


def test_a_device_that_never_answered_is_told_of_once():
    """There is no time that could grow old."""
    never = Observation("urn:d", False, None, {})
    assert not is_worth_writing(never, never)


@given(st.floats() | st.integers())
def test_a_load_is_one_of_a_hundred_and_one(load):
    """Whatever number a device tells, as JSON and in the graph alike."""
    seen = Observation("urn:d", True, None, {"cpuLoad": load})
    assert round(100 * seen.loads["cpuLoad"]) in range(101)
    assert seen.loads["cpuLoad"] == round(seen.loads["cpuLoad"], 2)
    assert f'cpuLoad> "{seen.loads["cpuLoad"]}"'.encode() in seen.n_triples


@pytest.mark.parametrize("load", [None, True, "0.5", [0.5]])
def test_what_is_no_number_is_no_load(load):
    """Nothing is said about it."""
    assert Observation("urn:d", True, None, {"cpuLoad": load}).loads == {}


@given(st.floats(0, 1), st.booleans(), st.sampled_from([None, KEPT.last_seen]))
def test_what_is_read_again_is_not_worth_writing(load, is_healthy, last_seen):
    """The JSON of an observation is the same observation."""
    seen = Observation("urn:d", is_healthy, last_seen, {"cpuLoad": load, "queueLength": 2})
    again = observation_of(seen.document)
    assert (again.document, again.n_triples) == (seen.document, seen.n_triples)
    assert not is_worth_writing(seen, again)


def test_small_changes_add_up():
    """What counts is how far a load is from what is kept, not from the last look."""
    loads = (0.29, 0.33, 0.36)
    worth = [
        is_worth_writing(replace(KEPT, health={**KEPT.health, "cpuLoad": load}), KEPT)
        for load in loads
    ]
    assert worth == [False, False, True]


def test_a_few_writes_are_made_at_once_and_then_one_in_ten_seconds():
    """Of a load that changes at each look; after a quiet minute it is as in the beginning."""
    writes, made = Writes(), []
    for second in [*range(40), *range(100, 110)]:
        if not writes.are_many(second):
            writes = writes.and_one(second)
            made.append(second)
    assert made == [0, 1, 2, 3, 4, 5, 10, 20, 30, 100, 101, 102, 103, 104, 105]


def test_only_loads_wait():
    """Silence, what is not kept and a minute do not, however much was written."""
    moved = replace(KEPT, health={**KEPT.health, "cpuLoad": 0.9})
    assert not is_worth_writing(moved, KEPT, are_many=True)
    assert is_worth_writing(replace(moved, is_healthy=False), KEPT, are_many=True)
    assert is_worth_writing(replace(moved, last_seen="2026-01-01T10:01:00Z"), KEPT, are_many=True)
    assert is_worth_writing(KEPT, None, are_many=True)
