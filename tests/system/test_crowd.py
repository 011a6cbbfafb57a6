"""Many clients at once: nobody gets an error but to come again, and nobody is held up by others."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from fleet import Fleet, Server
from slow_chain import until
from slow_device import start_slow_device, url_of

CALLS = 16
"""How many clients a supervisor lets wait for a result, by default."""


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """Return a fleet that is stopped in the end."""
    with Fleet(is_discovered=False) as made:
        yield made


@pytest.fixture(scope="module")
def device(fleet: Fleet) -> Server:
    """Return a device whose functions take as long as they are told."""
    return start_slow_device(fleet, "--shutdown-seconds", "0")


def under_way(server: Server) -> int:
    """Return how many clients wait for a result."""
    text = requests.get(f"{server.url}metrics", timeout=30).text
    (line,) = [li for li in text.splitlines() if li.startswith("wasmiot_supervisor_waiting_calls ")]
    return int(float(line.split()[1]))


def test_slow_calls_hold_up_nobody_else(device: Server) -> None:
    """While all places are taken, TD, health, statuses and cancelling answer; one more gets 503."""
    with ThreadPoolExecutor(CALLS) as pool:
        url = url_of(device, "actions/spin")
        calls = [pool.submit(requests.post, url, timeout=60) for _ in range(CALLS)]
        until(lambda: under_way(device), lambda count: count == CALLS)
        href = requests.post(url_of(device, "actions/later"), json=1, timeout=30).json()["href"]
        for path in (".well-known/wot", "healthz/ready", "properties/health"):
            assert requests.get(f"{device.url}{path}", timeout=30).status_code == 200
        assert requests.get(href, timeout=30).json()["status"] in ("pending", "running")
        assert requests.delete(href, timeout=30).status_code == 204
        until(lambda: requests.post(url, timeout=30), lambda answer: answer.status_code == 503)
        assert "Retry-After" in requests.post(url, timeout=30).headers
        assert not any(call.done() for call in calls)
        device.process.terminate()
    assert {call.result().status_code for call in calls} == {503}
