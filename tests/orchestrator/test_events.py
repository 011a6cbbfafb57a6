"""Changes of the directory, as listeners hear of them."""

import json
from itertools import islice

import pytest

from orchestrator_app.directory.events import (
    CAPACITY,
    MOST_BYTES,
    DirectoryChange,
    EventLog,
    MissedError,
    bytes_of,
)
from orchestrator_app.directory.merge_patch import difference, merged
from orchestrator_app.routes import event_stream
from wasmiot_td.server_sent_events import events

LAMP = "/things/urn:ex:lamp"


def heard(response, count):
    """Return the fields of the next events of a stream."""
    blocks = (b.decode() for b in response.response if b.startswith(b"event:"))
    found = [
        dict(line.split(": ", 1) for line in b.splitlines() if line) for b in islice(blocks, count)
    ]
    return [{**fields, "data": json.loads(fields["data"])} for fields in found]


@pytest.fixture
def listen(client):
    """Return a function that opens a stream; all are closed in the end."""
    opened = []

    def open_stream(path, **headers):
        response = client.get(path, headers=headers)
        opened.append(response)
        response.greeting = next(iter(response.response))
        return response

    yield open_stream
    for response in opened:
        response.close()


def change_a_lamp(client, thing):
    """Create, change and delete a Thing."""
    client.put(LAMP, json=thing(id="urn:ex:lamp"))
    client.put(LAMP, json=thing("light", id="urn:ex:lamp"))
    client.delete(LAMP)


def test_each_change_is_told_with_its_id(client, listen, thing):
    """Creation, change and deletion come in their order."""
    stream = listen("/events")
    change_a_lamp(client, thing)
    events = heard(stream, 3)
    assert [e["event"] for e in events] == ["thing_created", "thing_updated", "thing_deleted"]
    assert {e["data"]["id"] for e in events} == {"urn:ex:lamp"}
    assert len({e["id"] for e in events}) == 3


def test_a_type_is_told_alone_and_with_what_changed(client, listen, thing):
    """`diff=true` tells of an update only what differs."""
    stream = listen("/events/thing_updated?diff=true")
    change_a_lamp(client, thing)
    assert heard(stream, 1)[0]["data"] == {"id": "urn:ex:lamp", "title": "light"}


def test_with_diff_a_creation_is_told_whole_and_a_deletion_by_its_id(client, listen, thing):
    """Of a new Thing all is news; of a deleted one only that it is gone."""
    stream = listen("/events?diff=true")
    change_a_lamp(client, thing)
    created, _, deleted = (event["data"] for event in heard(stream, 3))
    assert (created["id"], created["title"]) == ("urn:ex:lamp", "lamp")
    assert deleted == {"id": "urn:ex:lamp"}


def test_a_listener_that_comes_back_hears_what_it_missed(client, listen, thing):
    """`Last-Event-ID` names the last event that was heard."""
    stream = listen("/events")
    change_a_lamp(client, thing)
    first = heard(stream, 1)[0]
    again = listen("/events", **{"Last-Event-ID": first["id"]})
    assert [e["event"] for e in heard(again, 2)] == ["thing_updated", "thing_deleted"]


def place_of(stream):
    """Return the id that a client keeps of the lines that a stream begins with."""
    *_, last = events_of([stream.greeting])
    return last


def events_of(blocks):
    """Return the ids that a client keeps, one after the other."""
    ids = []
    for _ in events(blocks, note_id=ids.append):
        pass
    return ids


def test_who_has_heard_nothing_yet_misses_nothing(client, listen, thing):
    """A stream begins with an id that is no event, so that a client that comes back sends it."""
    place = place_of(listen("/events"))
    change_a_lamp(client, thing)
    again = listen("/events", **{"Last-Event-ID": place})
    assert [e["event"] for e in heard(again, 2)] == ["thing_created", "thing_updated"]


def test_who_was_told_of_a_gap_is_told_once(client, listen, thing):
    """`missed` brings the id to come back with: what comes after it is heard."""
    stream = listen("/events", **{"Last-Event-ID": "another-1"})
    assert b"event: missed" in stream.greeting
    place = place_of(stream)
    change_a_lamp(client, thing)
    again = listen("/events", **{"Last-Event-ID": place})
    assert b"missed" not in again.greeting
    assert heard(again, 1)[0]["event"] == "thing_created"


def test_a_stream_of_one_type_keeps_up_with_the_others(client, listen):
    """However many events of other types go by, who comes back after them has missed nothing."""
    log = client.application.extensions["wasmiot"].events
    stream = listen("/events/thing_deleted")
    for number in range(CAPACITY):
        log.note(DirectoryChange("thing_created", f"urn:ex:{number}"))
    (place,) = events_of([next(iter(stream.response))])
    log.note(DirectoryChange("thing_created", "urn:ex:last"))
    log.note(DirectoryChange("thing_deleted", "urn:ex:last"))
    again = listen("/events/thing_deleted", **{"Last-Event-ID": place})
    assert b"missed" not in again.greeting
    assert heard(again, 1)[0]["data"] == {"id": "urn:ex:last"}


def test_a_stream_of_one_type_is_told_its_place_when_it_is_quiet(client, listen, monkeypatch):
    """One event of another type is enough, once a moment goes by without the next."""
    monkeypatch.setattr(event_stream, "LOOK_SECONDS", 0.01)
    log = client.application.extensions["wasmiot"].events
    stream = listen("/events/thing_deleted")
    log.note(DirectoryChange("thing_created", "urn:ex:lamp"))
    assert events_of([next(iter(stream.response))]) == [log.identifier(log.latest()[0])]


def test_registering_the_same_again_is_no_change(client, listen, thing):
    """A renewed registration of an equal description is not told."""
    stream = listen("/events")
    for title in ("lamp", "lamp", "light"):
        client.put(LAMP, json=thing(title, id="urn:ex:lamp"))
    assert [e["event"] for e in heard(stream, 2)] == ["thing_created", "thing_updated"]


def test_who_comes_back_too_late_is_told_so(client, listen, thing):
    """Where an id is not of this run, or what came after it is not all kept, `missed` says so."""
    log = client.application.extensions["wasmiot"].events
    change_a_lamp(client, thing)
    first = log.identifier(log.latest()[0])
    log._events.popleft()
    log._events.popleft()
    for last in ("another-1", first):
        response = client.get("/events", headers={"Last-Event-ID": last})
        greeting = next(iter(response.response))
        response.close()
        assert b"event: missed\n" in greeting
        assert json.dumps({"lastEventId": last}).encode() in greeting


def test_who_comes_back_too_late_hears_what_comes_now(client, listen, thing):
    """After `missed` the stream goes on from now; it does not end again and again."""
    log = client.application.extensions["wasmiot"].events
    change_a_lamp(client, thing)
    first = log.identifier(log.latest()[0])
    log._events.popleft()
    log._events.popleft()
    stream = listen("/events", **{"Last-Event-ID": first})
    client.put(LAMP, json=thing(id="urn:ex:lamp"))
    assert heard(stream, 1)[0]["event"] == "thing_created"


@pytest.mark.parametrize("digits", ["9" * 19, "9" * 5000, "²", "-1", ""])
def test_a_place_that_there_never_was(client, thing, digits):
    """An id with a number that was never given out is as one of another run."""
    change_a_lamp(client, thing)
    log = client.application.extensions["wasmiot"].events
    given = log.identifier(log.latest()[0]).rpartition("-")[0]
    response = client.get("/events", headers={"Last-Event-ID": f"{given}-{digits}"})
    greeting = next(iter(response.response))
    response.close()
    assert b"event: missed\n" in greeting


def test_a_listener_that_is_too_slow_is_dropped(client, listen):
    """Where events went that it has not heard, its stream ends: it never lacks one unknowingly."""
    log = client.application.extensions["wasmiot"].events
    stream = listen("/events")
    for number in range(CAPACITY + 1):
        log.note(DirectoryChange("thing_created", f"urn:ex:{number}"))
    assert list(stream.response) == []


@pytest.mark.parametrize("late_seconds", [0.0, 60.0])
def test_who_takes_nothing_is_told_from_who_leaves(
    client, listen, thing, late_seconds, monkeypatch, caplog
):
    """The log names a listener whose connection ended because it took no event, and no other."""
    monkeypatch.setattr(event_stream, "LATE_SECONDS", late_seconds)
    stream = listen("/events")
    change_a_lamp(client, thing)
    heard(stream, 1)
    stream.close()
    assert ("listener_dropped" in caplog.text) == (late_seconds == 0)


def test_large_descriptions_are_kept_for_a_shorter_while():
    """What is kept comes to a bounded size; who missed something is told so, as ever."""
    log = EventLog(weigh=bytes_of)
    large = {"title": "x" * (MOST_BYTES // 8 - 100)}
    for number in range(20):
        log.note(DirectoryChange("thing_updated", f"urn:ex:{number}", large, large))
    assert len(log.after(16, 0)) == 4
    with pytest.raises(MissedError):
        log.after(3, 0)


def test_there_are_only_so_many_streams(client, listen):
    """One more is refused, and a closed one makes room."""
    streams = [listen("/events") for _ in range(64)]
    answer = client.get("/events")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    streams[0].close()
    assert listen("/events").status_code == 200


def test_head_takes_no_place_among_the_listeners(client, listen):
    """Its headers are a stream's, and it is answered when no place is left too."""
    for _ in range(64):
        listen("/events")
    head = client.head("/events")
    assert (head.status_code, head.mimetype, head.data) == (200, "text/event-stream", b"")
    assert "Content-Length" not in head.headers  # nor has a stream any (RFC 9110, clause 8.6)


def test_an_unknown_type_is_a_problem(client):
    """The answer names the types that there are."""
    response = client.get("/events/thing_painted")
    assert response.status_code == 404
    assert "thing_deleted" in response.json["detail"]


def test_a_search_that_is_not_offered_says_so(client):
    """XPath is a 501, with what to use instead; the directory's description says so too."""
    response = client.get("/search/xpath?query=x")
    assert response.status_code == 501
    assert "sparql" in response.json["detail"]
    assert "XPath" in client.get("/.well-known/wot").json["description"]


def test_the_difference_is_the_patch_that_leads_from_old_to_new():
    """Removed, changed and nested members alike."""
    old = {"a": 1, "b": {"c": 1, "d": [1]}, "e": 1}
    new = {"a": 1, "b": {"c": 2, "d": [2]}, "f": {}}
    assert difference(old, new) == {"b": {"c": 2, "d": [2]}, "e": None, "f": {}}
    assert merged(old, difference(old, new)) == new
