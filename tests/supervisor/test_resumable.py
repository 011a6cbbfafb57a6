"""Calls that begin with the interpreter's lock and go on without it."""

import time
import weakref

import pytest
import wasmtime

from supervisor_app.alarm import Alarm
from supervisor_app.call import FunctionType
from supervisor_app.instance import Function, Signature
from supervisor_app.resumable import MOST_PROOFS, ResumableCalls, SteadyEntry
from supervisor_app.slot import Slot

NUMBER = {"type": "integer"}
COUNTER = """(module (global $calls (mut i32) (i32.const 0)) (memory (export "memory") 1)
  (global $free (mut i32) (i32.const 16))
  (func (export "turn") (param i32) (result i32) (local i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (loop (local.set 1 (i32.add (local.get 1) (i32.const 1)))
      (br_if 0 (i32.lt_u (local.get 1) (local.get 0))))
    (i32.add (global.get $calls) (i32.mul (local.get 1) (i32.const 100))))
  (func (export "divide") (param i32) (result i32) (loop)
    (i32.div_s (i32.const 84) (local.get 0)))
  (func $deep (export "deep") (param i32) (result i32) (call $deep (local.get 0)))
  (func (export "alloc") (param i32) (result i32)
    (loop (global.set $free (i32.add (global.get $free) (i32.const 1)))
      (br_if 0 (i32.and (global.get $free) (i32.const 7))))
    (global.get $free))
  (func (export "sum") (param i32 i32) (result i32) (local i32)
    (loop (local.set 2 (i32.add (local.get 2) (i32.load8_u (local.get 0))))
      (local.set 0 (i32.add (local.get 0) (i32.const 1)))
      (local.set 1 (i32.sub (local.get 1) (i32.const 1))) (br_if 0 (local.get 1)))
    (local.get 2))
  (func (export "forward") (result i32) (i32.const 7)))"""
ENDLESS = -1
MILLIONS = 20_000_000


def taking(schema):
    """Return an action for each function that takes a number, and what it is told otherwise."""
    return {"synchronous": True, "input": schema, "output": NUMBER}


ACTIONS = {
    **{name: {"wasmiot:entrypoint": name, **taking(NUMBER)} for name in ("turn", "divide", "deep")},
    "endless": {"wasmiot:entrypoint": "turn", "input": NUMBER},
    "sum": {"wasmiot:entrypoint": "sum", **taking({"type": "string"})},
    "forward": {"wasmiot:entrypoint": "forward", "synchronous": True, "output": NUMBER},
}


@pytest.fixture
def start(make_device):
    """Return a function that starts a device with some counters that keep their count."""

    def start(*slugs, **settings):
        device = make_device(**{"call_seconds": 60, **settings})
        for slug in slugs or ("d",):
            response = device.put(slug, COUNTER, is_stateful=True, actions=ACTIONS)
            assert response.status_code == 201, response.text
        return device

    return start


def call(device, name, body=None, slug="d"):
    """Invoke an action."""
    return device.client.post(f"/deployments/{slug}/actions/{name}", json=body).json


def begin(device, slug):
    """Begin what has no end, and return its URL when it is under way."""
    url = f"/deployments/{slug}/actions/endless"
    href = device.client.post(url, json=ENDLESS).json["href"]
    while device.client.get(href).json["status"] != "running":
        time.sleep(0.01)
    return href


def test_small_and_long_calls_keep_the_state(start):
    """A call that is put aside goes on where it was: it counts once, and gives its result."""
    device = start()
    amounts = [1, 1, MILLIONS, 1, MILLIONS, 1, 1]
    answers = [call(device, "turn", amount) for amount in amounts]
    assert answers == [number + amount * 100 for number, amount in enumerate(amounts, 1)]


def test_others_are_answered_meanwhile(start):
    """What turns endless by its input holds up nobody, on its first call and when it was quick."""
    device = start("slow", "quick")
    for _ in range(5):
        call(device, "turn", 1, "slow")
    href = begin(device, "slow")
    answers = [call(device, "turn", 1, "quick") for _ in range(20)]
    assert answers == [number + 100 for number in range(1, 21)]
    assert call(device, "forward", slug="quick") == 7
    assert device.client.get(href).json["status"] == "running"
    assert device.client.delete(href).status_code == 204
    assert device.ended(href)["error"]["trap"] == "cancelled"


def test_two_without_end(start):
    """Two that have no end run at once, from their first call on; each is stopped by itself."""
    device = start("a", "b", "quick", slots=2)
    hrefs = [begin(device, slug) for slug in ("a", "b")]
    assert call(device, "turn", 1, "quick") == 101
    for href, others in ((hrefs[0], hrefs[1:]), (hrefs[1], [])):
        assert device.client.delete(href).status_code == 204
        assert device.ended(href)["error"]["trap"] == "cancelled"
        assert [device.client.get(o).json["status"] for o in others] == ["running"] * len(others)


def test_cancelled_again_and_again(start):
    """A call is stopped whenever it is told to, also at the moment when it is put aside."""
    device = start()
    for number in range(30):
        href = device.client.post("/deployments/d/actions/endless", json=ENDLESS).json["href"]
        time.sleep(number * 0.0004)
        assert device.client.delete(href).status_code == 204
        assert device.ended(href)["error"]["trap"] == "cancelled"


def test_the_time_limit_ends_it(start):
    """What was begun with the lock is ended as any other, and the next call begins anew."""
    device = start(call_seconds=0.2)
    assert [call(device, "turn", 1), call(device, "turn", 1)] == [101, 102]
    assert call(device, "turn", ENDLESS)["trap"] == "interrupt"
    assert call(device, "turn", 1) == 101


@pytest.mark.parametrize(
    ("name", "body", "trap"),
    [("divide", 0, "integer-division-by-zero"), ("deep", 0, "stack-overflow")],
)
def test_traps_have_their_names(start, name, body, trap):
    """On a stack of its own a function traps as on any other."""
    device = start()
    assert call(device, "divide", 2) == 42
    for _ in range(3):
        assert call(device, name, body)["trap"] == trap
        assert call(device, "divide", 2) == 42


def test_memory_is_at_hand(start):
    """What an argument is put into is the memory that the function sees."""
    device = start()
    assert [call(device, "sum", text) for text in ("a", "ab", "abc")] == [97, 195, 294]


def test_alarm_that_never_rings(start, monkeypatch):
    """Without proof that it rings, nothing depends on it: all is as it was, and is ended."""
    calls = []
    monkeypatch.setattr("supervisor_app.resumable._spare", [])
    monkeypatch.setattr(Alarm, "set", lambda _alarm: calls.append(1) or True)
    device = start(call_seconds=0.5)
    assert [call(device, "turn", 1) for _ in range(6)] == [100 + n for n in range(1, 7)]
    assert call(device, "turn", ENDLESS)["trap"] == "interrupt"
    assert len(calls) == MOST_PROOFS


def test_no_alarms(start, monkeypatch):
    """Where there are no timers, functions with a loop run without the lock."""
    monkeypatch.setattr("supervisor_app.resumable._spare", [])
    monkeypatch.setattr("supervisor_app.alarm.sys.platform", "other")
    device = start(call_seconds=0.5)
    assert [call(device, "turn", 1), call(device, "turn", 1)] == [101, 102]
    assert call(device, "turn", ENDLESS)["trap"] == "interrupt"


def test_engines_are_used_again(start, monkeypatch):
    """One that is free of an installation that was removed serves the next one."""
    spare = []
    monkeypatch.setattr("supervisor_app.resumable._spare", spare)
    device = start()
    call(device, "turn", 1)
    assert device.client.delete("/deployments/d").status_code == 204
    assert len(spare) == 1
    device.put("e", COUNTER, is_stateful=True, actions=ACTIONS)
    assert (call(device, "turn", 1, "e"), spare) == (101, [])


def test_what_was_slow_begins_without_the_lock(monkeypatch):
    """Once, then three times; what is quick again is trusted again."""
    calls, alarms = ResumableCalls(), []
    ring, calls.is_proven = calls.alarm.set, True
    monkeypatch.setattr(calls.alarm, "set", lambda: alarms.append("set") or ring())
    store = wasmtime.Store(calls.engine)
    store.set_epoch_deadline(1)
    instance = wasmtime.Instance(store, wasmtime.Module(calls.engine, COUNTER), [])
    calls.prepare(store)
    signature = Signature(FunctionType((), ("i32",)), SteadyEntry(calls))
    function = Function(instance.exports(store)["forward"]._func, signature)

    def sets_alarm(seconds):
        clock = iter((0, seconds))
        monkeypatch.setattr("supervisor_app.resumable.perf_counter", lambda: next(clock))
        before = len(alarms)
        assert function(store) == 7
        return len(alarms) > before

    assert [sets_alarm(s) for s in (1e-5, 1, 9)] == [True, True, False]
    assert [sets_alarm(s) for s in (1, 9, 9, 9)] == [True, False, False, False]
    assert [sets_alarm(s) for s in (1e-5, 1e-5, 1, 9, 1e-5)] == [True, True, True, False, True]


def test_what_is_forgotten_is_freed(start, monkeypatch):
    """Nothing of an instance that was kept stays behind when its installation is removed."""
    made = []
    monkeypatch.setattr(Slot, "__init__", noting(made, Slot.__init__))
    device = start()
    call(device, "turn", 1)
    assert device.client.delete("/deployments/d").status_code == 204
    kept = [slot for slot in (reference() for reference in made) if slot]
    assert len(made) - len(kept) >= 2  # what looked at its imports, and what kept it
    assert not any(slot._instance for slot in kept)


def noting(made, begin):
    """Return how something begins, with what has begun noted."""

    def noted(self, *arguments):
        made.append(weakref.ref(self))
        begin(self, *arguments)

    return noted
