"""A chain of two steps whose second one can be told how long to take, for the tests of this folder.

The first step gives a number; the second waits and gives the next number.
"""

import json
import time
from collections.abc import Callable
from typing import Any

import wasmtime
from orchestrator_client import OrchestratorClient

CONTEXT = ["https://www.w3.org/2022/wot/td/v1.1", "https://wetware.fi/2023/wasmiot/v1.0"]
NUMBER = {"type": "integer"}
SOURCE_BYTES = 100_000
"""The memory of a device that takes the first step and not the second."""

ROOM_BYTES = 64 * 1024 * 1024
SOURCE = """(module (memory (export "memory") 1)
  (func (export "one") (result i32) (i32.const 1)))"""
SINK = """(module (import "sys" "delay" (func $delay (param i32)))
  (memory (export "memory") 2)
  (func (export "next") (param i32) (result i32)
    (call $delay (i32.const {delay})) (i32.add (local.get 0) (i32.const 1))))"""
MANIFEST: dict[str, Any] = {
    "name": "chain",
    "sequence": [
        {"module": "source", "entrypoint": "one"},
        {"module": "sink", "entrypoint": "next"},
    ],
}


def upload_chain(orchestrator: OrchestratorClient, delay_ms: int) -> None:
    """Upload both modules."""
    upload(orchestrator, "source", SOURCE, {"one": {"output": NUMBER}})
    text = SINK.replace("{delay}", str(delay_ms))
    upload(orchestrator, "sink", text, {"next": {"input": NUMBER, "output": NUMBER}})


def upload(
    orchestrator: OrchestratorClient, name: str, text: str, actions: Any, **members: Any
) -> None:
    """Upload a module of some functions."""
    model = {
        "@context": CONTEXT,
        "@type": ["tm:ThingModel", "wasmiot:Module"],
        "title": name,
        "version": {"model": "1.0.0"},
        "actions": {n: {"wasmiot:entrypoint": n, **action} for n, action in actions.items()},
        **members,
    }
    files = {
        "binary": (f"{name}.wasm", bytes(wasmtime.wat2wasm(text)), "application/wasm"),
        "description": (f"{name}.tm.json", json.dumps(model).encode(), "application/tm+json"),
    }
    orchestrator.request("POST", "modules", files=files)


def submit_chain(orchestrator: OrchestratorClient, first: str = "") -> str:
    """Submit the manifest, its first step pinned to a device if one is named; return its URL."""
    one, *rest = MANIFEST["sequence"]
    pinned = {**MANIFEST, "sequence": [{**one, "device": first}, *rest]}
    return orchestrator.submit(json.dumps(pinned if first else MANIFEST).encode())


def placement(orchestrator: OrchestratorClient) -> list[dict[str, Any]]:
    """Return which device is in charge of each step, and which one stands by."""
    return list(orchestrator.request("GET", "deployments/chain/properties/placement").json())


def state(orchestrator: OrchestratorClient) -> tuple[str, int]:
    """Return the state of the deployment and its revision."""
    values = orchestrator.request("GET", "deployments/chain/properties").json()
    return values["state"], values["revision"]


def begin(orchestrator: OrchestratorClient) -> str:
    """Begin an execution and return the URL of its status."""
    return str(orchestrator.request("POST", "deployments/chain/actions/execute").json()["href"])


def end(orchestrator: OrchestratorClient, href: str) -> dict[str, Any]:
    """Return how an execution ended."""
    return until(
        lambda: orchestrator.request("GET", href, headers={"Prefer": "wait=5"}).json(),
        lambda status: status["status"] in ("completed", "failed"),
    )


def until(look: Callable[[], Any], is_so: Callable[[Any], bool], seconds: float = 60.0) -> Any:
    """Look until something is so, and return what was seen then."""
    deadline = time.monotonic() + seconds
    while not is_so(seen := look()):
        assert time.monotonic() < deadline, seen
        time.sleep(0.05)
    return seen
