"""Servers that are told to stop: what runs ends in a set time, and what was promised is kept."""

import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
import requests
from fleet import Fleet, Server
from local_system import System, start_system
from slow_chain import ROOM_BYTES, begin, placement, submit_chain, until, upload_chain
from slow_device import start_slow_device, url_of

PATIENCE_SECONDS = 5.0
"""How long a server may take to end that has nothing to wait for, on a busy machine."""


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    """Return a fleet that is stopped in the end."""
    with Fleet(is_discovered=False) as made:
        yield made


@pytest.fixture
def callers() -> Iterator[ThreadPoolExecutor]:
    """Return threads to call from."""
    with ThreadPoolExecutor(8) as pool:
        yield pool


def invoke(server: Server, name: str, value: int | None = None) -> requests.Response:
    """Invoke an action of the slow device."""
    return requests.post(url_of(server, f"actions/{name}"), json=value, timeout=60)


def running(server: Server) -> int:
    """Return how many requests a server answers besides this one."""
    text = requests.get(f"{server.url}metrics", timeout=10).text
    lines = [
        line for line in text.splitlines() if line.startswith("wasmiot_http_requests_under_way ")
    ]
    return int(float(lines[0].split()[1])) - 1


def begun(callers: ThreadPoolExecutor, server: Server, name: str, *value: int) -> Future[Any]:
    """Invoke an action in another thread, and wait until the server is at work on it."""
    before = running(server)
    called = callers.submit(invoke, server, name, *value)
    until(lambda: running(server), lambda count: count > before)
    return called


def ended(server: Server, seconds: float) -> tuple[int, list[psutil.Process]]:
    """Wait for the end of a server that was told to stop; return its exit code and who is left."""
    family = psutil.Process(server.process.pid).children(recursive=True)
    code = server.process.wait(seconds)
    return code, [] if gone(family) else family


def gone(family: list[psutil.Process]) -> bool:
    """Return whether processes end within a moment; one that nobody has waited for has ended."""
    deadline = time.monotonic() + 2
    while any(map(is_there, family)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(is_there, family))


def is_there(process: psutil.Process) -> bool:
    """Return whether a process has not ended."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def is_refused(server: Server) -> bool:
    """Return whether nobody listens there."""
    host, port = server.url.removeprefix("http://").rstrip("/").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return True
    return False


def open_stream(url: str) -> requests.Response:
    """Subscribe, and read the first line."""
    stream = requests.get(url, headers={"Accept": "text/event-stream"}, stream=True, timeout=60)
    next(stream.iter_lines())
    return stream


def test_what_runs_ends_and_everybody_is_told(fleet: Fleet, callers: ThreadPoolExecutor) -> None:
    """At SIGTERM nobody listens any more; who waits for a call gets its answer, a stream ends."""
    server = start_slow_device(fleet)
    stream = open_stream(url_of(server, "properties/count/changes"))
    called = begun(callers, server, "work", 3000)
    href = invoke(server, "later", 3000).json()["href"]
    waiting = callers.submit(requests.get, href, headers={"Prefer": "wait=20"}, timeout=60)
    until(lambda: running(server), lambda count: count > 1)
    server.process.terminate()
    until(lambda: is_refused(server), bool, 2.0)
    for _ in stream.iter_lines():
        pass
    assert not called.done()
    code, left = ended(server, 3 + PATIENCE_SECONDS)
    assert (called.result().status_code, called.result().json()) == (200, 3000)
    assert waiting.result().json()["output"] == 3000
    assert (code, left) == (0, [])


def test_what_takes_too_long_says_so(fleet: Fleet, callers: ThreadPoolExecutor) -> None:
    """When the time is over, calls that run or wait get 503, and of invocations none is lost."""
    server = start_slow_device(fleet, "--shutdown-seconds", "1", name="kept")
    called = [begun(callers, server, "spin") for _ in range(3)]
    hrefs = [invoke(server, "later", 10).json()["href"] for _ in range(3)]
    host, port = server.url.removeprefix("http://").rstrip("/").split(":")
    with socket.create_connection((host, int(port))) as idle:
        idle.sendall(b"POST /deployments/slow/actions/work HTTP/1.1\r\nHost: x\r\n")
        idle.sendall(b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n1")
        until(lambda: running(server), lambda count: count > 3)
        server.process.terminate()
        assert ended(server, 1 + PATIENCE_SECONDS) == (0, [])
    assert [c.result().status_code for c in called] == [503] * 3
    assert called[0].result().json()["title"] == "Interrupted"
    assert "Retry-After" in called[0].result().headers
    again = start_slow_device(fleet, name="kept")
    found = [requests.get(h.replace(server.url, again.url), timeout=10).json() for h in hrefs]
    assert [status["error"]["title"] for status in found] == ["Interrupted"] * 3


def test_a_second_signal_ends_at_once(fleet: Fleet, callers: ThreadPoolExecutor) -> None:
    """Whoever cannot wait says so twice; nothing is left then either."""
    server = start_slow_device(fleet, "--shutdown-seconds", "60")
    begun(callers, server, "spin")
    family = psutil.Process(server.process.pid).children(recursive=True)
    server.process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(PATIENCE_SECONDS) == 128 + signal.SIGINT
    assert gone(family)


@pytest.fixture
def chain(fleet: Fleet) -> System:
    """Return a system whose second step takes two seconds."""
    system = start_system(fleet)
    system.add_supervisor("first", ROOM_BYTES)
    upload_chain(system.orchestrator, 2000)
    system.orchestrator.deploy(submit_chain(system.orchestrator))
    return system


def test_an_execution_along_a_chain_ends(chain: System, callers: ThreadPoolExecutor) -> None:
    """The orchestrator follows it to its end before it goes, and whoever waits gets the result."""
    server = chain.server
    stream = open_stream(f"{server.url}events")
    url = f"{server.url}deployments/chain/actions/run"
    called = callers.submit(requests.post, url, timeout=60)
    until(lambda: running(server), lambda count: count > 0)
    server.process.terminate()
    for _ in stream.iter_lines():
        pass
    assert ended(server, 2 + PATIENCE_SECONDS) == (0, [])
    assert (called.result().status_code, called.result().json()) == (200, 2)


def test_an_execution_that_takes_too_long_says_so(
    fleet: Fleet, callers: ThreadPoolExecutor
) -> None:
    """When the orchestrator's time is over, who waits gets 503, and the reason is kept."""
    system = start_system(fleet, ("--shutdown-seconds", "1"))
    system.add_supervisor("first", ROOM_BYTES, options=("--shutdown-seconds", "0"))
    upload_chain(system.orchestrator, 60_000)
    system.orchestrator.deploy(submit_chain(system.orchestrator))
    server, actions = system.server, "deployments/chain/actions"
    sink = f"{placement(system.orchestrator)[1]['thing'].removesuffix('td')}actions"
    called = callers.submit(requests.post, f"{server.url}{actions}/run", timeout=60)
    href = begin(system.orchestrator).removeprefix(server.url)
    until(lambda: states_of(sink, "next"), lambda states: states.count("running") == 2)
    server.process.terminate()
    assert ended(server, 1 + PATIENCE_SECONDS) == (0, [])
    answer = called.result()
    assert (answer.status_code, answer.json()["status"]) == (503, 503)
    assert "Retry-After" in answer.headers
    again = fleet.start_orchestrator()
    again.wait_until_listening()
    status = requests.get(f"{again.url}{href}", timeout=30).json()
    assert status["status"] == "failed"
    assert "the orchestrator was stopped meanwhile" in status["error"]["detail"]


def states_of(actions_url: str, name: str) -> list[str]:
    """Return how the invocations of an action stand."""
    return [s["status"] for s in requests.get(actions_url, timeout=10).json()[name]]
