"""node-wot as a client of a deployment."""

import json
from collections.abc import Callable

import requests
from fleet import Fleet
from orchestrator_client import OrchestratorClient
from slow_chain import MANIFEST, ROOM_BYTES, submit_chain, upload_chain


def test_node_wot_drives_a_deployment(run_node: Callable[..., str]) -> None:
    """Properties, both ways to execute, events, rolling back and undeploying, by the TD alone."""
    with Fleet(is_discovered=False) as fleet:
        server = fleet.start_orchestrator()
        server.wait_until_listening()
        orchestrator = OrchestratorClient(server.url)
        device = fleet.start_supervisor("device", memory_bytes=ROOM_BYTES)
        device.wait_until_listening()
        orchestrator.register(requests.get(f"{device.url}.well-known/wot", timeout=10).content)
        upload_chain(orchestrator, 0)
        orchestrator.deploy(submit_chain(orchestrator))
        longer = [*MANIFEST["sequence"], MANIFEST["sequence"][-1]]
        url = orchestrator.submit(json.dumps({**MANIFEST, "sequence": longer}).encode())
        seen = json.loads(run_node("use_deployment.mjs", orchestrator.deploy(url)))
    assert seen == {
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
