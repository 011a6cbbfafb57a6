"""Compositions that start by themselves: by the clock, or because another Thing says something."""

import ipaddress
import json
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask, request

from supervisor_app.references import Reference, Trigger
from supervisor_app.triggers import Triggers, latest
from wasmiot_td.consumed_thing import WsgiTransport
from wasmiot_td.subscription import stream_transport

CONTEXT = ["https://www.w3.org/2022/wot/td/v1.1", "https://wetware.fi/2023/wasmiot/v1.0"]
OFTEN = {"every": "PT0.1S"}
JSON = {"Content-Type": "application/json"}


class Counter:
    """A Thing that is told to count, with a level that can be read."""

    def __init__(self):
        self.values, self.keys, self.level, self.is_busy = [], [], 1, False
        self.ids = []
        self.app = Flask("counter")
        self.app.add_url_rule("/td", view_func=self.td)
        self.app.add_url_rule("/count", view_func=self.count, methods=["POST"])
        self.app.add_url_rule("/count/1", "status", self.status)
        self.app.add_url_rule("/level", "level", lambda: (str(self.level), JSON))

    def td(self):
        """Describe."""
        count = {"input": {}, "forms": [{"href": "http://counter/count"}]}
        level = {"forms": [{"href": "http://counter/level"}], "readOnly": True}
        return {"title": "counter", "actions": {"count": count}, "properties": {"level": level}}

    def status(self):
        """Say how an execution stands."""
        return {"status": "running" if self.is_busy else "completed"}

    def count(self):
        """Count."""
        self.values.append(json.loads(request.data) if request.data else None)
        self.keys.append(request.headers["Idempotency-Key"])
        trace = request.headers["traceparent"].split("-")[1]
        self.ids.append((request.headers.get("X-Request-Id"), trace))
        if self.is_busy:
            return {"status": "pending", "href": "/count/1"}, 201, {"Location": "/count/1"}
        return "", 204


class Both(WsgiTransport):
    """Some Things in this process, the others over the network."""

    def open(self, method, url, **rest):
        """Send a request."""
        way = super() if url.startswith("http://counter/") else stream_transport()
        return way.open(method, url, **rest)


@pytest.fixture
def counter():
    """A Thing that is told to count."""
    return Counter()


@pytest.fixture
def start(make_device, counter):
    """Return a function that starts a device beside the counter."""
    apps = {"http://counter/": counter.app}

    def start(transport=WsgiTransport, **settings):
        device = make_device(transport(apps), public_url="http://hub/", **settings)
        apps["http://hub/"] = device.app
        return device

    return start


def put(device, trigger, code=201, **members):
    """Install a trigger that feeds the counter."""
    feeds = [{"id": "urn:count", "thing": "http://counter/td", "affordance": "count"}]
    document = {"@context": CONTEXT, "title": "alarm", **members}
    document["wasmiot:trigger"] = {"feeds": feeds, **trigger}
    response = device.client.put("/deployments/alarm", json=document)
    assert response.status_code == code, response.text
    return response


def told(device):
    """Return what the device says became of the trigger."""
    return device.client.get("/deployments/alarm/properties/triggers").json


def until(condition):
    """Wait until something is so; the test's own time limit ends what never is."""
    while not condition():
        time.sleep(0.005)


def test_interval(start, counter):
    """At each multiple of the interval an execution is started, each with a key of its own."""
    device = start()
    put(device, OFTEN)
    until(lambda: len(counter.values) >= 3)
    assert len(set(counter.keys)) == len(counter.keys)
    until(lambda: told(device)["fired"] >= 3)
    assert len(set(counter.ids)) == len(counter.ids)
    assert all(request_id == trace for request_id, trace in counter.ids)
    value = told(device)
    assert datetime.fromisoformat(value["nextTime"]).microsecond % 100_000 == 0
    assert (value["failed"], "lastFired" in value) == (0, True)


def test_trigger_is_described(start, check_td):
    """The installation's TD has the property, and it is among all of its values."""
    device = start()
    put(device, OFTEN)
    td = device.client.get("/deployments/alarm/td").json
    check_td(td)
    assert td["properties"]["triggers"]["forms"][0]["href"] == "properties/triggers"
    assert "fired" in device.client.get("/deployments/alarm/properties").json["triggers"]
    named = device.client.get("/deployments/alarm/properties?names=triggers").json
    assert list(named) == ["triggers"]


def test_same_put_again(start):
    """The completed TD, put again, changes nothing and disturbs no trigger."""
    device = start()
    put(device, OFTEN)
    until(lambda: told(device)["fired"])
    td = device.client.get("/deployments/alarm/td").json
    assert device.client.put("/deployments/alarm", json=td).status_code == 204
    assert told(device)["fired"]


def test_delete_stops_it(start, counter):
    """With its installation a trigger goes, and its counts too."""
    device = start()
    put(device, OFTEN)
    until(lambda: counter.values)
    device.client.delete("/deployments/alarm")
    assert [t for t in threading.enumerate() if t.name == "trigger-alarm"] == []
    put(device, {"cron": "0 0 29 2 *"})
    assert told(device)["fired"] == 0


def test_replaced_trigger(start, counter):
    """Another trigger takes the place of the one before."""
    device = start()
    put(device, {"cron": "0 0 29 2 *"})
    put(device, OFTEN, code=204)
    until(lambda: counter.values)


def test_restart(start, counter, tmp_path):
    """A device that comes back goes on by itself, and counts on."""
    first = start(data_dir=tmp_path / "kept")
    put(first, OFTEN)
    until(lambda: told(first)["fired"] >= 1)
    first.app.extensions["supervisor"].triggers.close()
    count = len(counter.values)
    again = start(data_dir=tmp_path / "kept")
    again.app.extensions["supervisor"].begin()
    until(lambda: len(counter.values) > count and told(again)["fired"] > count)


def test_failure(start):
    """A start that fails is counted, with the reason, and the next one is tried."""
    device = start()
    away = {"id": "urn:x", "thing": "http://away/td", "affordance": "count"}
    put(device, {**OFTEN, "feeds": [away]})
    until(lambda: told(device)["failed"] >= 2)
    assert "http://away/td" in told(device)["lastError"]


def test_overlap_is_bounded(start, counter):
    """While as many executions go on as may, none is started: that is counted as skipped."""
    counter.is_busy = True
    device = start()
    put(device, OFTEN)
    until(lambda: told(device)["skipped"] >= 1)
    assert (len(counter.values), told(device)["running"]) == (4, 4)
    counter.is_busy = False
    assert told(device)["running"] == 0
    until(lambda: len(counter.values) > 4)


def test_property_that_changes(start, counter):
    """A property without a form to observe it is read, and its new value is what is sent."""
    device = start(observe_seconds=0.5)
    put(device, {"property": "urn:c#/properties/level", "thing": "http://counter/td"})
    values = iter(range(2, 10_000))

    def has_started():
        counter.level = next(values)
        return counter.values

    until(has_started)
    assert counter.values[0] > 1


@pytest.mark.parametrize(
    ("trigger", "field"),
    [
        ({"every": "10 s"}, "/every"),
        ({"every": "PT0.001S"}, "/every"),
        ({"cron": "61 * * * *"}, "/cron"),
        ({"event": "urn:t#/events/e"}, ""),
        ({"every": "PT1S", "cron": "* * * * *"}, ""),
        ({"every": "PT1S", "feeds": []}, "/feeds"),
    ],
)
def test_trigger_that_cannot_be(start, trigger, field):
    """What can never fire is refused when it is put, with its place."""
    response = put(start(), trigger, code=422)
    fields = [e["field"] for e in response.json["validationErrors"]]
    assert f"/wasmiot:trigger{field}" in fields


def moments(*seconds):
    """Return a clock that tells these times, and then the last one for ever."""
    noon, left = datetime(2026, 1, 1, 12, tzinfo=UTC), list(seconds)
    return lambda: noon + timedelta(seconds=left.pop(0) if len(left) > 1 else left[0])


class Starts:
    """Executions that are only counted."""

    def __init__(self):
        self.count_ = 0

    def start(self, *_):
        """Count."""
        self.count_ += 1
        return True

    def count(self, _):
        """Return none."""
        return 0

    def forget(self, _):
        """Do nothing."""


@pytest.mark.parametrize(
    ("schedule", "clock", "fired", "skipped"),
    [
        (("cron", "* * * * *"), (-0.5, -0.1, 0.01), 1, 0),
        (("every", "PT10S"), (1, 9.99, 10), 1, 0),
        (("every", "PT10S"), (1, 41, 41), 1, 3),
        (("every", "PT10S"), (3601, 9.95, 9.99, 10), 1, 0),
        (("every", "PT0.1S"), (0, 86400, 86400), 1, 1000),
    ],
    ids=["cron", "interval", "late", "clock set back", "after a long sleep"],
)
def test_clock(tmp_path, schedule, clock, fired, skipped):
    """A trigger keeps to the clock: what was missed is counted and not made up for."""
    starts = Starts()
    triggers = Triggers(starts, None, None, tmp_path, poll_seconds=1, clock=moments(*clock))
    trigger = Trigger(*schedule, Reference("", "", "", ""), ())
    installation = type("Installed", (), {"slug": "a", "trigger": trigger})
    triggers.follow([installation])
    until(lambda: starts.count_)
    value = triggers._running["a"].counts
    triggers.close()
    assert (starts.count_, value.fired, value.skipped) == (fired, fired, skipped)


def test_latest():
    """Of the times that have gone by, the last one counts."""
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    late = noon + timedelta(seconds=25)
    assert latest({"every": "PT10S"}, noon, late) == (noon + timedelta(seconds=20), 2)


MODULE = """(module (global $n (mut i32) (i32.const 7))
  (func (export "get") (result i32) (global.get $n))
  (func (export "set") (param i32) (global.set $n (local.get 0))))"""


@pytest.mark.parametrize(
    ("kind", "pointer"), [("event", "#/events/changed"), ("property", "#/properties/level")]
)
def test_thing_that_tells(start, served_device, counter, kind, pointer):
    """An event, or a property that is observed over a connection, starts an execution with it."""
    level = {"type": "integer", "wasmiot:entrypoint": "get", "wasmiot:writeEntrypoint": "set"}
    served_device.put(
        "tank",
        MODULE,
        is_stateful=True,
        properties={"level": {**level, "observable": True}},
        events={"changed": {"wasmiot:entrypoint": "get", "data": {"type": "integer"}}},
    )
    here = ipaddress.ip_network("127.0.0.1/32")  # where the hub, whose name is no local one, may go
    device, url = start(Both, allow_addresses=(here,)), f"{served_device.url}deployments/tank/"
    put(device, {kind: f"urn:tank{pointer}", "thing": f"{url}td"})
    values = iter(range(100, 10**6))

    def has_started():
        served_device.client.put("/deployments/tank/properties/level", json=next(values))
        return counter.values

    until(has_started)
    assert counter.values[0] >= 100
    until(lambda: told(device).get("lastEventId"))
