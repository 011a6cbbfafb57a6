"""A fleet whose supervisors join with one-time tokens, for the tests of this folder."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import requests
from local_system import CAMERA_BYTES, IMAGES, MID_BYTES, TINY_BYTES

from wasmiot_td.access.assertions import assertion
from wasmiot_td.access.keys import read_key
from wasmiot_td.processes import ServerProcess, ServerProcesses

MEMORY = {"camera": CAMERA_BYTES, "mid": MID_BYTES, "tiny": TINY_BYTES}
PATIENCE_SECONDS = 30.0


def wasmiot(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a person does."""
    command = [sys.executable, "-c", "from wasmiot_td.command_line import main; main()"]
    return subprocess.run(
        [*command, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def made(*arguments: str) -> str:
    """Return what a command says that makes a token."""
    done = wasmiot("token", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def wait_until(is_true: Callable[[], Any]) -> Any:
    """Wait for what another process brings about, and return it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := is_true()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)
    return found


def shown(token: str) -> dict[str, str]:
    """Return the header that shows a token."""
    return {"Authorization": f"Bearer {token}"}


@dataclass
class JoinedFleet:
    """An orchestrator and its supervisors."""

    directory: Path
    processes: ServerProcesses
    token: str = ""
    administrator: str = ""
    servers: dict[str, ServerProcess] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The orchestrator's."""
        return self.servers["orchestrator"].url

    def start_orchestrator(self, *options: str) -> None:
        """Start the orchestrator, guarded."""
        place = str(self.directory / "orchestrator")
        options = ("--port", "0", "--data-dir", place, *options)
        self._start("orchestrator_app", "orchestrator", options)

    def start_supervisor(self, name: str, *options: str) -> None:
        """Start a supervisor."""
        place = str(self.directory / name)
        options = ("--name", name, "--port", "0", "--data-dir", place, *options)
        options += ("--memory-bytes", str(MEMORY.get(name, TINY_BYTES)), "--directory", self.url)
        options += ("--camera", str(IMAGES)) if name == "camera" else ()
        self._start("supervisor_app", name, options)

    def _start(self, module: str, name: str, options: tuple[str, ...]) -> None:
        server = self.processes.start(module, name, options)
        server.wait_until_listening()
        self.servers[name] = server

    def join_token(self, name: str) -> str:
        """Make a one-time token."""
        place = str(self.directory / "orchestrator")
        return made("join", name, "--data-dir", place)

    def device_id(self, name: str) -> str:
        """Return a supervisor's id."""
        return (self.directory / name / "device-id").read_text()

    def thing(self, name: str) -> dict[str, Any]:
        """Return the description of a supervisor that the directory has; empty without one."""
        answer = requests.get(
            f"{self.url}things/{self.device_id(name)}", headers=shown(self.token), timeout=10
        )
        return dict(answer.json()) if answer.ok else {}

    def said_by(self, name: str, audience: str) -> dict[str, str]:
        """Return a header by which a supervisor says who it is."""
        key = read_key(self.directory / name / "access" / "key.pem")
        return shown(assertion(key, self.device_id(name), audience)[0])

    def log(self, name: str) -> str:
        """Return what a server wrote."""
        return self.servers[name].log.read_text()

    def execute(self) -> Any:
        """Execute the deployment and return its output."""
        done = self.command("execute", "digit-reader", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["output"]

    def deploy(self, manifest: Path) -> None:
        """Deploy a manifest; again while a device has too much to do to answer in time."""
        done = wait_until(partial(self._deployed, manifest))
        assert done.returncode == 0, done.stderr

    def _deployed(self, manifest: Path) -> subprocess.CompletedProcess[str] | None:
        done = self.command("deploy", str(manifest))
        is_late = "timed out" in done.stderr or "does not answer" in done.stderr
        return None if is_late else done

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command against the orchestrator."""
        return wasmiot(*arguments, WASMIOT_URL=self.url, WASMIOT_TOKEN=self.token)

    @property
    def orchestrator_id(self) -> str:
        """The orchestrator's id."""
        return (self.directory / "orchestrator" / "id").read_text().strip()
