"""Compositions with a Thing of node-wot: what it tells starts one, what it does is a step."""

import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
import requests
import wasmtime

HERE = Path(__file__).parent
MODULE = """(module (func (export "double") (param i32) (result i32)
  (i32.mul (local.get 0) (i32.const 2))))"""
NUMBER = {"type": "integer"}
CONTEXT = ["https://www.w3.org/2022/wot/td/v1.1", "https://wetware.fi/2023/wasmiot/v1.0"]


@pytest.fixture(scope="module")
def bell(run_node):
    """The address of the TD of a Thing that node-wot serves."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [shutil.which("node"), "serve_bell.mjs", str(port)]
    process = subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True)
    with process.stdout:
        assert process.stdout.readline() == "ready\n"
        yield f"http://127.0.0.1:{port}/bell"
        process.terminate()
        process.wait(timeout=20)


@pytest.mark.parametrize(
    ("kind", "affordance", "least"), [("event", "rung", 2000), ("property", "level", 2)]
)
def test_trigger(bell, supervisor, binaries, kind, affordance, least):
    """What the Thing tells by long poll starts the composition, with what it told as the input."""
    digest, binary = binaries(wasmtime.wat2wasm(MODULE))
    slug = f"bell-{kind}"
    feeds = [{"thing": f"{supervisor}deployments/{slug}/td", "affordance": "double"}]
    iri = f"urn:dev:bell#/{'events' if kind == 'event' else 'properties'}/{affordance}"
    place = {"thing": bell, "affordance": affordance}
    document = {
        "@context": CONTEXT,
        "title": slug,
        "wasmiot:module": [{"id": "urn:m", "name": "m", "digest": digest, "binary": binary}],
        "wasmiot:trigger": {kind: iri, **place, "feeds": feeds},
        "actions": {"double": {"wasmiot:entrypoint": "double", "input": NUMBER, "output": NUMBER}},
    }
    url = f"{supervisor}deployments/{slug}"
    response = requests.put(url, json=document, timeout=60)
    assert response.status_code == 201, response.text
    outputs = []
    while len(outputs) < 2:
        time.sleep(0.05)
        statuses = requests.get(f"{url}/actions", timeout=10).json()["double"]
        outputs = [s["output"] for s in reversed(statuses) if "output" in s]
    assert requests.get(f"{url}/properties/triggers", timeout=10).json()["fired"] >= 2
    requests.delete(url, timeout=10)
    assert [n % 2 for n in outputs] == [0] * len(outputs)
    assert least <= outputs[0] < outputs[1]


def test_steps(bell, supervisor):
    """A chain writes its property, reads it again, and has it do something with that."""
    own = f"{supervisor}deployments/bells/td"
    uses = {"id": "urn:dev:bell", "thing": bell}

    def step(affordance, op, feeds="", **members):
        onward = [{"thing": own, "affordance": feeds}] if feeds else []
        used = {**uses, "affordance": affordance, "op": op}
        return {"wasmiot:uses": used, "wasmiot:feeds": onward, **members}

    document = {
        "@context": CONTEXT,
        "title": "bells",
        "actions": {
            "set": step("volume", "writeproperty", "get", input=NUMBER),
            "get": step("volume", "readproperty", "ring", output=NUMBER),
            "ring": step("ring", "invokeaction", input=NUMBER, output={"type": "string"}),
        },
    }
    url = f"{supervisor}deployments/bells"
    response = requests.put(url, json=document, timeout=60)
    assert response.status_code == 201, response.text
    wait = {"Prefer": "wait=20"}
    status = requests.post(f"{url}/actions/set", json=3, headers=wait, timeout=30).json()
    while "resultUrl" in status:
        status = requests.get(status["resultUrl"], headers=wait, timeout=30).json()
    requests.delete(url, timeout=10)
    assert (status["status"], status.get("output")) == ("completed", "ding ding ding")
