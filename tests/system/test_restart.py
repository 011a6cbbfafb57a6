"""An orchestrator that is killed and started again knows everything and goes on."""

import signal
from urllib.parse import urlsplit

from local_system import System
from orchestrator_client import OrchestratorClient, execute


def ids(orchestrator: OrchestratorClient, path: str) -> set[str]:
    """Return the ids of a listing."""
    return {str(document["id"]) for document in orchestrator.request("GET", path).json()}


def restart(system: System) -> None:
    """Kill the orchestrator without warning and start it again on the same data and port."""
    port = urlsplit(system.server.url).port or 0
    system.server.end(signal.SIGKILL)
    system.server = system.fleet.start_orchestrator(port=port)
    system.server.wait_until_listening()


def test_a_killed_orchestrator_remembers_and_executes(system: System) -> None:
    """Things, modules, manifests and deployments are there again, and execute works."""
    system.upload()
    deployment = system.deploy()
    listings = ("things", "modules", "manifests", "deployments")
    before = {path: ids(system.orchestrator, path) for path in listings}
    assert all(before.values())
    restart(system)
    assert {path: ids(system.orchestrator, path) for path in listings} == before
    assert execute(deployment)["status"] == "completed"


def test_a_restarted_orchestrator_serves_the_packages_again(system: System) -> None:
    """Binaries and data files survive: the same manifest deploys anew."""
    system.upload()
    system.deploy()
    restart(system)
    assert execute(system.deploy())["status"] == "completed"
