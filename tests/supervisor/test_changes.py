"""Events and observable properties, over real connections."""

import json
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import requests

from supervisor_app import observations
from supervisor_app.poll_places import PollPlaces
from supervisor_app.routes import changes

COUNTER = """(module (global $n (mut i32) (i32.const 0))
  (func (export "get") (result i32) (global.get $n))
  (func (export "set") (param i32) (global.set $n (local.get 0)))
  (func (export "is_high") (result i32) (i32.gt_s (global.get $n) (i32.const 10))))"""
LEVEL = {
    "type": "integer",
    "observable": True,
    "wasmiot:entrypoint": "get",
    "wasmiot:writeEntrypoint": "set",
}
HIGH = {"wasmiot:entrypoint": "is_high", "data": {"type": "boolean"}}
STREAM = {"Accept": "text/event-stream"}


@pytest.fixture
def tank(served_device, monkeypatch):
    """A stateful Thing whose level can be read, written, observed, and which warns."""
    monkeypatch.setattr(changes, "ALIVE_SECONDS", 0.25)  # who has gone is noticed that soon
    served_device.put(
        "tank",
        COUNTER,
        is_stateful=True,
        properties={"level": LEVEL},
        events={"high": HIGH},
    )
    return f"{served_device.url}deployments/tank/"


def write(tank, value):
    """Write the level."""
    assert requests.put(f"{tank}properties/level", json=value, timeout=10).status_code == 204


@contextmanager
def opened(url, **headers):
    """Open a stream, and yield its events as name, number and value once changes are told."""
    with requests.get(url, headers={**STREAM, **headers}, stream=True, timeout=20) as response:
        assert response.status_code == 200, response.text
        assert response.headers["Content-Type"].startswith("text/event-stream")
        lines = response.iter_lines(chunk_size=1, decode_unicode=True)
        assert next(lines).startswith("retry: ")
        yield _events(lines)


def _events(lines):
    fields = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if name:
            fields[name] = value
        elif "data" in fields:
            yield fields["event"], int(fields["id"]), json.loads(fields["data"])
            fields = {}


def test_an_observed_property(tank):
    """Each new value comes as an event with the property's name and a growing number."""
    with opened(f"{tank}properties/level/changes") as stream:
        write(tank, 3)
        first = next(stream)
        write(tank, 4)
        second = next(stream)
    assert (first[0], first[2], second[2]) == ("level", 3, 4)
    assert second[1] > first[1]


def test_an_event(tank):
    """An event comes when what the function says has changed, and not before."""
    with opened(f"{tank}events/high") as stream:
        write(tank, 5)
        write(tank, 11)
        assert next(stream)[::2] == ("high", True)


@pytest.mark.parametrize(("path", "name"), [("properties", "level"), ("events", "high")])
def test_all_of_a_thing(tank, path, name):
    """The Thing's own forms tell of all its observable properties, or of all its events."""
    with opened(tank + path) as stream:
        write(tank, 20)
        assert next(stream)[0] == name


def test_missed_changes_come_later(tank):
    """Who says which event was the last gets those that came after it."""
    with opened(f"{tank}properties/level/changes") as stream:
        write(tank, 1)
        last = next(stream)[1]
        write(tank, 2)
        next(stream)
    url = f"{tank}properties/level/changes"
    with opened(url, **{"Last-Event-ID": str(last)}) as stream:
        assert next(stream)[2] == 2


def cut_off(url, **headers):
    """Open a stream, and have the connection reset after its first id; return what it told."""
    parts = urlsplit(url)
    lines = [f"GET {parts.path} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in {**STREAM, **headers}.items()]
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        told, answer = {}, connection.makefile(encoding="utf-8")
        while "id" not in told and told.get("") != "alive":
            name, _, value = answer.readline().strip().partition(": ")
            told[name] = value
        answer.close()
    return told


@pytest.mark.parametrize("path", ["properties/level/changes", "events/high", "events"])
def test_who_was_cut_off_before_it_heard_anything_misses_nothing(tank, path, monkeypatch):
    """It was told a place to come back to, and hears what came meanwhile."""
    monkeypatch.setattr(observations, "LINGER_SECONDS", 60.0)  # it comes back in time
    place = cut_off(f"{tank}{path}")["id"]
    write(tank, 20)
    with opened(f"{tank}{path}", **{"Last-Event-ID": place}) as stream:
        name, number, value = next(stream)
    assert (name, value) in (("level", 20), ("high", True))
    assert number > int(place)


def test_missed_is_told_once(tank):
    """Who comes back with the place that came with it is told of nothing more that was missed."""
    url = f"{tank}properties/level/changes"
    first = cut_off(url, **{"Last-Event-ID": "1"})
    again = cut_off(url, **{"Last-Event-ID": first["id"]})
    assert (first.get("event"), again.get("event")) == ("missed", None)


def test_a_number_that_nobody_was_told_is_no_place(tank):
    """The clock of the device was put back, or somebody made it up: `missed`, and what comes."""
    told = cut_off(f"{tank}properties/level/changes", **{"Last-Event-ID": str(10**18)})
    assert (told["event"], int(told["id"]) < 10**18) == ("missed", True)


def test_who_was_away_for_too_long_is_told_so(tank):
    """Before what is still kept comes the event `missed`."""
    url = f"{tank}properties/level/changes"
    with opened(url) as stream:
        write(tank, 1)
        last = next(stream)[1]
        for value in range(2, 80):
            write(tank, value)
            newest = next(stream)[1]
    with requests.get(
        url, headers={**STREAM, "Last-Event-ID": str(last)}, stream=True, timeout=20
    ) as response:
        lines = response.iter_lines(chunk_size=1, decode_unicode=True)
        assert [next(lines) for _ in range(5)][3] == "event: missed"
        told = next(data for name, _, data in (x.partition(": ") for x in lines) if name == "id")
    assert last < int(told) < newest


def test_long_poll(tank):
    """Without a stream the answer comes when there is something to tell."""
    answers = []

    def poll():
        answers.append(requests.get(f"{tank}events/high", timeout=30).json())

    thread = threading.Thread(target=poll)
    thread.start()
    level = 11
    while thread.is_alive():  # the poll may begin after the first writes
        write(tank, level)
        level = 11 - level
        thread.join(0.3)
    assert answers in ([True], [False])


def test_a_poll_that_waits_for_long(tank, monkeypatch):
    """A property's ends with the value that there is; that of an event goes on, with blanks."""
    monkeypatch.setattr(changes, "VALUE_SECONDS", 0.3)
    monkeypatch.setattr(changes, "EVENT_SECONDS", 0.3)
    assert requests.get(f"{tank}properties/level/changes", timeout=20).text == "0"
    with requests.get(f"{tank}events/high", stream=True, timeout=20) as response:
        assert response.raw.read(2) == b"  "
        write(tank, 11)
        assert json.loads(response.raw.read()) is True


def test_a_poll_leaves_its_place_to_another(tank, served_device):
    """Where all are taken, a poll of a property ends with its value, and may come again."""
    url = f"{tank}properties/level/changes"
    with opened(url), ThreadPoolExecutor(1) as polls:
        poll = polls.submit(requests.get, url, timeout=20)
        while served_device.app.extensions["supervisor"].observations.listening < 2:
            time.sleep(0.01)
        while not _is_open(url):
            time.sleep(0.05)
        assert poll.result().json() == 0


def seen(device):
    """Return how many changes of the level are known."""
    observations = device.app.extensions["supervisor"].observations
    return sum(len(w.changes) for w in list(observations._watched.values()))


def test_long_polls_miss_nothing(tank, served_device):
    """What changes between two polls of a client is told by the next ones, each value once."""
    url = f"{tank}properties/level/changes"
    answers = []
    with ThreadPoolExecutor(1) as polls:
        first = polls.submit(lambda: requests.get(url, timeout=30).json())
        while not first.done():  # the poll may begin after the first writes
            write(tank, len(answers) + 100)
            answers.append(len(answers) + 100)
            wait([first], 0.1)
    count = answers.index(first.result()) + 1
    for value in (1, 2):
        known = seen(served_device)
        write(tank, value)
        while seen(served_device) == known:
            time.sleep(0.005)
    told = [requests.get(url, timeout=30).json() for _ in (*answers[count:], 1, 2)]
    assert told == [*answers[count:], 1, 2]


def test_polls_of_several_clients():
    """Each poll that ends expects one that comes; who comes too late is a newcomer."""
    places = PollPlaces()
    places.leave("client", 5)
    places.leave("client", 6)
    assert [places.resume(c) for c in ("another", "client", "client", "client")] == [
        None,
        5,
        6,
        None,
    ]
    late = PollPlaces(keep_seconds=0)
    late.leave("client", 5)
    assert late.resume("client") is None


def test_head_answers_at_once(tank):
    """A client that tries the form first, as node-wot does, is not kept waiting."""
    response = requests.head(f"{tank}properties/level/changes", timeout=5)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")


def test_too_many_streams(tank):
    """One stream too many is refused, requests go on, and a stream that left makes room."""
    url = f"{tank}properties/level/changes"
    with opened(url), opened(url):
        response = requests.get(url, headers=STREAM, timeout=10)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
        assert requests.get(f"{tank}properties/level", timeout=10).json() == 0
    while not _is_open(url):
        time.sleep(0.05)


def _is_open(url):
    with requests.get(url, headers=STREAM, stream=True, timeout=20) as response:
        return response.status_code == 200


def test_forms_of_an_older_program(device, make_device):
    """After a restart its long polls are described as they work now: node-wot tries HEAD first."""
    device.put("tank", COUNTER, events={"high": HIGH})
    (file,) = (device.settings.data_dir / "installations").iterdir()
    older = json.loads(file.read_bytes())
    older["events"]["high"]["forms"][0]["htv:methodName"] = "GET"
    file.write_text(json.dumps(older))
    device.app.extensions["supervisor"].close()
    again = make_device(data_dir=device.settings.data_dir)
    forms = again.client.get("/deployments/tank/td").json["events"]["high"]["forms"]
    assert ["htv:methodName" in form for form in forms] == [False, True]


def test_nothing_to_observe(tank):
    """Neither a property that is not observable nor a Thing without events is told of."""
    device = tank.replace("deployments/tank/", "")
    assert requests.get(f"{device}deployments/tank/events/none", timeout=10).status_code == 404
    assert requests.get(f"{device}deployments/x/events", timeout=10).status_code == 404


def test_forms(tank, check_td):
    """The TD says all this, and is valid."""
    thing = requests.get(f"{tank}td", timeout=10).json()
    check_td(thing)
    subprotocols = [f.get("subprotocol") for f in thing["properties"]["level"]["forms"]]
    assert subprotocols == [None, "longpoll", "sse"]
    assert {op for form in thing["forms"] for op in form["op"]} >= {
        "readallproperties",
        "readmultipleproperties",
        "writeallproperties",
        "writemultipleproperties",
        "observeallproperties",
        "subscribeallevents",
    }
    assert len(thing["profile"]) == 2
