"""node-wot as a client of a supervisor that asks for a token."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from secure_fleet import authority

from wasmiot_td.access.tokens import make_token
from wasmiot_td.processes import ServerProcesses


def used(
    run_node: Callable[..., str], folder: Path, scheme: str, more: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what node-wot tells of a supervisor that asks for a token."""
    token, file = make_token(folder / "access", "node-wot", "read")[0], folder / "token"
    file.write_text(token)
    processes = ServerProcesses(folder)
    try:
        options = ["--port", "0", "--data-dir", str(folder), "--no-announce", *more]
        server = processes.start("supervisor_app", "device", options)
        server.wait_until_listening()
        assert server.url.startswith(f"{scheme}://")
        seen = run_node("use_guarded.mjs", f"{server.url}.well-known/wot", str(file))
    finally:
        processes.stop()
    found: dict[str, Any] = json.loads(seen)
    return found


def test_node_wot_shows_its_token(run_node: Callable[..., str], tmp_path: Path) -> None:
    """By the bearer scheme of the TD a right token reads a property, and a wrong one does not."""
    seen = used(run_node, tmp_path, "http")
    assert seen["deployments"] == 0
    assert "401" in seen["refused"] or "Unauthorized" in seen["refused"]


def test_node_wot_reads_a_property_over_tls(
    run_node: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It believes the authority that node is told of."""
    folder = authority(tmp_path / "certs", "device")
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", str(folder / "ca.pem"))
    pair = ["--tls-cert", str(folder / "device.pem"), "--tls-key", str(folder / "device.key")]
    seen = used(run_node, tmp_path, "https", pair)
    assert seen["deployments"] == 0
    assert "401" in seen["refused"] or "Unauthorized" in seen["refused"]
