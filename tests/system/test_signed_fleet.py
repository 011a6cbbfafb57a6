"""The digit reader on devices that run only what trusted keys have signed, as real processes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from fleet import Fleet, Server
from local_system import CAMERA_BYTES, EXAMPLE, IMAGES, MANIFEST, MID_BYTES, System, start_system
from orchestrator_client import RefusedError, execute

from wasmiot_td.access.keys import make_key, read_key
from wasmiot_td.consumed_thing import ConsumedThing


@dataclass
class SignedFleet:
    """An orchestrator and two devices that trust its key and an author's."""

    system: System
    folder: Path
    eye: Server
    mid: Server
    trusted: Path

    def run(self, *arguments: object, code: int = 0) -> str:
        """Run the command `wasmiot` as a person does; return what it wrote."""
        command = [sys.executable, "-c", "from wasmiot_td.command_line import main; main()"]
        environment = {**os.environ, "WASMIOT_URL": self.system.server.url}
        outcome = subprocess.run(
            [*command, *map(str, arguments)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert outcome.returncode == code, outcome.stdout + outcome.stderr
        return outcome.stdout + outcome.stderr

    def add_modules(self, *options: object) -> None:
        """Upload the modules of the digit reader."""
        for name, data in (("camera", ()), ("digits", ("--data", EXAMPLE / "weights.bin"))):
            binary, model = EXAMPLE / name / f"{name}.wasm", EXAMPLE / f"{name}.tm.json"
            self.run("module", "add", binary, "--description", model, *data, *options)

    def restart_mid(self, trusted: Path) -> Server:
        """Start the second device again over its data, with other trusted keys."""
        self.mid.end()
        mid = start_device(self.system, "mid", MID_BYTES, trusted)
        self.mid = register(self.system, mid)
        return self.mid


def start_device(
    system: System, name: str, memory_bytes: int, trusted: Path, camera: Path | None = None
) -> Server:
    """Start a device that trusts the keys of a file."""
    options = ("--trusted-key", str(trusted))
    return system.fleet.start_supervisor(name, *options, memory_bytes=memory_bytes, camera=camera)


def register(system: System, server: Server) -> Server:
    """Have the orchestrator know a device, as soon as it is there."""
    server.wait_until_listening()
    td = requests.get(f"{server.url}.well-known/wot", timeout=10)
    system.orchestrator.register(td.content)
    return server


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[SignedFleet]:
    """Start a fleet that trusts an author and its orchestrator, and nobody else."""
    with Fleet(is_discovered=False) as fleet:
        system = start_system(fleet)
        trusted = tmp_path / "trusted"
        author = make_key(tmp_path / "author.pem").public
        own = read_key(fleet.folder / "orchestrator" / "access" / "key.pem").public
        trusted.write_text(f"{author} author\n{own} orchestrator\n")
        eye = start_device(system, "camera", CAMERA_BYTES, trusted, IMAGES)
        mid = start_device(system, "mid", MID_BYTES, trusted)
        yield SignedFleet(system, tmp_path, register(system, eye), register(system, mid), trusted)


def deployments_on(server: Server) -> list[str]:
    """Return what a device says that is installed on it."""
    return list(requests.get(f"{server.url}deployments", timeout=10).json())


def test_only_what_is_signed_is_deployed_and_executed(strict: SignedFleet) -> None:
    """Unsigned it is refused early and with the reason; signed it runs, also after a restart."""
    strict.add_modules()
    manifest = strict.system.orchestrator.submit(MANIFEST)
    with pytest.raises(RefusedError, match="the module is not signed"):
        strict.system.orchestrator.deploy(manifest)
    assert deployments_on(strict.eye) == deployments_on(strict.mid) == []

    strict.add_modules("--key", strict.folder / "author.pem")
    author = strict.trusted.read_text().split()[0]
    assert author in strict.run("module", "show", "digits")
    thing = ConsumedThing.fetch(strict.system.orchestrator.deploy(manifest))
    label = (IMAGES / "labels.csv").read_text().splitlines()[1].split(",")[1]
    assert str(execute(thing)["output"]) == label

    refused = requests.put(f"{strict.mid.url}deployments/mine", json={"title": "x"}, timeout=10)
    assert (refused.status_code, refused.json()["title"]) == (403, "Not signed by a trusted key")

    installed = deployments_on(strict.mid)
    assert deployments_on(strict.restart_mid(strict.trusted)) == installed != []
    assert execute(thing)["status"] == "completed"

    nobody = strict.folder / "nobody"
    nobody.write_text(make_key(strict.folder / "other.pem").public)
    assert deployments_on(strict.restart_mid(nobody)) == []


def test_an_orchestrator_may_get_another_key(strict: SignedFleet) -> None:
    """What a device no longer trusts is sent to it again, signed by the key that it trusts now."""
    strict.add_modules("--key", strict.folder / "author.pem")
    orchestrator = strict.system.orchestrator
    thing = ConsumedThing.fetch(orchestrator.deploy(orchestrator.submit(MANIFEST)))
    installed = deployments_on(strict.mid)

    new = make_key(strict.folder / "new.pem").public
    author = strict.trusted.read_text().splitlines()[0]
    rotated = strict.folder / "rotated"
    rotated.write_text(f"{author}\n{new}")
    port = urlsplit(strict.system.server.url).port or 0
    strict.system.server.end()
    options = ("--signing-key", str(strict.folder / "new.pem"))
    strict.system.server = strict.system.fleet.start_orchestrator(port=port, options=options)
    strict.system.server.wait_until_listening()

    mid = strict.restart_mid(rotated)
    deadline = time.monotonic() + 60
    while deployments_on(mid) != installed and time.monotonic() < deadline:
        time.sleep(0.2)
    assert deployments_on(mid) == installed != []
    td = requests.get(f"{mid.url}deployments/{installed[0]}/td", timeout=10).json()
    assert td["wasmiot:signedBy"] == [new]
    assert execute(thing)["status"] == "completed"
