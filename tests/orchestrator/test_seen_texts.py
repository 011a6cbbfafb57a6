"""A description that is sent again, byte for byte, renews its registration and no more."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator_app.directory import description
from orchestrator_app.directory.things import Directory

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
A = "urn:ex:a"


@pytest.fixture
def clock():
    """A list with the time in it."""
    return [BEGIN]


@pytest.fixture
def directory(store, clock):
    """A directory whose time is set."""
    return Directory(store, lambda: clock[0])


@pytest.fixture
def n_loads(monkeypatch):
    """A list that grows with each load of a description."""
    loads = []

    def counted(*arguments, **options):
        loads.append(arguments)
        return load(*arguments, **options)

    load = description.load
    monkeypatch.setattr(description, "load", counted)
    return loads


@pytest.fixture
def text(thing):
    """The text of a description that holds for a minute."""
    return json.dumps(thing(id=A, registration={"ttl": 60})).encode()


def test_a_heartbeat_renews_the_registration(directory, clock, text, n_loads):
    """What was given is counted from now, and nothing is loaded."""
    first, _ = directory.register(text)
    clock[0] += timedelta(seconds=30)
    again, is_new = directory.register(text)
    assert (is_new, len(n_loads)) == (False, 1)
    assert again.document == first.document == directory.get(A).document
    registration = directory.get(A).registration
    assert registration["created"] == first.registration["created"]
    assert registration["expires"] == "2026-01-01T00:01:30.000Z"


def test_a_heartbeat_keeps_a_thing(directory, clock, text):
    """It is purged a minute after the last one."""
    directory.register(text)
    assert directory.purge() == 0
    clock[0] += timedelta(seconds=50)
    directory.register(text)
    clock[0] += timedelta(seconds=50)
    assert directory.purge() == 0
    clock[0] += timedelta(seconds=20)
    assert directory.purge() == 1


def test_a_heartbeat_is_no_news(directory, text):
    """Nobody is told that nothing has changed."""
    changes = []
    directory.on_change(changes.append)
    directory.register(text)
    directory.register(text)
    assert [change.kind for change in changes] == ["thing_created"]


def test_what_another_wrote_is_replaced(store, directory, thing, text, n_loads):
    """The store has the last word about what is there, whoever else writes to it."""
    directory.register(text)
    Directory(store).register(json.dumps(thing(id=A, title="other")).encode())
    directory.register(text)
    assert directory.get(A).document["title"] == "lamp"
    assert len(n_loads) == 3


def test_what_was_removed_is_new_again(directory, text):
    """A heartbeat of a Thing that was deleted registers it."""
    directory.register(text)
    directory.delete(A)
    assert directory.register(text)[1] is True


def test_two_of_a_kind_are_two(directory, thing):
    """A text without an id is another Thing each time."""
    text = json.dumps(thing()).encode()
    assert directory.register(text)[0].id != directory.register(text)[0].id


def test_what_is_not_there_is_not_renewed(store):
    """Nothing is noted about a document that nobody has put."""
    assert store.renew(A, {"ttl": 5}) is False
    assert store.get(A) is None
