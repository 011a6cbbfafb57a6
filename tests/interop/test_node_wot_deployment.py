"""node-wot as a client of a deployment."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
from fleet import Fleet
from orchestrator_client import OrchestratorClient, RefusedError
from slow_chain import MANIFEST, ROOM_BYTES, upload_chain

from wasmiot_td.access.join_tokens import make_join_token
from wasmiot_td.access.tokens import make_token

SEEN = {
    "state": "deployed",
    "revision": 2,
    "steps": 3,
    "run": 3,
    "execute": 3,
    "completed": "completed",
    "rollback": 3,
    "runAfterRollback": 2,
    "changed": "deployed",
    "undeploy": [],
}
"""What a client sees of the deployment."""


def test_node_wot_drives_a_deployment(run_node: Callable[..., str]) -> None:
    """Properties, both ways to execute, events, rolling back and undeploying, by the TD alone."""
    with Fleet(is_discovered=False) as fleet:
        server = fleet.start_orchestrator()
        server.wait_until_listening()
        orchestrator = OrchestratorClient(server.url)
        device = fleet.start_supervisor("device", memory_bytes=ROOM_BYTES)
        device.wait_until_listening()
        orchestrator.register(requests.get(f"{device.url}.well-known/wot", timeout=10).content)
        seen = json.loads(run_node("use_deployment.mjs", deployed_twice(orchestrator)))
    assert seen == SEEN


def test_node_wot_drives_a_guarded_deployment(run_node: Callable[..., str], tmp_path: Path) -> None:
    """All but events, with a token by the bearer scheme of the TD, on devices that joined."""
    with Fleet(is_discovered=False) as fleet:
        access, file = fleet.folder / "orchestrator" / "access", tmp_path / "token"
        token = make_token(access, "node-wot", "deploy")[0]
        file.write_text(token)
        server = fleet.start_orchestrator()
        server.wait_until_listening()
        orchestrator = GuardedClient(server.url, token)
        for name in ("first", "second"):
            join = make_join_token(access, name, timedelta(hours=1))[0]
            fleet.start_supervisor(name, "--join-token", join, memory_bytes=ROOM_BYTES)
        for device in fleet.servers:
            device.wait_until_listening()
        ids = {(fleet.folder / n / "device-id").read_text() for n in ("first", "second")}
        orchestrator.wait_for_things(ids)
        url = deployed_twice(orchestrator, sorted(ids))
        assert requests.get(url, timeout=10).status_code == 401
        used_on = {
            p["device"] for p in orchestrator.request("GET", f"{url}/properties/placement").json()
        }
        seen = json.loads(run_node("use_deployment.mjs", url, str(file)))
    assert seen == {n: v for n, v in SEEN.items() if n not in ("completed", "changed")}
    assert used_on == ids


def deployed_twice(orchestrator: OrchestratorClient, devices: Sequence[str] = ()) -> str:
    """Deploy a chain and then a longer one, and return the URL of the deployment's TD."""
    upload_chain(orchestrator, 0)
    one, two = MANIFEST["sequence"]
    places = [{"device": device} for device in devices] or [{}, {}]
    chain = [step | place for step, place in zip((one, two), places, strict=True)]
    for sequence in (chain, [*chain, chain[-1]]):
        manifest = json.dumps({**MANIFEST, "sequence": sequence}).encode()
        url = orchestrator.deploy(orchestrator.submit(manifest))
    return url


@dataclass(frozen=True)
class GuardedClient(OrchestratorClient):
    """A client that shows a token."""

    token: str

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request; see `OrchestratorClient.request`."""
        shown = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return super().request(method, path, headers=shown, **options)

    def deploy(self, manifest_url: str) -> str:
        """Deploy a manifest; again where a device had too much to do to answer in time."""
        for _ in range(3):
            try:
                return super().deploy(manifest_url)
            except RefusedError as error:
                if "timed out" not in str(error):
                    raise
        return super().deploy(manifest_url)
