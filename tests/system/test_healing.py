"""Devices die in the middle, come and go; the orchestrator dies in the middle of a deploy."""

import signal
import threading
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from fleet import Server
from local_system import System
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

DELAY_MS = 1500


@pytest.fixture
def chain(alone: System) -> dict[str, Server]:
    """Return the supervisors by device: one takes the first step, two could take the second."""
    servers = [alone.add_supervisor("first", SOURCE_BYTES)]
    servers += [alone.add_supervisor(name, ROOM_BYTES) for name in ("left", "right")]
    upload_chain(alone.orchestrator, DELAY_MS)
    return {alone.devices[server.name]: server for server in servers}


def deploy(system: System) -> None:
    """Deploy the chain."""
    system.orchestrator.deploy(submit_chain(system.orchestrator))


def test_a_supervisor_that_is_killed_in_the_middle(alone: System, chain: dict[str, Server]) -> None:
    """The execution completes on the stand-in, and the step stays there until all is well."""
    deploy(alone)
    orchestrator = alone.orchestrator
    second = placement(orchestrator)[1]
    href = begin(orchestrator)
    until(
        lambda: orchestrator.request("GET", href).json(), lambda status: len(status["trace"]) == 2
    )
    chain[second["device"]].end(signal.SIGKILL)
    status = end(orchestrator, href)
    assert (status["status"], status["output"]) == ("completed", 2), status
    assert [t["device"] for t in status["trace"]][-2:] == [second["device"], second["standby"]]
    until(lambda: placement(orchestrator)[1]["device"], lambda d: d == second["standby"])
    until(lambda: state(orchestrator), lambda found: found == ("deployed", 2))


def test_a_device_that_comes_and_goes(alone: System, chain: dict[str, Server]) -> None:
    """What is silent for a moment keeps its work: nothing is moved, nothing is redeployed."""
    deploy(alone)
    orchestrator = alone.orchestrator
    second = placement(orchestrator)[1]["device"]
    group = chain[second].process.pid
    for _ in range(2):
        signal_family(group, signal.SIGSTOP)
        until(lambda: state(orchestrator)[0], lambda found: found == "degraded")
        signal_family(group, signal.SIGCONT)
        until(lambda: state(orchestrator)[0], lambda found: found == "deployed")
    assert placement(orchestrator)[1]["device"] == second
    assert state(orchestrator) == ("deployed", 1)
    assert end(orchestrator, begin(orchestrator))["output"] == 2


def test_a_device_that_left_the_directory_is_told_when_it_is_back(
    alone: System, chain: dict[str, Server]
) -> None:
    """Looks at the others in between do not have it taken for told."""
    deploy(alone)
    orchestrator = alone.orchestrator
    second = placement(orchestrator)[1]["device"]
    held = requests.get(f"{chain[second].url}.well-known/wot", timeout=10).content
    orchestrator.request("DELETE", f"things/{second}")
    away = orchestrator.request("DELETE", "deployments/chain").json()["away"]
    assert second in away
    for _ in range(2):
        look_again(chain[alone.devices["first"]])
    orchestrator.register(held)  # unless it did so by itself already
    until(lambda: serves(chain[second]), lambda found: found == [])
    until(lambda: orchestrator.request("GET", "deployments").json(), lambda found: found == [])


def test_an_orchestrator_that_is_killed_in_the_middle_of_a_deploy(
    alone: System, chain: dict[str, Server]
) -> None:
    """What was wanted is written first, so the next run brings it about by itself."""
    url = submit_chain(alone.orchestrator, first=alone.devices["first"])
    held = [chain[alone.devices["first"]]]
    for server in held:
        signal_family(server.process.pid, signal.SIGSTOP)
    asked = threading.Thread(target=lambda: give_up(f"{url}/deploy"))
    asked.start()
    until(lambda: [s for s in chain.values() if serves_chain(s, held)], bool)
    alone.server.end(signal.SIGKILL)
    asked.join()
    for server in held:
        signal_family(server.process.pid, signal.SIGCONT)
    port = urlsplit(alone.server.url).port or 0
    alone.server = alone.fleet.start_orchestrator(port=port)
    alone.server.wait_until_listening()
    until(lambda: state(alone.orchestrator)[0], lambda found: found == "deployed")
    assert end(alone.orchestrator, begin(alone.orchestrator))["output"] == 2


def look_again(server: Server) -> None:
    """Wait until monitoring has looked at a device once more."""

    def looks() -> float:
        lines = requests.get(f"{server.url}metrics", timeout=10).text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if is_look(line))

    before = looks()
    until(looks, lambda now: now > before + 1)  # the one before the last is over


def is_look(line: str) -> bool:
    """Return whether a metric counts how often a device was asked for its health."""
    return line.startswith("wasmiot_http_request_seconds_count") and "/properties/" in line


def serves(server: Server) -> list[str]:
    """Return what a supervisor serves."""
    return list(requests.get(f"{server.url}deployments", timeout=10).json())


def give_up(url: str) -> None:
    """Ask for a deployment whose orchestrator dies on the way."""
    with pytest.raises(requests.RequestException):
        requests.post(url, timeout=60)


def serves_chain(server: Server, held: list[Server]) -> bool:
    """Return whether a supervisor that runs has its share."""
    if server in held:
        return False
    return "chain" in serves(server)


def signal_family(pid: int, number: int) -> None:
    """Send a signal to a server and to its serving child."""
    parent = psutil.Process(pid)
    for member in (*parent.children(recursive=True), parent):
        member.send_signal(number)
