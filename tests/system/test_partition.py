"""Three hosts, and a link between them that is cut."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from network_hosts import Network, network
from orchestrator_client import OrchestratorClient
from slow_chain import (
    ROOM_BYTES,
    SOURCE_BYTES,
    begin,
    end,
    placement,
    state,
    submit_chain,
    until,
    upload_chain,
)


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Network]:
    """Return a network; without the right to make one there is no such test."""
    with ExitStack() as stack:
        try:
            made = stack.enter_context(network(tmp_path))
        except OSError as error:
            pytest.skip(f"network namespaces cannot be made here: {error}")
        yield made


def supervisor(hosts: Network, host: str, name: str, address: str, memory_bytes: int) -> str:
    """Start a supervisor on a host and return its URL."""
    options = ("--name", name, "--memory-bytes", str(memory_bytes), "--no-announce")
    server = hosts.serve(host, name, "supervisor_app", address, *options)
    server.wait_until_listening()
    return server.url


def test_a_link_that_is_cut(hosts: Network) -> None:
    """Executions go round the host that is cut off, which goes on; then both sides agree."""
    addresses = {name: hosts.add_host(name) for name in ("a", "b", "c", "o")}
    server = hosts.serve("o", "orchestrator", "orchestrator_app", addresses["o"], "--no-discover")
    server.wait_until_listening()
    orchestrator = OrchestratorClient(server.url)
    urls, host_of = {}, {}
    for host, memory_bytes in (("a", SOURCE_BYTES), ("b", ROOM_BYTES), ("c", ROOM_BYTES)):
        url = supervisor(hosts, host, f"on-{host}", addresses[host], memory_bytes)
        td = requests.get(f"{url}.well-known/wot", timeout=10)
        orchestrator.register(td.content)
        urls[host], host_of[td.json()["id"]] = url, host
    upload_chain(orchestrator, 0)
    orchestrator.deploy(submit_chain(orchestrator))
    assert end(orchestrator, begin(orchestrator))["output"] == 2
    second = placement(orchestrator)[1]
    lost = host_of[second["device"]]

    hosts.cut(lost)
    status = end(orchestrator, begin(orchestrator))
    assert (status["status"], status["output"]) == ("completed", 2), status
    assert status["trace"][-1]["device"] == second["standby"]
    assert '"chain"' in hosts.fetch_on(lost, f"{urls[lost]}deployments")
    until(lambda: placement(orchestrator)[1]["device"], lambda d: d == second["standby"])

    hosts.mend(lost)
    until(
        lambda: requests.get(f"{urls[lost]}deployments", timeout=10).json(),
        lambda installed: "chain" not in installed,
    )
    until(lambda: state(orchestrator)[0], lambda found: found == "deployed")
    assert end(orchestrator, begin(orchestrator))["output"] == 2
