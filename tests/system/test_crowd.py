"""Many clients at once: nobody gets an error but to come again, and nobody is held up by others."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from crowd import Client, Tally, crowd
from fleet import Fleet, Server
from local_system import start_system
from mixed_load import Heard, Mix, thing, thing_id
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


@pytest.fixture(scope="module")
def orchestrator(fleet: Fleet) -> Server:
    """Return an orchestrator that lets a hundred listen."""
    options = ("--streams", "100", "--shutdown-seconds", "0")
    return start_system(fleet, options).server


def test_a_hundred_listeners_hear_a_thousand_events(orchestrator: Server) -> None:
    """Each hears all of them in their order; none is lost and none comes twice."""
    heard = [Heard() for _ in range(100)]

    async def listen(client: Client) -> None:
        await client.listen("listen", f"{orchestrator.url}events", heard[client.number].note)

    async def register(client: Client) -> None:
        url = f"{orchestrator.url}things/{thing_id(client.number)}"
        for times in range(100):
            body = json.dumps(thing(client.number, f"lamp {times}")).encode()
            await client.ask("put", "PUT", url, body, "application/td+json", (201, 204))

    async def listen_and_register() -> Tally:
        listening = asyncio.create_task(crowd([listen] * 100, 60))
        await asyncio.sleep(1)
        done = await crowd([register] * 10, 0.1)
        while min(len(h.numbers) for h in heard) < 1000 and not listening.done():
            await asyncio.sleep(0.1)
        listening.cancel()
        return done

    tally = asyncio.run(listen_and_register())
    assert (tally.told, tally.answered["put"]) == ([], 1000)
    assert [len(h.numbers) for h in heard] == [1000] * 100
    assert all(h.is_gapless for h in heard)


def test_two_hundred_clients_get_no_error(orchestrator: Server, fleet: Fleet) -> None:
    """Whatever they ask of both servers at once, they get it, or are told to come again."""
    device = start_slow_device(fleet, "--shutdown-seconds", "0", name="busy")
    mix = Mix(orchestrator.url, device.url)
    assert asyncio.run(mix.register_all()).told == []
    tally = asyncio.run(crowd(mix.acts(200), 5.0))
    assert tally.told == []
    kinds = {"thing", "page", "sparql", "register", "invoke", "begin", "health", "metrics"}
    assert kinds <= tally.answered.keys()
    assert tally.busy.total() < tally.answered.total() / 2, (tally.busy, tally.answered)
    assert all(heard.is_gapless for heard in mix.heard)


ANSWERS = {
    "429": b"HTTP/1.1 429 Too Many\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
    "wrong": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong",
    "short": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nright",
    "right": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright",
}


async def told_of(answer: bytes) -> Tally:
    """Return what is made of a server that says this one thing, and ends the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async def ask_once(client: Client) -> None:
        await client.ask("it", "GET", url, is_right=lambda body: body == b"right")
        client.close()

    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        return await crowd([ask_once], 0.01)


@pytest.mark.parametrize("name", ANSWERS)
def test_what_is_no_answer_is_told(name: str) -> None:
    """To be throttled, a body that is another and one that is cut off count as errors."""
    tally = asyncio.run(told_of(ANSWERS[name]))
    assert bool(tally.told) == (name != "right")
    assert bool(tally.answered) == (name == "right")


def test_who_never_gets_an_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that is still held up when the time is over is an error, not silence."""
    monkeypatch.setattr("crowd.ANSWER_SECONDS", 0.2)

    async def hang(client: Client) -> None:
        await asyncio.sleep(3600)

    assert asyncio.run(crowd([hang], 0.01)).errors.total() == 1


def test_who_heard_nothing_heard_not_all() -> None:
    """Neither silence nor a gap nor an event that came twice is a stream without gaps."""
    heard = {numbers: Heard([*numbers]).is_gapless for numbers in ((), (3, 4), (3, 5), (3, 3))}
    assert heard == {(): False, (3, 4): True, (3, 5): False, (3, 3): False}
