"""The thermostat: Things of another maker, found by their type and used as a step."""

import random
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests
from fleet import Fleet
from local_system import MID_BYTES, System, start_system

from wasmiot_td.consumed_thing import ConsumedThing

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "examples" / "thermostat"
YAML = {"Content-Type": "application/ld+yaml"}


@pytest.fixture
def room(run_node: Callable[..., str], tmp_path: Path) -> Iterator[str]:
    """The address of a thermometer and a heater that node-wot serves."""
    script = tmp_path / "room.mjs"
    shutil.copy(EXAMPLE / "room.mjs", script)
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    node, port = str(shutil.which("node")), free_port()
    process = subprocess.Popen(
        [node, str(script), str(port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout
    with process.stdout:
        assert any(line == b"ready\n" for line in process.stdout)
        yield f"http://127.0.0.1:{port}/"
        process.terminate()
        process.wait(timeout=20)


def free_port() -> int:
    """Return a port on which nobody listens."""
    for port in random.sample(range(20000, 32000), 100):
        with socket.socket() as trial, suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")


@pytest.fixture
def system() -> Iterator[System]:
    """An orchestrator with one device."""
    with Fleet(is_discovered=False) as fleet:
        system = start_system(fleet)
        system.add_supervisor("controller", MID_BYTES)
        yield system


def test_a_function_is_joined_with_things_of_another_maker(room: str, system: System) -> None:
    """The temperature is found by its type, and the heater is told the outcome."""
    for name in ("thermometer", "heater"):
        system.orchestrator.register(requests.get(room + name, timeout=10).content)
    files = {
        "binary": ("thermostat.wasm", (EXAMPLE / "thermostat.wasm").read_bytes()),
        "description": ("thermostat.tm.json", (EXAMPLE / "thermostat.tm.json").read_bytes()),
    }
    system.orchestrator.request("POST", "modules", files=files)
    manifest = (EXAMPLE / "manifest.yaml").read_bytes()
    system.orchestrator.request("POST", "manifests", data=manifest, headers=YAML)
    deployed = system.orchestrator.request("POST", "manifests/thermostat/deploy")
    thing = ConsumedThing.fetch(deployed.headers["Location"])
    status = thing.wait_for_action(thing.invoke_action("execute"))
    assert (status.status, status.output) == ("completed", 70), status.error
    assert ConsumedThing.fetch(f"{room}heater").read_property("power") == 70
