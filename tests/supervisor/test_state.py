"""Modules that ask to keep their state between calls."""

import pytest
import wasmtime

COUNTER = """(module (global $n (mut i32) (i32.const 0))
  (func (export "next") (result i32)
    (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))
  (func (export "fail") (global.set $n (i32.const 100)) unreachable))"""
ACTIONS = {
    "next": {"wasmiot:entrypoint": "next", "synchronous": True, "output": {"type": "integer"}},
    "fail": {"wasmiot:entrypoint": "fail", "synchronous": True},
}


@pytest.fixture
def count(device):
    """Return a function that installs the counter and calls it."""

    def put(slug, is_stateful, actions=ACTIONS):
        digest = device.place(wasmtime.wat2wasm(COUNTER))
        module = {"id": "urn:m", "name": "m", "digest": digest, "stateful": is_stateful}
        document = {"title": slug, "wasmiot:module": [module], "actions": actions}
        return device.client.put(f"/deployments/{slug}", json=document)

    def call(slug, action="next"):
        return device.client.post(f"/deployments/{slug}/actions/{action}").json

    return put, call


def test_fresh_by_default(count):
    """Without asking for it, every call begins anew."""
    put, call = count
    put("a", False)
    assert [call("a") for _ in range(3)] == [1, 1, 1]


def test_kept_and_apart(count):
    """State is kept from call to call, and two deployments do not share it."""
    put, call = count
    put("a", True)
    put("b", True)
    assert [call("a"), call("a"), call("b"), call("a")] == [1, 2, 1, 3]


def test_begins_anew_after_a_failure(count):
    """After a trap the state is not to be trusted: the module begins anew."""
    put, call = count
    put("a", True)
    call("a")
    assert call("a", "fail")["trap"] == "unreachable"
    assert call("a") == 1


COUNTING_COPY = """(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 100) "in.bin") (data (i32.const 200) "out.bin")
  (global $n (mut i32) (i32.const 48))
  (func $file (param $name i32) (param $length i32) (param $flags i32)
    (if (call $open (i32.const 3) (i32.const 0) (local.get $name) (local.get $length)
      (local.get $flags) (i64.const 66) (i64.const 66) (i32.const 0) (i32.const 8))
      (then unreachable)))
  (func (export "copy")
    (call $file (i32.const 100) (i32.const 6) (i32.const 0))
    (i32.store (i32.const 16) (i32.const 1024))
    (i32.store (i32.const 20) (i32.const 4096))
    (drop (call $fd_read (i32.load (i32.const 8)) (i32.const 16) (i32.const 1) (i32.const 12)))
    (global.set $n (i32.add (global.get $n) (i32.const 1)))
    (i32.store8 (i32.add (i32.const 1024) (i32.load (i32.const 12))) (global.get $n))
    (i32.store (i32.const 20) (i32.add (i32.load (i32.const 12)) (i32.const 1)))
    (call $file (i32.const 200) (i32.const 7) (i32.const 9))
    (drop (call $fd_write (i32.load (i32.const 8)) (i32.const 16) (i32.const 1)
      (i32.const 12)))))
"""
ANY = "application/octet-stream"
COPY = {
    "wasmiot:entrypoint": "copy",
    "synchronous": True,
    "wasmiot:mount": [
        {"path": "in.bin", "stage": "execution", "mediaType": ANY, "required": True},
        {"path": "out.bin", "stage": "output", "mediaType": ANY, "required": True},
    ],
    "input": {"type": "string", "contentMediaType": ANY},
    "output": {"type": "string", "contentMediaType": ANY},
}


def test_files_of_kept_instance(device):
    """The instance is kept while files are those of one call, and gone after it."""
    response = device.put("copy", COUNTING_COPY, is_stateful=True, actions={"copy": COPY})
    assert response.status_code == 201, response.text
    url = "/deployments/copy/actions/copy"
    answers = [device.client.post(url, data=d, content_type=ANY).data for d in (b"a", b"bc")]
    assert answers == [b"a1", b"bc2"]
    calls = device.settings.data_dir / "calls"
    assert [p for p in calls.rglob("*") if p.is_file()] == []
    device.client.delete("/deployments/copy")
    assert list(calls.iterdir()) == []


READ_WRITE = """(module (global $n (mut f64) (f64.const 20))
  (func (export "get") (result f64) global.get $n)
  (func (export "set") (param f64) (global.set $n (local.get 0))))"""
SETPOINT = {
    "type": "number",
    "maximum": 30,
    "wasmiot:entrypoint": "get",
    "wasmiot:writeEntrypoint": "set",
}


@pytest.fixture
def thermostat(device):
    """A Thing with properties that are read and written, read only, and written only."""
    properties = {
        "setpoint": SETPOINT,
        "shown": {"type": "number", "wasmiot:entrypoint": "get"},
        "command": {"type": "number", "wasmiot:writeEntrypoint": "set"},
    }
    response = device.put("heat", READ_WRITE, is_stateful=True, properties=properties)
    assert response.status_code == 201, response.text
    return device.client


PROPERTIES = "/deployments/heat/properties"


def test_read_and_written(thermostat):
    """What is written by one function is read by another."""
    assert thermostat.get(f"{PROPERTIES}/setpoint").json == 20
    assert thermostat.put(f"{PROPERTIES}/setpoint", json=22.5).status_code == 204
    assert thermostat.get(f"{PROPERTIES}/setpoint").json == 22.5


def test_access_is_said_and_kept(thermostat):
    """One function makes a property read only or written only, in the TD and in deed."""
    properties = thermostat.get("/deployments/heat/td").json["properties"]
    assert [(p.get("readOnly"), p.get("writeOnly")) for p in properties.values()] == [
        (None, None),
        (True, None),
        (None, True),
    ]
    assert thermostat.put(f"{PROPERTIES}/shown", json=1).status_code == 405
    assert thermostat.get(f"{PROPERTIES}/command").status_code == 405


def test_several_properties(thermostat):
    """All that can be read, those that are named, and several written at once."""
    assert thermostat.get(PROPERTIES).json == {"setpoint": 20, "shown": 20}
    assert thermostat.get(f"{PROPERTIES}?names=shown").json == {"shown": 20}
    assert thermostat.put(PROPERTIES, json={"setpoint": 1, "command": 2}).status_code == 204
    assert thermostat.get(f"{PROPERTIES}?names=setpoint").json == {"setpoint": 2}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"command": 7, "setpoint": 31}, 400),
        ({"command": 7, "shown": 1}, 405),
        ({"command": 7, "nothing": 1}, 404),
        ([1], 400),
    ],
)
def test_all_or_nothing_is_written(thermostat, body, code):
    """A value that is not acceptable leaves every property as it was."""
    assert thermostat.put(PROPERTIES, json=body).status_code == code
    assert thermostat.get(f"{PROPERTIES}/setpoint").json == 20
