"""How a device gets into the directory, with and without multicast."""

import pytest
import requests
from fleet import Fleet
from local_system import TINY_BYTES
from orchestrator_client import OrchestratorClient


@pytest.mark.parametrize(("is_discovered", "how"), [(True, "dns-sd"), (False, "http")])
def test_a_device_is_found_by_mdns_or_else_registers_itself(is_discovered: bool, how: str) -> None:
    """On its own a device gets into the directory, which says by which of the two ways."""
    with Fleet(is_discovered=is_discovered) as fleet:
        server = fleet.start_orchestrator()
        server.wait_until_listening()
        device = fleet.start_supervisor("tiny", memory_bytes=TINY_BYTES)
        device.wait_until_listening()
        td = requests.get(f"{device.url}.well-known/wot", timeout=10).json()
        known = OrchestratorClient(server.url).wait_for_things({td["id"]})
    assert known[td["id"]]["registration"]["wasmiot:introducedBy"] == how
