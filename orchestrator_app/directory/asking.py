"""Ask the Things that announced themselves for their descriptions, several at once.

A few workers for each lane, and one thread that heeds goodbyes and fetches nothing.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from orchestrator_app.directory.refresh import IntroducedThings, Introducing
from orchestrator_app.directory.turn_schedule import Asking, TurnSchedule
from orchestrator_app.directory.turns import RETRY_SECONDS, Lane, Outcome, Turn, next_turn
from orchestrator_app.rounds import Failures
from orchestrator_app.store import StoreError
from wasmiot_td.checked_connections import cut_off
from wasmiot_td.errors import ThingUnreachable, WasmiotError
from wasmiot_td.problem import ProblemError

WORKERS = {Lane.ANSWERED: 8, Lane.NEW: 8, Lane.SILENT: 8}
SLOW_SECONDS = 2.0
"""A Thing that could not be reached was slow about it from here on."""

LONGEST_SECONDS = {Lane.ANSWERED: 10.0, Lane.NEW: 10.0, Lane.SILENT: 300.0}
"""How long a turn may take; each piece of an answer has its own, shorter time."""

LOOK_SECONDS = 0.5
JOIN_SECONDS, CUT_SECONDS = 3.0, 0.05
SERVER_ERROR = 500

Locate = Callable[[str, Lane], str | None]
"""Returns where the description of a service is, None if it has none for us.

Raises `LookupError` if the service does not resolve now.
"""

_log = logging.getLogger(__name__)


class Asker:
    """Asks each service in its turn, and registers what it answers."""

    def __init__(
        self,
        parts: Introducing,
        schedule: TurnSchedule,
        locate: Locate,
        interval_seconds: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.things = IntroducedThings(parts.directory, interval_seconds)
        self.schedule = schedule
        schedule.expect(self.things.before.services())
        self._parts = parts
        self._locate = locate
        self._interval_seconds = interval_seconds
        self._now = now

    def ask(self, asking: Asking) -> None:
        """Take a turn from its beginning to its end."""
        outcome: Outcome | None = Outcome.PREVENTED
        try:
            outcome = self._outcome(asking)
        except Exception as error:  # noqa: BLE001 - one odd Thing must not end the turns of others
            if not self.schedule.is_over:
                is_foreseen = isinstance(error, (OSError, StoreError))
                place = None if is_foreseen else error
                _log.error("introduction_failed name=%s %r", asking.name, error, exc_info=place)
        following = outcome and next_turn(asking.turn, outcome, self._now(), self._interval_seconds)
        if following is not None:
            _tell(asking.name, asking.turn, following)
        self.schedule.settle(asking, following)

    def heed(self, timeout_seconds: float = 0.0) -> bool:
        """Heed the next goodbye; return whether one came in time."""
        name = self.schedule.next_goodbye(timeout_seconds)
        if name is None:
            return False
        try:
            self.things.forget(name)
        finally:
            self.schedule.heeded(name)
        return True

    def hold(self) -> None:
        """Keep the registrations of those from running out whom nobody had time to ask.

        Goodbyes are heeded in between.
        """
        for name in self.schedule.owed(self._interval_seconds):
            try:
                self.things.hold(name)
                _log.info("registration_held name=%s", name)
            except (WasmiotError, ProblemError) as error:
                _log.info("registration_not_held name=%s error=%s", name, error)
            self.schedule.held(name)
            while self.heed():
                pass

    def _outcome(self, asking: Asking) -> Outcome | None:
        """Ask, and return how it went; None if there is nothing to ask."""
        name, lane = asking.name, asking.turn.lane
        is_wanted = partial(self.schedule.is_current, asking)
        if asking.turn.is_news:
            try:
                url = self._locate(name, lane)
            except LookupError as error:
                _log.info("introduction_delayed name=%s error=%s", name, error)
                is_there = self.things.knows(name)
                is_there = is_there and self._fetch(name, lane, is_wanted) is Outcome.ANSWERED
                return Outcome.STAYED if is_there else Outcome.UNRESOLVED
            if url is None:
                self.things.forget(name)
                return None
            self.things.note(name, url, is_wanted)
        return self._fetch(name, lane, is_wanted) if self.things.knows(name) else None

    def _fetch(self, name: str, lane: Lane, is_wanted: Callable[[], bool]) -> Outcome:
        has_time = lane is Lane.SILENT
        transport = self._parts.transport if has_time else self._parts.brief_transport
        started = self._now()
        try:
            for linked in self.things.ask(name, transport, is_wanted):
                self.schedule.add(linked)
        except (WasmiotError, ProblemError) as error:
            _log.info("introduction_delayed name=%s error=%s", name, error)
            return _failure(error, self._now() - started)
        return Outcome.ANSWERED


@contextmanager
def asking(
    asker: Asker,
    workers: Mapping[Lane, int] = WORKERS,
    look_seconds: float = LOOK_SECONDS,
    longest_seconds: Mapping[Lane, float] = LONGEST_SECONDS,
) -> Iterator[None]:
    """Ask, and heed goodbyes, as long as the context is entered.

    Who waits for a Thing in the end is cut short; what comes then is not registered.

    Args:
        asker: who does.
        workers: how many at once, for each lane.
        look_seconds: how often it is looked whose registration must be held, and who is overdue.
        longest_seconds: how long a turn may take, for each lane.
    """
    crew = [
        Worker(asker, lane, longest_seconds[lane]) for lane in Lane for _ in range(workers[lane])
    ]
    watch = partial(_watch, asker, crew, look_seconds)
    threads = [*crew, threading.Thread(target=watch, name="introduction", daemon=True)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        asker.schedule.stop()
        deadline = time.monotonic() + JOIN_SECONDS
        for thread in threads:
            while thread.is_alive() and time.monotonic() < deadline:
                cut_off(thread)
                thread.join(CUT_SECONDS)


class Worker(threading.Thread):
    """Takes the turns of a lane, one after the other."""

    def __init__(self, asker: Asker, lane: Lane, longest_seconds: float) -> None:
        super().__init__(name="introduction", daemon=True)
        self._asker = asker
        self._lane = lane
        self._longest_seconds = longest_seconds
        self._overdue = math.inf

    def run(self) -> None:
        """Work until the schedule is stopped."""
        while (turn := self._asker.schedule.take(self._lane)) is not None:
            self._overdue = time.monotonic() + self._longest_seconds
            self._asker.ask(turn)
            self._overdue = math.inf

    def cut_if_overdue(self) -> None:
        """End a turn that takes too long."""
        if time.monotonic() >= self._overdue:
            cut_off(self)


def _watch(asker: Asker, crew: Sequence[Worker], look_seconds: float) -> None:
    """Heed goodbyes; hold registrations and end what takes too long now and then."""
    next_look, failures = time.monotonic() + look_seconds, Failures("introduction")
    while not asker.schedule.is_over:
        try:
            asker.heed(max(next_look - time.monotonic(), 0))
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + look_seconds
                for worker in crew:
                    worker.cut_if_overdue()
                asker.hold()
                failures.none()
        except Exception as error:  # noqa: BLE001 - the store may be there again next time
            failures.tell(error)


def _failure(error: Exception, elapsed_seconds: float) -> Outcome:
    """Return how a turn ended that gave no description."""
    if isinstance(error, ProblemError) and error.problem.status >= SERVER_ERROR:
        return Outcome.PREVENTED
    if isinstance(error, ThingUnreachable):
        is_slow = elapsed_seconds >= SLOW_SECONDS or _has_timed_out(error)
        return Outcome.SILENT if is_slow else Outcome.REFUSED
    return Outcome.REFUSED


def _has_timed_out(error: BaseException | None) -> bool:
    """Return whether an error comes from a time that was over."""
    while error is not None and not isinstance(error, TimeoutError):
        error = error.__cause__ or error.__context__
    return error is not None


def _tell(name: str, turn: Turn, following: Turn) -> None:
    """Write that a Thing is no longer asked again at once, the first time."""
    is_first_pause = following.pause_seconds > 0 and turn.pause_seconds == 0
    has_tried_enough = turn.failures < following.failures == len(RETRY_SECONDS)
    if is_first_pause or has_tried_enough:
        _log.warning("introduction_put_off name=%s", name)
