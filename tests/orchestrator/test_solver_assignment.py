"""The assignment is the best there is, whatever the devices."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_app.solver.assignment import assign, value_of
from orchestrator_app.solver.slot import Slot
from orchestrator_app.solver.view import DeviceFacts

ZONES = st.sampled_from([None, "hall", "yard"])


@st.composite
def instances(draw):
    """Up to four slots over up to four devices, memory scarce enough to matter."""
    devices = [
        DeviceFacts(f"urn:d:{i}", f"d{i}", draw(st.integers(1, 6)), zone=draw(ZONES))
        for i in range(draw(st.integers(1, 4)))
    ]
    return [draw(slots(devices)) for _ in range(draw(st.integers(1, 4)))]


@st.composite
def slots(draw, devices):
    """One step with a need, some of the devices, and small points so that ties occur."""
    chosen = draw(st.sets(st.sampled_from(devices), min_size=1))
    ordered = tuple(sorted(chosen, key=lambda d: d.id))
    points = {d.id: draw(st.integers(0, 4)) * 20_000 for d in ordered}
    return Slot(draw(st.integers(1, 3)), ordered, points)


def fits(slots, devices):
    """Whether the memory of every device holds all its slots."""
    used = {}
    for slot, device in zip(slots, devices, strict=True):
        used[device] = used.get(device, 0) + slot.memory_bytes
    return all(used_bytes <= d.free_bytes for d, used_bytes in used.items())


@given(instances())
@settings(max_examples=300, deadline=None)
def test_nothing_better_exists(slots):
    """Trying every assignment finds none with more points, and finds one only if `assign` does."""
    every = [c for c in product(*(s.candidates for s in slots)) if fits(slots, c)]
    found = assign(slots)
    if found is None:
        assert every == []
    else:
        assert fits(slots, found)
        assert value_of(slots, found) == max(value_of(slots, c) for c in every)


@given(instances())
@settings(max_examples=50, deadline=None)
def test_the_same_slots_give_the_same_answer(slots):
    """The assignment is a function of the slots alone."""
    assert assign(slots) == assign(slots)


def test_equal_devices_are_taken_in_order_of_their_ids():
    """Between devices that are equally good the smaller id wins."""
    devices = tuple(DeviceFacts(f"urn:d:{c}", c, 10) for c in "abc")
    slot = Slot(1, devices, dict.fromkeys(("urn:d:a", "urn:d:b", "urn:d:c"), 5))
    assert [d.title for d in assign([slot, slot]) or ()] == ["a", "a"]


def test_two_steps_share_the_memory_of_a_device():
    """What the first step takes of a device's memory is missing for the second."""
    small, other = DeviceFacts("urn:d:a", "a", 10), DeviceFacts("urn:d:b", "b", 10)
    slot = Slot(6, (small, other), {"urn:d:a": 9, "urn:d:b": 0})
    assert assign([slot, slot]) in ((small, other), (other, small))
