"""`wasmiot module pull`: modules of an OCI registry, Debian's `docker-registry`."""

import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from wasmtime import wat2wasm

from wasmiot_td.processes import ServerProcesses

WAT = '(module (func (export "one") (result i32) i32.const 1))'
SETTINGS = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: "127.0.0.1:{port}", secret: not-one}}
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a registry; return the URL of a namespace in it."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("no OCI registry here: apt install docker-registry")
    folder, port = tmp_path_factory.mktemp("registry"), free_port()
    settings = folder / "config.yml"
    settings.write_text(SETTINGS.format(root=folder / "data", port=port))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", settings], stdout=log, stderr=log)
    try:
        while process.poll() is None and not is_listening(port):
            time.sleep(0.05)
        assert process.poll() is None, (folder / "log").read_text()
        yield f"http://127.0.0.1:{port}/wasmiot"
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    """Return a port on which nobody listens."""
    for port in random.sample(range(20000, 32000), 100):
        with socket.socket() as trial, suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")


def is_listening(port: int) -> bool:
    """Return whether somebody answers at a port."""
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def sharing(registry: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run an orchestrator that keeps its modules in the registry; return its URL."""
    folder = tmp_path_factory.mktemp("orchestrator")
    servers = ServerProcesses(folder)
    options = ("--host", "127.0.0.1", "--port", "0", "--no-discover")
    options += ("--data-dir", str(folder / "data"), "--oci-registry", registry)
    try:
        server = servers.start("orchestrator_app", "orchestrator", options)
        server.wait_until_listening()
        yield server.url
    finally:
        servers.stop()


def test_a_module_comes_back_from_the_registry(nobody: Any, sharing: str, tmp_path: Path) -> None:
    """What was removed here is pulled whole; once more, it is there already."""
    (tmp_path / "shared.wasm").write_bytes(wat2wasm(WAT))
    to = ("--url", sharing)
    added = nobody.json("module", "add", tmp_path / "shared.wasm", *to)
    nobody("module", "remove", "shared", *to)
    assert nobody.json("module", "list", *to) == []
    assert "shared:1.0.0" in nobody("module", "pull", "shared:1.0.0", *to).stdout
    assert nobody.json("module", "show", "shared", *to) == added
    assert "there already" in nobody("module", "pull", "shared:1.0.0", *to).stdout


@pytest.mark.parametrize(
    ("reference", "code", "said"),
    [("absent:1.0.0", 4, "has no absent"), ("no reference", 1, "name:version")],
)
def test_what_cannot_be_pulled_is_said(
    nobody: Any, sharing: str, reference: str, code: int, said: str
) -> None:
    """What is not there has its own exit code."""
    assert said in nobody("module", "pull", reference, "--url", sharing, code=code).stderr


def test_an_orchestrator_without_a_registry_says_so(wasmiot: Any) -> None:
    """And how to start it with one."""
    assert "--oci-registry" in wasmiot("module", "pull", "m:1.0.0", code=1).stderr
