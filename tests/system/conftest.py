"""One fleet of real processes for all tests that do not harm it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from fleet import Fleet, Server
from orchestrator_client import OrchestratorClient
from wasmiot_td.consumed_thing import ConsumedThing

EXAMPLE = Path(__file__).parents[2] / "examples" / "digit-reader"
IMAGES = EXAMPLE / "images"
MEBIBYTE = 1024 * 1024


@dataclass
class System:
    """A running fleet and the way to it."""

    fleet: Fleet
    orchestrator: OrchestratorClient
    server: Server
    devices: dict[str, str] = field(default_factory=dict)
    """Title of a device to its IRI."""

    def add_supervisor(self, name: str, memory_bytes: int, camera: Path | None = None) -> Server:
        """Start a supervisor and wait until the directory lists it."""
        server = self.fleet.start_supervisor(name, memory_bytes=memory_bytes, camera=camera)
        server.wait_until_listening()
        td = requests.get(f"{server.url}.well-known/wot", timeout=10).json()
        self.orchestrator.wait_for_things({td["id"]})
        self.devices[name] = td["id"]
        return server

    def upload(self, weights: bytes | None = None) -> None:
        """Upload the modules of the digit reader."""
        upload_module(self.orchestrator, "camera", {})
        content = (EXAMPLE / "weights.bin").read_bytes() if weights is None else weights
        upload_module(self.orchestrator, "digits", {"weights.bin": content})

    def deploy(self, manifest: bytes | None = None) -> ConsumedThing:
        """Submit and deploy a manifest, the digit reader's if none is given."""
        content = (EXAMPLE / "manifest.jsonld").read_bytes() if manifest is None else manifest
        return ConsumedThing.fetch(self.orchestrator.deploy(self.orchestrator.submit(content)))


def upload_module(
    orchestrator: OrchestratorClient, name: str, data_files: dict[str, bytes]
) -> dict[str, Any]:
    """Upload one module of the example and return its Thing Model."""
    binary, description = EXAMPLE / name / f"{name}.wasm", EXAMPLE / f"{name}.tm.json"
    return orchestrator.upload_module(binary, description, data_files)


def start_system(fleet: Fleet, camera: Path = IMAGES) -> System:
    """Start one orchestrator and the three supervisors of the demo."""
    server = fleet.start_orchestrator()
    server.wait_until_listening()
    system = System(fleet, OrchestratorClient(server.url), server)
    system.add_supervisor("camera", 3 * MEBIBYTE // 2, camera)
    system.add_supervisor("mid", 64 * MEBIBYTE)
    system.add_supervisor("tiny", MEBIBYTE)
    return system


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    """Return an empty fleet; its servers find each other over HTTP alone."""
    with Fleet(is_discovered=False) as fleet:
        yield fleet


@pytest.fixture
def system(fleet: Fleet) -> System:
    """Return a fresh system for a test that changes or harms it."""
    return start_system(fleet)


@pytest.fixture(scope="session")
def running() -> Iterator[System]:
    """Return a system with the digit reader deployed, shared by all tests that only look."""
    with Fleet(is_discovered=False) as fleet:
        system = start_system(fleet)
        system.upload()
        system.deploy()
        yield system
