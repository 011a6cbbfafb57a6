"""node-wot as a client of a supervisor that asks for a token."""

import json
from collections.abc import Callable
from pathlib import Path

from wasmiot_td.access.tokens import make_token
from wasmiot_td.processes import ServerProcesses


def test_node_wot_shows_its_token(run_node: Callable[..., str], tmp_path: Path) -> None:
    """By the bearer scheme of the TD a right token reads a property, and a wrong one does not."""
    token, file = make_token(tmp_path / "access", "node-wot", "read")[0], tmp_path / "token"
    file.write_text(token)
    processes = ServerProcesses(tmp_path)
    try:
        options = ["--port", "0", "--data-dir", str(tmp_path), "--no-announce"]
        server = processes.start("supervisor_app", "device", options)
        server.wait_until_listening()
        url = f"{server.url}.well-known/wot"
        seen = json.loads(run_node("use_guarded.mjs", url, str(file)))
    finally:
        processes.stop()
    assert seen["deployments"] == 0
    assert "401" in seen["refused"] or "Unauthorized" in seen["refused"]
