"""When a Thing that announced itself is asked next, and among whom it waits.

Pure: the time is an argument. Who answers, who is new and who is silent wait apart from each other,
each for workers of their own. So however many are silent, they hold up only one another. Who is in
the first two lanes has a brief time to answer; who needs longer is asked again among the silent.
"""

import math
from dataclasses import dataclass, replace
from enum import Enum

RETRY_SECONDS = (0.0, 0.5, 1.0, 2.0, 4.0)
"""When to ask again where the failure was quick: a Thing may announce itself before it answers."""

LONGEST_PAUSE_INTERVALS = 10
HOLD_INTERVALS = 1.5
"""How long after it was renewed a registration is held; well before it expires."""


class Lane(Enum):
    """Among whom a Thing waits for its turn."""

    ANSWERED = "answered"
    NEW = "new"
    SILENT = "silent"


class Outcome(Enum):
    """How a turn ended."""

    ANSWERED = "answered"
    STAYED = "stayed"  # it answered where it was before; its name leads nowhere
    REFUSED = "refused"  # it is there, or its machine is, and gives no valid description
    UNRESOLVED = "unresolved"  # its name leads nowhere
    SILENT = "silent"  # the time was over
    PREVENTED = "prevented"  # by something here


@dataclass(frozen=True)
class Turn:
    """The next turn of a Thing.

    Attributes:
        due: when, in the seconds of a monotonic clock.
        lane: among whom it waits.
        failures: how many quick ones there were in a row.
        pause_seconds: the latest pause after it had all its time and was silent.
        renewed: when its registration was renewed; None if it has failed since, though it had all
            its time.
        is_news: whether it was announced, anew or differently, and not resolved since.
    """

    due: float
    lane: Lane = Lane.NEW
    failures: int = 0
    pause_seconds: float = 0.0
    renewed: float | None = None
    is_news: bool = False


def sighted(turn: Turn | None, now: float, *, is_expected: bool = False) -> Turn:
    """Return the turn of a Thing whose announcement is new or has changed: it is asked at once.

    Args:
        turn: the one that it had, None if it is new.
        now: when that is.
        is_expected: whether it had answered before this program was started.
    """
    if turn is None:
        return replace(added(now, is_expected=is_expected), is_news=True)
    lane = Lane.ANSWERED if turn.lane is Lane.ANSWERED else Lane.NEW
    return replace(turn, due=now, lane=lane, failures=0, is_news=True)


def added(now: float, *, is_expected: bool = False) -> Turn:
    """Return the turn of a Thing that is new; who is expected does not wait among strangers.

    When its registration was renewed is not known: it must be held soon.
    """
    return Turn(now, Lane.ANSWERED, renewed=-math.inf) if is_expected else Turn(now)


def next_turn(turn: Turn, outcome: Outcome, now: float, interval_seconds: float) -> Turn:
    """Return the turn that follows one.

    Args:
        turn: the one that has ended.
        outcome: how.
        now: when.
        interval_seconds: how often one that answers is asked.
    """
    if outcome in (Outcome.ANSWERED, Outcome.STAYED):
        is_news = outcome is Outcome.STAYED
        return Turn(now + interval_seconds, Lane.ANSWERED, renewed=now, is_news=is_news)
    if outcome is Outcome.PREVENTED:
        return replace(turn, due=now + interval_seconds)
    if outcome is Outcome.SILENT and turn.lane is not Lane.SILENT:
        due = now + turn.pause_seconds  # at once, if it never had all its time
        return replace(turn, due=due, lane=Lane.SILENT, is_news=False)
    failures = turn.failures + (outcome is not Outcome.SILENT)
    failed = replace(turn, failures=failures, renewed=None)
    if outcome is Outcome.SILENT:
        return _after_a_pause(replace(failed, is_news=False), now, interval_seconds)
    if outcome is Outcome.REFUSED:
        pause = RETRY_SECONDS[failures] if failures < len(RETRY_SECONDS) else interval_seconds
        return replace(failed, due=now + pause, lane=Lane.NEW, is_news=False)
    if failures < len(RETRY_SECONDS):
        return replace(failed, due=now + RETRY_SECONDS[failures], lane=Lane.SILENT)
    return _after_a_pause(replace(failed, lane=Lane.SILENT), now, interval_seconds)


def _after_a_pause(turn: Turn, now: float, interval_seconds: float) -> Turn:
    """Return the turn after a pause of an interval, and twice as long each time."""
    longest = LONGEST_PAUSE_INTERVALS * interval_seconds
    pause = min(max(2 * turn.pause_seconds, interval_seconds), longest)
    return replace(turn, due=now + pause, pause_seconds=pause)


def is_owed(turn: Turn, now: float, interval_seconds: float) -> bool:
    """Return whether a registration must be held: its Thing is due, and was not asked in time."""
    is_late = turn.renewed is not None and now - turn.renewed >= HOLD_INTERVALS * interval_seconds
    return is_late and turn.due <= now
