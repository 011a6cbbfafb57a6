"""Foreign clients of a running supervisor: node-wot, wotpy, curl."""

import json
import os
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest
import requests
import wasmtime

HERE = Path(__file__).parent
WOTPY = HERE.parents[1] / ".cache/wotpy/bin/python"
MODULE = """(module (global $n (mut i32) (i32.const 7))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\00\\ff\\80\\0a\\0d\\c3")
  (func (export "get") (result i32) (global.get $n))
  (func (export "set") (param i32) (global.set $n (local.get 0)))
  (func (export "is_high") (result i32) (i32.gt_s (global.get $n) (i32.const 10)))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "bytes") (result i32 i32) (i32.const 0) (i32.const 6)))"""
BYTES = bytes.fromhex("00ff800a0dc3")
NUMBERS = {"a": {"type": "integer"}, "b": {"type": "integer"}}
SUM = {"type": "object", "properties": NUMBERS, "required": ["a", "b"]}
TD = {
    "@context": [
        "https://www.w3.org/2022/wot/td/v1.1",
        "https://wetware.fi/2023/wasmiot/v1.0",
    ],
    "title": "Tank",
    "properties": {
        "level": {
            "type": "integer",
            "observable": True,
            "wasmiot:entrypoint": "get",
            "wasmiot:writeEntrypoint": "set",
        },
    },
    "actions": {
        "add": {
            "wasmiot:entrypoint": "add",
            "synchronous": True,
            "input": SUM,
            "output": {"type": "integer"},
        },
        "later": {"wasmiot:entrypoint": "add", "input": SUM, "output": {"type": "integer"}},
        "bytes": {
            "wasmiot:entrypoint": "bytes",
            "synchronous": True,
            "output": {"type": "string", "contentMediaType": "application/octet-stream"},
        },
    },
    "events": {"high": {"wasmiot:entrypoint": "is_high", "data": {"type": "boolean"}}},
}


@pytest.fixture(scope="module")
def tank(put_as):
    """The address of that Thing."""
    return put_as("tank")


@pytest.fixture(scope="module")
def put_as(supervisor, binaries):
    """Return a function that has the Thing served by a name, and returns its address."""
    return partial(_put, supervisor, binaries)


def _put(supervisor, binaries, name):
    digest, binary = binaries(wasmtime.wat2wasm(MODULE))
    module = {"id": "urn:m", "name": "m", "digest": digest, "binary": binary, "stateful": True}
    document = {**TD, "wasmiot:module": [module]}
    response = requests.put(f"{supervisor}deployments/{name}", json=document, timeout=60)
    assert response.status_code == 201, response.text
    return f"{supervisor}deployments/{name}/"


def test_node_wot(tank, run_node):
    """node-wot reads, writes, invokes with input and output, gets bytes, and is told of changes."""
    seen = json.loads(run_node("use_supervisor.mjs", f"{tank}td"))
    assert seen == {
        "level": 7,
        "written": 5,
        "all": {"level": 5},
        "sum": 42,
        "bytes": list(BYTES),
        "later": {"status": "completed", "output": 9},
        "observed": 12,
        "event": True,
    }


def test_node_wot_is_told_each_change_once(put_as, run_node):
    """It polls again after each change, with one request at a time, and stops when it is asked."""
    told = json.loads(run_node("observe_supervisor.mjs", f"{put_as('observed')}td"))
    assert told == [21, 22, 23, 24, 25]


def test_curl(tank):
    """Curl reads, writes, invokes, and follows a stream."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("no curl here: apt install curl")

    def run(*arguments):
        command = [curl, "--silent", "--show-error", "--fail", "--max-time", "20", *arguments]
        return subprocess.run(command, capture_output=True, check=True, timeout=30).stdout

    as_json = ("--header", "Content-Type: application/json")
    run("--request", "PUT", *as_json, "--data", "3", f"{tank}properties/level")
    assert run(f"{tank}properties/level") == b"3"
    assert run(*as_json, "--data", '{"a": 2, "b": 3}', f"{tank}actions/add") == b"5"
    assert run("--request", "POST", f"{tank}actions/bytes") == BYTES


def test_wotpy(tank):
    """Wotpy reads and writes a property."""
    python = Path(os.environ.get("WASMIOT_WOTPY") or WOTPY)
    if not python.exists():
        pytest.skip(f"{python} is not there: `make test` installs it as wotpy.txt says")
    command = [python, HERE / "use_supervisor_wotpy.py", f"{tank}td"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {"written": 6}


def test_td_playground(tank, run_node, tmp_path):
    """The community's validator finds no fault in a TD with every kind of form."""
    file = tmp_path / "tds"
    file.write_bytes(requests.get(f"{tank}td", timeout=10).content)
    checked = json.loads(run_node("validate_tds.mjs", str(file)))
    assert (checked["faults"], checked["checks"]["json"]) == ([], "passed")
