"""`wasmiot undeploy --forget`: a device that is gone for good is awaited no longer."""

import json
import signal
from typing import Any

import pytest
from fleet import Fleet
from wasmtime import wat2wasm

MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def wanted(fleet: Fleet, wasmiot: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Undeploy what stands on a device that died; return the device's id."""
    server = fleet.start_supervisor("mayfly", memory_bytes=MEBIBYTE)
    server.wait_until_listening()
    wasmiot("things", "add", server.url)
    device = str(wasmiot.json("things", "show", "mayfly")["id"])
    folder = tmp_path_factory.mktemp("given-up")
    binary = folder / "one.wasm"
    binary.write_bytes(wat2wasm('(module (func (export "f") (result i32) i32.const 1))'))
    wasmiot("module", "add", binary)
    for name in ("first", "second"):
        step = {"module": "one", "entrypoint": "f", "device": device}
        path = folder / f"{name}.jsonld"
        path.write_text(json.dumps({"name": name, "sequence": [step]}))
        wasmiot("deploy", path)
    server.end(signal.SIGKILL)
    for name in ("first", "second"):
        assert wasmiot.json("undeploy", name)["away"] == [device]
    return device


def test_a_device_is_given_up_by_its_title_or_its_id(wasmiot: Any, wanted: str) -> None:
    """By its id also when it has left the directory, where titles are looked up."""
    assert "still awaited" not in wasmiot("undeploy", "first", "--forget", "mayfly").stdout
    wasmiot("things", "remove", "mayfly")
    assert wasmiot("undeploy", "second", "--forget", "mayfly", code=4).stderr
    said = wasmiot.json("undeploy", "second", "--forget", wanted)
    assert said == {"undeployed": "second", "forgotten": wanted, "away": []}
    wasmiot("deployments", "second", code=4)
    assert "forget" in wasmiot("log", "second").stdout


def test_only_a_device_that_is_awaited_can_be_given_up(modules: Any, reader: str) -> None:
    """What stands goes on, and the refusal says that nothing is awaited."""
    error = modules("undeploy", reader, "--forget", "brain", code=1).stderr
    assert "awaits no device" in error
    assert modules.json("deployments", reader)["state"] == "deployed"
