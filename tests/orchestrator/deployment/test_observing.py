"""What the observer writes: what somebody needs, at once; time and noise, now and then."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from orchestrator_app.monitoring.observation import MOST_SWINGS, Observation, observation_id
from orchestrator_app.monitoring.observe import Observer
from orchestrator_app.store import Outcomes, Put, StoreUnavailableError
from wasmiot_td.errors import ThingUnreachable

LARGE = "urn:ex:large"


class CountedStore:
    """The store, with a note of what is written by it."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.written: list[list[str]] = []
        self.are_written = threading.Condition()
        self.fails = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @property
    def devices(self) -> list[str]:
        """Of which devices was written so far, in order of their ids."""
        return sorted(device for written in self.written for device in written)

    def put_many(self, puts: Sequence[Put]) -> Outcomes:
        """Write, and note of which devices."""
        if self.fails:
            return [StoreUnavailableError("the disk is full")] * len(puts)
        outcomes: Outcomes = self._store.put_many(puts)
        with self.are_written:
            self.written.append(sorted(put.document.document["device"] for put in puts))
            self.are_written.notify_all()
        return outcomes


@pytest.fixture
def store(yard, monkeypatch):
    """The yard's store, counted; devices that answer are waited for before it is written."""
    monkeypatch.setattr("orchestrator_app.monitoring.observe.GATHERED_SECONDS", 60.0)
    return CountedStore(yard.parts.store)


@pytest.fixture
def observer(yard, store):
    """An observer that has looked once."""
    made = Observer(store, yard.parts.devices)
    made.look({})
    return made


def kept(yard, device=LARGE):
    """Return what the store has of a device."""
    return yard.parts.store.get(observation_id(device)).document


def keep(yard, *, last_seen):
    """Have the store say when the large device last answered."""
    seen = Observation(LARGE, True, last_seen, {"cpuLoad": 0.25})
    yard.parts.store.put(seen, kind="observation")


def test_the_first_look_is_one_write_and_the_next_none(observer, store):
    """All devices at once; that a second has passed is nothing that anybody needs."""
    assert store.written == [["urn:ex:large", "urn:ex:sensor", "urn:ex:small"]]
    for _ in range(3):
        observer.look({})
    assert len(store.written) == 1


def test_decisions_are_made_with_the_load_of_each_look(yard, observer, store):
    """Although the graph is not told of so small a change."""
    yard.devices["large"].load = 0.31234
    seen = {o.device: o.load for o in observer.look({})}
    assert seen[LARGE] == 0.31234
    assert (len(store.written), kept(yard)["health"]) == (1, {"cpuLoad": 0.25})


def test_a_load_that_rises_is_written_at_once(yard, observer, store):
    """Of the one device; rounded."""
    yard.devices["large"].load = 0.91234
    observer.look({})
    assert store.written[1:] == [[LARGE]]
    assert kept(yard)["health"] == {"cpuLoad": 0.91}


def test_a_load_that_goes_up_and_down_is_written_now_and_then(yard, store):
    """A few times at once, and then once in ten seconds."""
    seconds = iter(range(10_000))
    observer = Observer(store, yard.parts.devices, clock=lambda: next(seconds) / 100)
    for number in range(30):
        yard.devices["large"].load = number % 2
        observer.look({})
    assert sum(LARGE in written for written in store.written) == MOST_SWINGS
    observer = Observer(store, yard.parts.devices)
    yard.devices["large"].load = 0.5
    observer.look({})
    assert kept(yard)["health"] == {"cpuLoad": 0.5}


def test_the_last_answer_is_told_of_once_a_minute(yard, observer, store):
    """What the store has is what counts, whoever wrote it."""
    keep(yard, last_seen="2026-01-01T00:00:00Z")
    observer.look({})
    assert store.written[1:] == [[LARGE]]
    assert kept(yard)["lastSeen"] > "2026-01-01T00:00:00Z"


def test_silence_is_written_with_the_exact_last_answer(yard, observer, store):
    """The store has an older one; the silence that goes on is not written again."""
    answered = kept(yard)["lastSeen"]
    keep(yard, last_seen="2026-01-01T00:00:00Z")
    yard.unplug(yard.devices["large"])
    observer.look({})
    observer.look({})
    assert store.written[1:] == [[LARGE]]
    assert (kept(yard)["isHealthy"], kept(yard)["lastSeen"]) == (False, answered)


def test_silence_after_a_restart_has_the_time_that_is_kept(yard, observer, store):
    """The observer that is new has seen no answer itself."""
    keep(yard, last_seen="2026-01-01T00:00:00Z")
    yard.unplug(yard.devices["large"])
    Observer(store, yard.parts.devices).look({})
    assert store.written[1:] == [[LARGE]]
    assert (kept(yard)["isHealthy"], kept(yard)["lastSeen"]) == (False, "2026-01-01T00:00:00Z")


def test_an_answer_after_silence_is_written_at_once(yard, observer, store):
    """In the same minute."""
    large = yard.devices["large"]
    yard.unplug(large)
    observer.look({})
    yard.plug_in(large)
    observer.look({})
    assert store.written[1:] == [[LARGE], [LARGE]]
    assert kept(yard)["isHealthy"]


def test_a_restart_alone_is_no_reason_to_write(yard, observer, store):
    """What is kept is compared, not what is remembered."""
    Observer(store, yard.parts.devices).look({})
    assert len(store.written) == 1


def test_what_somebody_removed_is_written_again(yard, observer, store):
    """So after a graph server was emptied; of a silent device too, with its last answer."""
    answered = kept(yard)["lastSeen"]
    yard.unplug(yard.devices["large"])
    for device in yard.devices.values():
        store.delete(observation_id(device.id))
    observer.look({})
    assert len(store.written[1]) == 3
    assert (kept(yard)["isHealthy"], kept(yard)["lastSeen"]) == (False, answered)


def test_what_a_full_disk_refused_is_written_later(yard, observer, store):
    """The round fails, as the store said why; the next one that may write does."""
    store.fails = True
    yard.devices["large"].load = 0.9
    with pytest.raises(StoreUnavailableError, match="disk is full"):
        observer.look({})
    store.fails = False
    observer.look({})
    assert kept(yard)["health"] == {"cpuLoad": 0.9}


def test_one_that_hangs_does_not_hold_up_what_others_said(yard, store, monkeypatch):
    """They are in the graph while it is still asked."""
    monkeypatch.setattr("orchestrator_app.monitoring.observe.GATHERED_SECONDS", 0.01)
    devices, asked = yard.parts.devices, yard.parts.devices.health
    others = ["urn:ex:sensor", "urn:ex:small"]

    def hangs(document):
        if document["id"] == LARGE:
            with store.are_written:
                assert store.are_written.wait_for(lambda: store.devices == others, 30)
            raise ThingUnreachable("no answer in time")
        return asked(document)

    monkeypatch.setattr(devices, "health", hangs)
    Observer(store, devices).look({})
    assert store.written[-1] == [LARGE]


def test_what_left_the_directory_is_forgotten(yard, observer, store):
    """What it said before does not count when it is back and silent."""
    yard.leave("large")
    observer.look({})
    assert store.get(observation_id(LARGE)) is None
    yard.unplug(yard.devices["large"])
    yard.come_back("large")
    observer.look({})
    assert kept(yard)["lastSeen"] is None
