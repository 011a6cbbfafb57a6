"""A digit reader as real processes, for the tests of this folder."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from fleet import Fleet, Server
from orchestrator_client import OrchestratorClient

from wasmiot_td.consumed_thing import ConsumedThing

EXAMPLE = Path(__file__).parents[2] / "examples" / "digit-reader"
IMAGES = EXAMPLE / "images"
MANIFEST = (EXAMPLE / "manifest.jsonld").read_bytes()
WEIGHTS = (EXAMPLE / "weights.bin").read_bytes()
MEBIBYTE = 1024 * 1024
CAMERA_BYTES = 3 * MEBIBYTE // 2
MID_BYTES = 64 * MEBIBYTE
TINY_BYTES = MEBIBYTE


@dataclass
class System:
    """A running fleet and the way to it.

    Attributes:
        devices: title of a device to its IRI.
    """

    fleet: Fleet
    server: Server
    orchestrator: OrchestratorClient
    devices: dict[str, str] = field(default_factory=dict)

    def add_supervisor(
        self, name: str, memory_bytes: int, camera: Path | None = None, options: Sequence[str] = ()
    ) -> Server:
        """Start a supervisor and register it."""
        server = self.fleet.start_supervisor(
            name, *options, memory_bytes=memory_bytes, camera=camera
        )
        server.wait_until_listening()
        td = requests.get(f"{server.url}.well-known/wot", timeout=10)
        self.devices[name] = td.json()["id"]
        self.orchestrator.register(td.content)
        return server

    def upload(self, weights: bytes = WEIGHTS) -> None:
        """Upload the modules of the digit reader."""
        upload_module(self.orchestrator, "camera", {})
        upload_module(self.orchestrator, "digits", {"weights.bin": weights})

    def deploy(self, manifest: bytes = MANIFEST) -> ConsumedThing:
        """Submit and deploy a manifest."""
        return ConsumedThing.fetch(self.orchestrator.deploy(self.orchestrator.submit(manifest)))


def upload_module(
    orchestrator: OrchestratorClient, name: str, data_files: dict[str, bytes]
) -> dict[str, Any]:
    """Upload one module of the example and return its Thing Model."""
    binary, description = EXAMPLE / name / f"{name}.wasm", EXAMPLE / f"{name}.tm.json"
    return orchestrator.upload_module(binary, description, data_files)


def start_system(fleet: Fleet, options: Sequence[str] = ()) -> System:
    """Start an orchestrator alone."""
    server = fleet.start_orchestrator(options=options)
    server.wait_until_listening()
    return System(fleet, server, OrchestratorClient(server.url))


def add_three_supervisors(system: System) -> None:
    """Start the supervisors of the demo."""
    system.add_supervisor("camera", CAMERA_BYTES, IMAGES)
    system.add_supervisor("mid", MID_BYTES)
    system.add_supervisor("tiny", TINY_BYTES)
