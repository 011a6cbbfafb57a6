"""A fleet in which every server asks for tokens, as real processes."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from local_system import CAMERA_BYTES, EXAMPLE, IMAGES, MID_BYTES

from wasmiot_td.access.tokens import make_token
from wasmiot_td.processes import ServerProcesses

MEMORY = {"camera": CAMERA_BYTES, "mid": MID_BYTES}
NAMES = ("orchestrator", *MEMORY)


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[dict[str, tuple[str, str]]]:
    """Yield by name the URL of each server and a token that may deploy there."""
    ports = dict(zip(NAMES, free_ports(len(NAMES)), strict=True))
    servers = {
        name: (
            f"http://127.0.0.1:{port}/",
            make_token(tmp_path / name / "access", "fleet", "deploy")[0],
        )
        for name, port in ports.items()
    }
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps({url: {"bearer": token} for url, token in servers.values()}))
    file.chmod(0o600)
    processes = ServerProcesses(tmp_path)
    try:
        for name in NAMES:
            options = ["--port", str(ports[name]), "--data-dir", str(tmp_path / name)]
            options += ["--credentials", str(file)]
            if name == "orchestrator":
                processes.start("orchestrator_app", name, [*options, "--no-discover"])
            else:
                options += ["--name", name, "--memory-bytes", str(MEMORY[name]), "--no-announce"]
                options += ["--camera", str(IMAGES)] if name == "camera" else []
                processes.start("supervisor_app", name, options)
        for server in processes.servers:
            server.wait_until_listening()
        yield servers
    finally:
        processes.stop()


def wasmiot(server: tuple[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command against an orchestrator with a token."""
    command = [sys.executable, "-c", "from wasmiot_td.command_line import main; main()"]
    environment = {**os.environ, "WASMIOT_URL": server[0], "WASMIOT_TOKEN": server[1]}
    return subprocess.run(
        [*command, *arguments], env=environment, capture_output=True, text=True, check=False
    )


def test_a_guarded_fleet_executes(guarded: dict[str, tuple[str, str]]) -> None:
    """Deploying, fetching packages, feeding and following all show their tokens."""
    orchestrator = guarded["orchestrator"]
    for name in MEMORY:
        url, token = guarded[name]
        header = {"Authorization": f"Bearer {token}"}
        td = requests.get(f"{url}.well-known/wot", headers=header, timeout=10).json()
        assert td["securityDefinitions"][td["security"][0]]["scheme"] == "bearer"
        place, header = f"{orchestrator[0]}things/{td['id']}", orchestrator[1]
        answer = requests.put(
            place, json=td, headers={"Authorization": f"Bearer {header}"}, timeout=10
        )
        assert answer.status_code == 201
    for name, more in (("camera", ()), ("digits", ("--data", str(EXAMPLE / "weights.bin")))):
        binary, model = EXAMPLE / name / f"{name}.wasm", EXAMPLE / f"{name}.tm.json"
        done = wasmiot(
            orchestrator, "module", "add", str(binary), "--description", str(model), *more
        )
        assert done.returncode == 0, done.stderr
    done = wasmiot(orchestrator, "deploy", str(EXAMPLE / "manifest.jsonld"))
    assert done.returncode == 0, done.stderr
    done = wasmiot(orchestrator, "execute", "digit-reader", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["output"] in range(10)


def test_strangers_are_refused_by_every_server(guarded: dict[str, tuple[str, str]]) -> None:
    """Neither without a token nor with that of another server does anybody get in."""
    tokens = [token for _, token in guarded.values()]
    for number, (url, _) in enumerate(guarded.values()):
        foreign = {"Authorization": f"Bearer {tokens[number - 1]}"}
        for headers in ({}, foreign):
            answer = requests.get(f"{url}deployments", headers=headers, timeout=10)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    refused = wasmiot((guarded["mid"][0], "wrong"), "things", "list")
    assert refused.returncode == 1
    assert "Unauthorized" in refused.stderr
