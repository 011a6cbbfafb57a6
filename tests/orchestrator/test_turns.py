"""When a Thing that announced itself is asked next: pure decisions, and the order they make."""

import pytest

from orchestrator_app.directory.turn_schedule import TurnSchedule
from orchestrator_app.directory.turns import (
    LONGEST_PAUSE_INTERVALS,
    RETRY_SECONDS,
    Lane,
    Outcome,
    Turn,
    is_owed,
    next_turn,
    sighted,
)

INTERVAL = 30.0


def after(turn, *outcomes):
    """Return the pauses after some turns, each taken as soon as it is due, and the last turn."""
    pauses = []
    for outcome in outcomes:
        now = turn.due
        turn = next_turn(turn, outcome, now, INTERVAL)
        pauses.append(turn.due - now)
    return pauses, turn


def test_who_answers_is_asked_after_an_interval_among_those_that_answer():
    """Whatever it did before."""
    pauses, turn = after(Turn(5.0, Lane.SILENT, 3, 60.0, is_news=True), Outcome.ANSWERED)
    assert (pauses, turn) == ([INTERVAL], Turn(35.0, Lane.ANSWERED, renewed=5.0))


def test_a_quick_failure_is_tried_again_quickly_and_then_each_interval():
    """A Thing may announce itself before it answers."""
    pauses, turn = after(Turn(0.0), *[Outcome.REFUSED] * 7)
    assert pauses == [*RETRY_SECONDS[1:], INTERVAL, INTERVAL, INTERVAL]
    assert turn.lane is Lane.NEW


def test_who_is_silent_gets_all_its_time_at_once_and_then_longer_and_longer_pauses():
    """Among the silent from then on."""
    pauses, turn = after(Turn(0.0), *[Outcome.SILENT] * 7)
    assert pauses == [0.0, 30.0, 60.0, 120.0, 240.0, 300.0, 300.0]
    assert (turn.lane, pauses[-1]) == (Lane.SILENT, LONGEST_PAUSE_INTERVALS * INTERVAL)


def test_a_name_that_leads_nowhere_waits_among_the_silent():
    """Quickly a few times, then with growing pauses; it stays to be resolved."""
    pauses, turn = after(sighted(None, 0.0), *[Outcome.UNRESOLVED] * 6)
    assert pauses == [*RETRY_SECONDS[1:], 30.0, 60.0]
    assert (turn.lane, turn.is_news) == (Lane.SILENT, True)


def test_what_is_prevented_here_is_no_fault_of_the_thing():
    """It keeps its lane, and its claim to be asked before its registration runs out."""
    turn = Turn(0.0, Lane.ANSWERED, renewed=-30.0)
    assert after(turn, Outcome.PREVENTED)[1] == Turn(30.0, Lane.ANSWERED, renewed=-30.0)


def test_a_new_announcement_is_a_turn_at_once():
    """Who was silent is tried briefly; the pause after that is no shorter than before."""
    _, silent = after(Turn(0.0), *[Outcome.SILENT] * 3)
    turn = sighted(silent, 50.0)
    assert (turn.due, turn.lane, turn.is_news) == (50.0, Lane.NEW, True)
    assert after(turn, Outcome.SILENT)[0] == [silent.pause_seconds]


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        (Turn(30.0, Lane.ANSWERED, renewed=0.0), True),
        (Turn(46.0, Lane.ANSWERED, renewed=0.0), False),
        (Turn(30.0, Lane.ANSWERED, renewed=1.0), False),
        (Turn(33.0, Lane.SILENT, renewed=0.0), True),
        (Turn(33.0, Lane.SILENT, pause_seconds=30.0), False),
        (Turn(30.0), False),
    ],
    ids=["late", "not-due", "just-renewed", "had-no-time-yet", "was-silent", "never-answered"],
)
def test_a_registration_is_held_for_who_was_not_asked_in_time(turn, expected):
    """Not for who had its turn, and all its time."""
    assert is_owed(turn, 45.0, INTERVAL) is expected


@pytest.fixture
def clock():
    """A clock that is set by hand."""
    return [0.0]


@pytest.fixture
def schedule(clock):
    """Turns for at most three services."""
    return TurnSchedule(now=lambda: clock[0], most_services=3)


def test_who_waits_longest_comes_first(schedule, clock):
    """A turn is had once."""
    for name in "abc":
        schedule.sight(name)
        clock[0] += 1
    taken = [schedule.take(Lane.NEW, waits=False) for _ in range(4)]
    assert [asking and asking.name for asking in taken] == ["a", "b", "c", None]


def test_a_sighting_while_it_is_asked_is_a_turn_after_that(schedule):
    """Whatever the outcome; not beside the other."""
    schedule.sight("a")
    asking = schedule.take(Lane.NEW, waits=False)
    schedule.sight("a")
    assert schedule.take(Lane.NEW, waits=False) is None
    schedule.settle(asking, Turn(100.0, Lane.ANSWERED))
    assert schedule.take(Lane.NEW, waits=False).turn.is_news


def test_a_goodbye_counts_at_once_and_is_heeded_before_the_next_turn(schedule):
    """Who comes back is another."""
    schedule.sight("a")
    asking = schedule.take(Lane.NEW, waits=False)
    schedule.drop("a")
    schedule.sight("a")
    assert not schedule.is_current(asking)
    schedule.settle(asking, Turn(100.0, Lane.ANSWERED))
    assert schedule.take(Lane.NEW, waits=False) is None
    assert schedule.next_goodbye(0) == "a"
    schedule.heeded("a")
    again = schedule.take(Lane.NEW, waits=False)
    assert (again.name, schedule.is_current(again)) == ("a", True)


def test_no_more_services_are_kept_than_a_number(schedule, caplog):
    """It is told once; a goodbye that was heeded makes room."""
    for name in ("a", "b", "c", "d", "e"):
        schedule.sight(name)
    assert [r.message for r in caplog.records] == ["too_many_services most=3 first_left_out=d"]
    schedule.drop("a")
    schedule.sight("d")
    schedule.heeded(schedule.next_goodbye(0))
    schedule.sight("e")
    taken = [schedule.take(Lane.NEW, waits=False) for _ in range(4)]
    assert [asking and asking.name for asking in taken] == ["b", "c", "e", None]


def test_nothing_is_wanted_of_a_schedule_that_was_stopped(schedule):
    """Who waits for a turn or a goodbye returns."""
    schedule.sight("a")
    asking = schedule.take(Lane.NEW, waits=False)
    schedule.stop()
    assert not schedule.is_current(asking)
    assert (schedule.take(Lane.NEW), schedule.next_goodbye(60.0)) == (None, None)
