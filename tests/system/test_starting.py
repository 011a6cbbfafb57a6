"""What starts by what another Thing says, and what stands on every device, over real processes."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests
from local_system import MID_BYTES, System
from slow_chain import NUMBER, until, upload

from wasmiot_td.consumed_thing import ConsumedThing

EXAMPLES = Path(__file__).parents[2] / "examples"
PLUS = """(module (memory (export "memory") 1)
  (func (export "plus") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))"""
ONE = """(module (memory (export "memory") 1) (func (export "one") (result i32) (i32.const 1)))"""
CLOCK = {
    "@context": ["https://www.w3.org/2022/wot/td/v1.1", "https://wetware.fi/2023/wasmiot/v1.0"],
    "@type": ["Thing", "wasmiot:Supervisor"],
    "id": "urn:example:clock",
    "title": "clock",
    "events": {"tick": {"data": NUMBER, "wasmiot:entrypoint": "seconds"}},
    "properties": {
        "now": {**NUMBER, "readOnly": True, "observable": True, "wasmiot:entrypoint": "seconds"}
    },
}


def deploy(system: System, manifest: dict[str, Any]) -> ConsumedThing:
    """Submit and deploy a manifest."""
    url = system.orchestrator.submit(json.dumps(manifest).encode())
    return ConsumedThing.fetch(system.orchestrator.deploy(url))


@pytest.fixture
def clock(alone: System, tmp_path: Path) -> str:
    """Register a Thing that no orchestrator deployed, and return its id."""
    path = tmp_path / "clock.td.json"
    path.write_text(json.dumps(CLOCK))
    options = ("--td", str(path), "--module", str(EXAMPLES / "recurring" / "measure.wasm"))
    server = alone.fleet.start_supervisor("clock", *options, memory_bytes=MID_BYTES)
    server.wait_until_listening()
    url = f"{server.url}deployments/clock/td"
    td = requests.get(url, timeout=10)
    alone.orchestrator.register(td.content)
    return str(td.json()["id"])


@pytest.mark.parametrize(
    ("kind", "what"), [("event", "events/tick"), ("property", "properties/now")]
)
def test_what_another_thing_says_starts_it(alone: System, clock: str, kind: str, what: str) -> None:
    """Each second the clock says another number, and the device adds one to it."""
    device = alone.add_supervisor("adder", MID_BYTES)
    upload(alone.orchestrator, "adder", PLUS, {"plus": {"input": NUMBER, "output": NUMBER}})
    joint = "/" if "#" in clock else "#/"
    step = {"module": "adder", "entrypoint": "plus"}
    trigger = {kind: f"{clock}{joint}{what}"}
    deploy(alone, {"name": "adding", "trigger": trigger, "sequence": [step]})

    def outputs() -> list[int]:
        statuses = requests.get(f"{device.url}deployments/adding/actions", timeout=10).json()
        return [s["output"] for s in statuses.get("plus", ()) if s["status"] == "completed"]

    found = until(outputs, lambda values: len(set(values)) >= 2)
    assert all(value > 1 for value in found)


def test_a_manifest_stands_on_every_device_that_matches(alone: System) -> None:
    """It comes to a device that joins, and an execution answers for each."""
    for name in ("a", "b"):
        alone.add_supervisor(name, MID_BYTES)
    upload(alone.orchestrator, "source", ONE, {"one": {"output": NUMBER}})
    step = {"module": "source", "entrypoint": "one"}
    thing = deploy(
        alone, {"name": "everywhere", "forEach": {"memoryBytes": 10_000}, "sequence": [step]}
    )

    def answers() -> Any:
        return thing.wait_for_action(thing.invoke_action("execute")).output

    ids = {alone.devices[name] for name in ("a", "b")}
    assert answers() == dict.fromkeys(ids, 1)
    alone.add_supervisor("c", MID_BYTES)
    ids.add(alone.devices["c"])
    until(answers, lambda found: found == dict.fromkeys(ids, 1))
