"""The assignment is the best there is, whatever the devices."""

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orchestrator_app.solver import assignment, integer_program
from orchestrator_app.solver.assignment import value_of
from orchestrator_app.solver.bounds import upper_bounds
from orchestrator_app.solver.fleet import DeviceFacts, Fleet
from orchestrator_app.solver.integer_program import most_points
from orchestrator_app.solver.optimum import best_rows
from orchestrator_app.solver.problem import UNFIT, Problem

ZONES = st.sampled_from([None, "hall", "yard"])


@st.composite
def graphs(draw, n_steps, shape):
    """Which steps are neighbours: a chain, a forest, or any graph."""
    pairs = [(one, other) for other in range(n_steps) for one in range(other)]
    if shape == "chain":
        return tuple((step, step + 1) for step in range(n_steps - 1))
    if shape == "forest":
        above = [draw(st.sampled_from([None, *range(step)])) for step in range(1, n_steps)]
        found = ((p, step) for step, p in enumerate(above, 1) if p is not None)
        return tuple(sorted(found))
    return tuple(pair for pair in sorted(pairs) if draw(st.booleans()))


@st.composite
def problems(draw, most_devices=5, most_steps=4, shape="chain"):
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
    fits = np.array([[d.memory_bytes >= need for d in devices] for need in needs])
    points = np.where(fits, np.array([draw(step) for _ in range(n_steps)]), UNFIT)
    assume((points > UNFIT).any(axis=1).all())  # what no device can take is told before
    return Problem(Fleet.of(devices), needs, points, draw(graphs(n_steps, shape)))


def every_assignment(problem):
    """Return every assignment that fits, with its value, by trying them all."""
    candidates = [np.flatnonzero(points > UNFIT) for points in problem.points]
    task = problem.task(candidates)
    free = problem.fleet.free_bytes
    for rows in product(*candidates):
        used = np.zeros(len(free), np.int64)
        np.add.at(used, list(rows), problem.needs)
        if (used <= free).all():
            devices = [problem.fleet.device(int(row)) for row in rows]
            yield rows, value_of(task.slots, task.pairs, devices)


@pytest.mark.parametrize("shape", ["chain", "forest", "graph"])
@settings(max_examples=150)
@given(data=st.data())
def test_nothing_better_exists(shape, data):
    """Trying every assignment finds none with more points, and finds one only if we do."""
    problem = data.draw(problems(most_steps=5 if shape == "forest" else 4, shape=shape))
    values = {tuple(map(int, rows)): value for rows, value in every_assignment(problem)}
    found = best_rows(problem)
    assert found.is_proven
    assert (values[found.rows] if found.rows else None) == max(values.values(), default=None)


@given(
    problems(most_devices=30, most_steps=2) | problems(most_devices=12, most_steps=3, shape="graph")
)
@settings(max_examples=100)
def test_nothing_better_exists_among_many_devices(problem):
    """The same holds where the search looks at a few of many devices only."""
    values = {tuple(map(int, rows)): value for rows, value in every_assignment(problem)}
    rows = best_rows(problem).rows
    assert (values[rows] if rows else None) == max(values.values(), default=None)


@given(problems() | problems(shape="forest") | problems(shape="graph"))
@settings(max_examples=200)
def test_a_bound_is_never_too_low(problem):
    """No assignment has more points than the bound of any of its pairs."""
    bounds = upper_bounds(problem)
    for rows, value in every_assignment(problem):
        assert all(value <= bounds[step][row] for step, row in enumerate(rows))


@given(problems() | problems(shape="graph"))
@settings(max_examples=50)
def test_the_same_problem_gives_the_same_answer(problem):
    """The assignment is a function of the problem alone."""
    assert best_rows(problem) == best_rows(problem)


@settings(max_examples=60)
@given(problems(shape="chain") | problems(shape="graph"))
def test_the_integer_program_alone_finds_the_best_too(problem):
    """It is asked where the search meets its limit, whatever the shape of the graph."""
    values = [value for _, value in every_assignment(problem)]
    task = problem.task([np.flatnonzero(points > UNFIT) for points in problem.points])
    found = most_points(task.slots, task.pairs, None)
    value = value_of(task.slots, task.pairs, found.devices) if found.devices else None
    assert (value, found.is_proven) == (max(values, default=None), True)


DIAMOND = ((0, 1), (0, 2), (1, 3), (2, 3))


def scarce(n_devices, n_steps, pairs):
    """Return a problem in which every device has room for one step alone, and all differ."""
    zones = ("hall", "yard", "roof")
    devices = [DeviceFacts(f"urn:d:{i:02}", "", 10, zone=zones[i % 3]) for i in range(n_devices)]
    rows = [[(7919 * i * (s + 3)) % 90_000 for i in range(n_devices)] for s in range(n_steps)]
    return Problem(Fleet.of(devices), (6,) * n_steps, np.array(rows), pairs)


def test_scarce_memory_is_solved_to_the_end(monkeypatch):
    """Where the best-first search gives up, the answer is proven nevertheless."""
    chain = tuple((step, step + 1) for step in range(4))
    expected = best_rows(scarce(8, 5, chain))
    monkeypatch.setattr(assignment, "MOST_PARTIALS", 3)
    found = best_rows(scarce(8, 5, chain))
    task = scarce(8, 5, chain).task([np.arange(8)] * 5)
    values = [
        value_of(task.slots, task.pairs, [task.slots[0].candidates[row] for row in each.rows])
        for each in (expected, found)
    ]
    assert values[0] == values[1]
    assert found.is_proven


def test_what_is_not_proven_says_so(monkeypatch):
    """Beyond the limits there is an answer that fits, and nobody is told that it is the best."""
    monkeypatch.setattr(integer_program, "MOST_VARIABLES", 3)
    found = best_rows(scarce(8, 4, DIAMOND))
    assert not found.is_proven
    assert len(set(found.rows)) == 4


def test_equal_devices_are_taken_in_order_of_their_ids():
    """Between devices that are equally good the smaller id wins, however many there are."""
    fleet = Fleet.of([DeviceFacts(f"urn:d:{i:03}", "", 10) for i in range(100)])
    points = np.full((2, 100), 5)
    assert best_rows(Problem(fleet, (1, 1), points, ((0, 1),))).rows == (0, 0)


def test_two_steps_share_the_memory_of_a_device():
    """What the first step takes of a device's memory is missing for the second."""
    fleet = Fleet.of([DeviceFacts("urn:d:a", "a", 10), DeviceFacts("urn:d:b", "b", 10)])
    found = best_rows(Problem(fleet, (6, 6), np.array([[9, 0], [9, 0]]), ((0, 1),)))
    assert found.rows in ((0, 1), (1, 0))
