"""After a restart all that is announced is new, and no living Thing is lost among silent ones.

The real directory and the real turns, with a clock that is set by hand: a turn ends when the answer
would have come, or the time would have been over, and as many are under way as there are workers.
"""

import heapq
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from orchestrator_app.directory.asking import LOOK_SECONDS, WORKERS, Asker
from orchestrator_app.directory.purge import INTERVAL_SECONDS as PURGE_SECONDS
from orchestrator_app.directory.things import Directory
from orchestrator_app.directory.turn_schedule import TurnSchedule
from orchestrator_app.directory.turns import Lane
from orchestrator_app.services import LONGEST_LOOK_SECONDS
from orchestrator_app.settings import Settings
from orchestrator_app.store import OxigraphStore
from wasmiot_td.errors import ThingUnreachable
from wasmiot_td.transport import Response

START = datetime(2026, 1, 1, tzinfo=UTC)
INTERVAL = Settings().refresh_interval_seconds
PATIENCE = {
    "brief": min(LONGEST_LOOK_SECONDS, Settings().http_timeout_seconds),
    "full": Settings().http_timeout_seconds,
}
ANSWER_SECONDS = 0.1


@dataclass
class Network:
    """Things by name, and the time.

    Attributes:
        thinking: how long each takes to answer; who is not here is silent.
        spent: how long what was asked last took.
        asked: how often each was.
    """

    thinking: dict = field(default_factory=dict)
    now: float = 0.0
    spent: float = 0.0
    asked: Counter = field(default_factory=Counter)

    def clock(self):
        """Return the time at which what was asked last has ended."""
        return self.now + self.spent

    def today(self):
        """Return the same for a directory."""
        return START + timedelta(seconds=self.now)


@dataclass(frozen=True)
class Way:
    """How Things are asked, with so much patience."""

    network: Network
    patience: float

    def request(self, _method, url, **_):
        """Answer, or let the time be over; nobody waits for it here."""
        name = url.rsplit("/", 1)[1]
        needed = self.network.thinking.get(name, float("inf"))
        self.network.asked[name] += 1
        self.network.spent = min(needed, self.patience)
        if needed > self.patience:
            raise ThingUnreachable(url, str(TimeoutError())) from TimeoutError()
        return Response(url, 200, {"content-type": "application/td+json"}, described(name))


def described(name):
    """Return the description of a Thing, or of a link to another."""
    document = {
        "@context": "https://www.w3.org/2022/wot/td/v1.1",
        "id": f"urn:ex:{name}",
        "title": name,
        "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
        "security": "nosec_sc",
    }
    if name.startswith("link-"):
        href = f"http://network.example/{name.removeprefix('link-')}"
        document |= {"@type": "ThingLink", "links": [{"rel": "describedby", "href": href}]}
    return json.dumps(document).encode()


class Schedule(TurnSchedule):
    """Turns that end when the time has come."""

    def __init__(self, network):
        super().__init__(network.clock)
        self._network = network
        self._order = count()
        self._ends = []

    def settle(self, asking, turn):
        """Let a turn go on for as long as it took."""
        end = self._network.clock()
        heapq.heappush(self._ends, (end, next(self._order), asking, turn))
        self._network.spent = 0.0

    def end_turns(self):
        """End those whose time has come."""
        while self._ends and self._ends[0][0] <= self._network.now:
            _, _, asking, turn = heapq.heappop(self._ends)
            super().settle(asking, turn)

    def under_way(self, lane):
        """Return how many turns of a lane have not ended."""
        return sum(asking.turn.lane is lane for _, _, asking, _ in self._ends)


class Run:
    """One run of an orchestrator, from its start to its end."""

    def __init__(self, network, directory):
        self._network, self._directory = network, directory
        self.schedule = Schedule(network)
        self.brief_transport = Way(network, PATIENCE["brief"])
        self.transport = Way(network, PATIENCE["full"])
        self.directory = directory
        locate = lambda name, _lane: f"http://network.example/{name}"  # noqa: E731
        self.asker = Asker(self, self.schedule, locate, INTERVAL, now=network.clock)

    def go_on(self, seconds, *, until=lambda: False):
        """Let time pass, a look at a time."""
        end = self._network.now + seconds
        next_purge = self._network.now
        while self._network.now < end and not until():
            if self._network.now >= next_purge:
                next_purge += PURGE_SECONDS
                self._directory.purge()
            self.schedule.end_turns()
            self._take_turns()
            self.asker.hold()
            self._network.now += LOOK_SECONDS

    def _take_turns(self):
        for lane in Lane:
            for _ in range(WORKERS[lane] - self.schedule.under_way(lane)):
                asking = self.schedule.take(lane, waits=False)
                if asking is None:
                    break
                self.asker.ask(asking)


@pytest.fixture
def scene():
    """A network, and a directory that outlives each run; what it has lost is told."""
    network, store = Network(), OxigraphStore()
    gone = []

    def opened():
        directory = Directory(store, now=network.today)
        directory.on_change(lambda c: c.kind == "thing_deleted" and gone.append(c.id))
        return directory

    yield network, opened, gone
    store.close()


LIVING = {f"living{number}": ANSWER_SECONDS for number in range(12)}
SLOW = {"slow": 5.0}
"""It needs more than the brief time."""


@pytest.mark.parametrize("silent_count", [240, 300, 1000])
@pytest.mark.parametrize("order", ["mixed", "living-last"])
def test_no_living_thing_is_lost_beside_silent_ones(scene, silent_count, order):
    """Each is asked again, or its registration held until it has been; the stop took 5 s."""
    network, opened, gone = scene
    network.thinking = {**LIVING, **SLOW, "link-linked": ANSWER_SECONDS, "linked": ANSWER_SECONDS}
    before = Run(network, opened())
    announced = [name for name in network.thinking if name != "linked"]
    for name in announced:
        before.schedule.sight(name)
    before.go_on(20.0)
    there = {thing.id for thing in before.directory.page()}
    assert len(there) == len(LIVING) + len(SLOW) + 1
    network.now += 5.0
    after = Run(network, opened())
    names = [f"silent{number}" for number in range(silent_count)] + announced
    if order == "mixed":
        random.Random(1).shuffle(names)
    network.asked.clear()
    for name in names:
        after.schedule.sight(name)
    after.go_on(1500.0, until=lambda: all(network.asked[name] for name in names))
    after.go_on(3 * INTERVAL)
    assert (gone, {thing.id for thing in after.directory.page()}) == ([], there)
    assert all(network.asked[name] for name in names)


def restarted(scene, name):
    """Return a second run, before which a Thing was introduced by the first."""
    network, opened, _ = scene
    network.thinking = {name: ANSWER_SECONDS}
    before = Run(network, opened())
    before.schedule.sight(name)
    before.go_on(1.0)
    return Run(network, opened())


def test_a_thing_without_an_id_keeps_the_one_it_was_given(scene, monkeypatch):
    """It is found again by the name of its service."""
    of_any = described("lamp").replace(b'"id": "urn:ex:lamp", ', b"")
    monkeypatch.setattr(f"{__name__}.described", lambda _name: of_any)
    after = restarted(scene, "lamp")
    [known] = after.directory.page()
    after.schedule.sight("lamp")
    after.go_on(1.0)
    assert [thing.id for thing in after.directory.page()] == [known.id]
    assert scene[0].asked["lamp"] == 2


def test_a_goodbye_counts_before_it_was_asked_again(scene):
    """What the run before had registered goes."""
    after = restarted(scene, "lamp")
    after.schedule.sight("lamp")
    after.schedule.drop("lamp")
    assert after.asker.heed()
    assert (after.directory.count(), scene[2]) == (0, ["urn:ex:lamp"])


def test_who_has_gone_meanwhile_expires(scene):
    """Nobody holds the registration of what is not announced."""
    after = restarted(scene, "lamp")
    after.go_on(4 * INTERVAL)
    assert (after.directory.count(), scene[2]) == (0, ["urn:ex:lamp"])


def test_nobody_says_of_itself_as_what_it_was_announced(scene):
    """Who sends a description was not announced, whatever it says of its registration."""
    _, opened, _ = scene
    sent = {**json.loads(described("lamp")), "registration": {"wasmiot:announcedAs": "lamp"}}
    directory = opened()
    directory.register(sent)
    assert directory.announced() == {}
    assert opened().announced() == {}
