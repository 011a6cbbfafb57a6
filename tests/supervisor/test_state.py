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


def test_no_files(count):
    """A module that keeps its state cannot have files of a call, and is told so."""
    put, _ = count
    mount = {"path": "x", "stage": "output", "mediaType": "a/b", "required": False}
    response = put("a", True, {"next": {**ACTIONS["next"], "wasmiot:mount": [mount]}})
    assert (response.status_code, "keeps its state" in response.json["detail"]) == (422, True)
