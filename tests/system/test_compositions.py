"""Compositions over real processes: graphs, changes under traffic, triggers, a crash."""

import json
import signal
import threading
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from local_system import System
from slow_chain import NUMBER, ROOM_BYTES, begin, end, placement, state, until, upload

ONE = """(module (memory (export "memory") 1) (func (export "one") (result i32) (i32.const 1)))"""
PLUS = """(module (memory (export "memory") 1)
  (func (export "plus") (param i32) (result i32) (i32.add (local.get 0) (i32.const {by}))))"""
PAIR = """(module (memory (export "memory") 1)
  (func (export "pair") (param i32 i32) (result i32)
    (i32.add (i32.mul (local.get 0) (i32.const 100)) (local.get 1))))"""
PARTS = {
    "type": "object",
    "properties": {"left": NUMBER, "right": NUMBER},
    "required": ["left", "right"],
}


@pytest.fixture
def three(alone: System) -> System:
    """Return a system of three devices with the modules of a graph."""
    for name in ("first", "second", "third"):
        alone.add_supervisor(name, ROOM_BYTES)
    upload(alone.orchestrator, "source", ONE, {"one": {"output": NUMBER}})
    for name, by in (("left", "10"), ("right", "20")):
        action = {"plus": {"input": NUMBER, "output": NUMBER}}
        upload(alone.orchestrator, name, PLUS.replace("{by}", by), action)
    upload(alone.orchestrator, "pair", PAIR, {"pair": {"input": PARTS, "output": NUMBER}})
    return alone


def diamond(system: System, **members: Any) -> dict[str, Any]:
    """Return a graph that parts and joins over three devices."""
    at = system.devices
    edges = [{"step": "left", "input": "left"}, {"step": "right", "input": "right"}]
    sequence = [
        {"id": "start", "module": "source", "entrypoint": "one", "device": at["first"]},
        _branch("left", at["second"]),
        _branch("right", at["third"]),
        {"id": "pair", "module": "pair", "entrypoint": "pair", "dependsOn": edges},
    ]
    sequence[3]["device"] = at["first"]
    return {"name": "chain", "sequence": sequence, **members}


def _branch(name: str, device: str) -> dict[str, Any]:
    step = {"id": name, "module": name, "entrypoint": "plus", "device": device}
    return {**step, "dependsOn": [{"step": "start"}]}


def deploy(system: System, manifest: dict[str, Any]) -> None:
    """Submit and deploy a manifest."""
    system.orchestrator.deploy(system.orchestrator.submit(json.dumps(manifest).encode()))


def test_a_graph_over_three_devices(three: System) -> None:
    """Both branches run beside each other, and the join has what both gave."""
    deploy(three, diamond(three))
    status = end(three.orchestrator, begin(three.orchestrator))
    assert (status["status"], status.get("output")) == ("completed", 1121), status
    assert len(status["trace"]) == 4
    assert [p["name"] for p in placement(three.orchestrator)] == ["start", "left", "right", "pair"]


def test_traffic_through_a_change_of_revision(three: System) -> None:
    """Every execution gives what the old or the new revision gives, and none fails."""
    chain = [
        {"module": "source", "entrypoint": "one", "device": three.devices["first"]},
        {"module": "left", "entrypoint": "plus", "device": three.devices["second"]},
        {"module": "left", "entrypoint": "plus", "device": three.devices["third"]},
    ]
    changed = [chain[0], *({**step, "module": "right"} for step in chain[1:])]
    deploy(three, {"name": "chain", "sequence": chain})
    results: list[Any] = []
    stop = threading.Event()

    def execute() -> None:
        while not stop.is_set():
            status = end(three.orchestrator, begin(three.orchestrator))
            results.append(status.get("output", status))

    clients = [threading.Thread(target=execute) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        for sequence in (changed, chain, changed):
            n_before = len(results)
            deploy(three, {"name": "chain", "sequence": sequence})
            until(lambda n=n_before: len(results), lambda n, m=n_before: n > m + 8)
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert {str(r) for r in results} == {"21", "41"}
    assert results[-1] == 41
    assert state(three.orchestrator) == ("deployed", 4)


def test_a_trigger_goes_on_without_the_orchestrator(three: System) -> None:
    """The devices begin and finish executions by themselves; afterwards they are known."""
    deploy(three, diamond(three, trigger={"every": "PT1S"}))
    share = placement(three.orchestrator)[3]["thing"].removesuffix("td")
    actions = f"{share}actions"
    until(lambda: _results(actions), bool)
    three.server.end(signal.SIGKILL)
    n_before = len(_results(actions))
    found = until(lambda: _results(actions), lambda r: len(r) > n_before + 1)
    assert set(found) == {1121}
    port = urlsplit(three.server.url).port or 0
    three.server = three.fleet.start_orchestrator(port=port)
    three.server.wait_until_listening()
    path = "deployments/chain/actions/execute"
    known = until(lambda: three.orchestrator.request("GET", path).json(), _has_ended)
    assert {(s.get("output"), s.get("triggered")) for s in known} == {(1121, True)}, known


def _has_ended(statuses: list[dict[str, Any]]) -> bool:
    return bool(statuses) and all("timeEnded" in s for s in statuses)


def _results(actions_url: str) -> list[int]:
    """Return what the join gave so far."""
    statuses = requests.get(actions_url, timeout=10).json()["pair"]
    return [s["output"] for s in statuses if s["status"] == "completed"]


def test_an_orchestrator_that_is_killed_just_after_the_beginning(three: System) -> None:
    """An execution that was begun a moment ago is known after the restart, as interrupted."""
    slow = """(module (import "sys" "delay" (func $delay (param i32)))
      (memory (export "memory") 1)
      (func (export "slow") (result i32) (call $delay (i32.const 2000)) (i32.const 1)))"""
    upload(three.orchestrator, "slow", slow, {"slow": {"output": NUMBER}})
    deploy(three, {"name": "chain", "sequence": [{"module": "slow", "entrypoint": "slow"}]})
    href = begin(three.orchestrator)
    three.server.end(signal.SIGKILL)
    port = urlsplit(three.server.url).port or 0
    three.server = three.fleet.start_orchestrator(port=port)
    three.server.wait_until_listening()
    status = three.orchestrator.request("GET", href).json()
    assert (status["status"], status["error"]["title"]) == ("failed", "Interrupted")
