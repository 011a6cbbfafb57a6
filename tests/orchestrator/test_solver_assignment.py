"""The assignment is the best there is, whatever the devices."""

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_app.solver.assignment import value_of
from orchestrator_app.solver.bounds import upper_bounds
from orchestrator_app.solver.fleet import DeviceFacts, Fleet
from orchestrator_app.solver.optimum import best_rows
from orchestrator_app.solver.problem import UNFIT, Problem

ZONES = st.sampled_from([None, "hall", "yard"])


@st.composite
def problems(draw, most_devices=5, most_steps=4):
    """A few steps over a few devices, memory scarce enough to matter, and points that tie."""
    n_devices, n_steps = draw(st.integers(1, most_devices)), draw(st.integers(1, most_steps))
    devices = [
        DeviceFacts(f"urn:d:{i:02}", f"d{i}", draw(st.integers(1, 6)), zone=draw(ZONES))
        for i in range(n_devices)
    ]
    needs = tuple(draw(st.integers(1, 3)) for _ in range(n_steps))
    step = st.lists(
        st.sampled_from([UNFIT, 0, 20_000, 40_000, 80_000]), min_size=n_devices, max_size=n_devices
    ).filter(lambda points: max(points) > UNFIT)
    return Problem(Fleet.of(devices), needs, np.array([draw(step) for _ in range(n_steps)]))


def every_assignment(problem):
    """Return every assignment that fits, with its value, by trying them all."""
    candidates = [np.flatnonzero(points > UNFIT) for points in problem.points]
    slots = problem.slots(candidates)
    free = problem.fleet.free_bytes
    for rows in product(*candidates):
        used = np.zeros(len(free), np.int64)
        np.add.at(used, list(rows), problem.needs)
        if (used <= free).all():
            yield rows, value_of(slots, [problem.fleet.device(int(row)) for row in rows])


@given(problems())
@settings(max_examples=400, deadline=None)
def test_nothing_better_exists(problem):
    """Trying every assignment finds none with more points, and finds one only if we do."""
    values = {tuple(map(int, rows)): value for rows, value in every_assignment(problem)}
    found = best_rows(problem)
    if found is None:
        assert values == {}
    else:
        assert values[found] == max(values.values())


@given(problems(most_devices=30, most_steps=2))
@settings(max_examples=100, deadline=None)
def test_nothing_better_exists_among_many_devices(problem):
    """The same holds where the search looks at a few of many devices only."""
    values = {tuple(map(int, rows)): value for rows, value in every_assignment(problem)}
    found = best_rows(problem)
    assert (values[found] if found else None) == max(values.values(), default=None)


@given(problems())
@settings(max_examples=100, deadline=None)
def test_a_bound_is_never_too_low(problem):
    """No assignment has more points than the bound of any of its pairs."""
    bounds = upper_bounds(problem)
    for rows, value in every_assignment(problem):
        assert all(value <= bounds[step][row] for step, row in enumerate(rows))


@given(problems())
@settings(max_examples=50, deadline=None)
def test_the_same_problem_gives_the_same_answer(problem):
    """The assignment is a function of the problem alone."""
    assert best_rows(problem) == best_rows(problem)


def test_equal_devices_are_taken_in_order_of_their_ids():
    """Between devices that are equally good the smaller id wins, however many there are."""
    fleet = Fleet.of([DeviceFacts(f"urn:d:{i:03}", "", 10) for i in range(100)])
    points = np.full((2, 100), 5)
    assert best_rows(Problem(fleet, (1, 1), points)) == (0, 0)


def test_two_steps_share_the_memory_of_a_device():
    """What the first step takes of a device's memory is missing for the second."""
    fleet = Fleet.of([DeviceFacts("urn:d:a", "a", 10), DeviceFacts("urn:d:b", "b", 10)])
    found = best_rows(Problem(fleet, (6, 6), np.array([[9, 0], [9, 0]])))
    assert found in ((0, 1), (1, 0))
