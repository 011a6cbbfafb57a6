"""One at a time for each name, with no memory of names."""

import threading
from concurrent.futures import ThreadPoolExecutor

from wasmiot_td.turns_by_name import TurnsByName


def test_only_one_at_a_time_has_the_turn_of_a_name():
    """Eight threads that begin at once with a new name never meet."""
    turns, start, inside, met = TurnsByName(), threading.Barrier(8), [], []

    def take(_):
        start.wait()
        for round_ in range(200):
            with turns.of(f"name {round_}"):
                inside.append(round_)
                met.append(inside.count(round_) > 1)
                inside.remove(round_)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take, range(8)))
    assert len(met) == 1600
    assert not any(met)


def test_who_has_a_turn_may_take_it_again_and_others_see_it():
    """A change that makes another change of the same deployment does not wait for itself."""
    turns = TurnsByName()
    with turns.of("a"), turns.of("a"), ThreadPoolExecutor(1) as pool:
        assert turns.is_free("a")
        assert not pool.submit(turns.is_free, "a").result()
        assert pool.submit(turns.is_free, "b").result()


def test_names_that_nobody_uses_are_forgotten():
    """Whoever asks for a thousand deployments that are none leaves nothing behind."""
    turns = TurnsByName()
    for number in range(1000):
        with turns.of(str(number)):
            assert len(turns) == 1
        turns.is_free(str(number))
    assert len(turns) == 0
