"""What it costs that a device asks who somebody is, beside the same device asking nobody.

One client, one kept-alive connection to each of two supervisors, a request to each in turn, so
that both see the same machine; the middle of all differences of neighbours.

- open: nobody is asked.
- token: a token that the operator made; its hash is looked up.
- statement: of the orchestrator, signed with its key, for five minutes; verified once.
- granted: of another device, with what the orchestrator granted to it; verified once.
- new statement: another one for each request, as if each came from a new peer; verified each time.
"""

import argparse
import http.client
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import cycle
from pathlib import Path

import wasmtime
from bench_supervisor import BODY, MODULE, Started, put, started_supervisor
from rows import Row, record

from wasmiot_td.access.assertions import Grant, assertion, granted
from wasmiot_td.access.keys import Key, make_key
from wasmiot_td.access.peers import ORCHESTRATOR, Peer, put_peer
from wasmiot_td.access.tokens import make_token

PATH = "/deployments/fresh/actions/add"
NEW_STATEMENTS = 4000
"""More than a guard remembers."""


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=3000)
    count = parser.parse_args().requests
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        devices = []
        for name in ("open", "guarded"):
            place = Path(folder) / name
            place.mkdir()
            devices.append(stack.enter_context(started_supervisor(place)))
            put(devices[-1], place, "fresh", wasmtime.wat2wasm(MODULE))
        kinds = shown(place / "data")
        check_refused(devices[-1])
        for name, tokens in kinds.items():
            report(name, *compared(*devices, tokens, count))


def shown(data_dir: Path) -> dict[str, Iterator[str]]:
    """Guard a device, and return what is shown to it, by name."""
    access, own = data_dir / "access", (data_dir / "device-id").read_text()
    token = make_token(access, "operator", "deploy")[0]
    host, device = make_key(data_dir / "host.pem"), make_key(data_dir / "device.pem")
    put_peer(access, Peer("urn:ex:host", host.public, ORCHESTRATOR))
    given = Grant("urn:ex:device", device.public, own, "http://127.0.0.1/", ("fresh",))
    text = granted(host, "urn:ex:host", given)
    return {
        "token": cycle([token]),
        "statement": cycle([assertion(host, "urn:ex:host", own)[0]]),
        "granted": cycle([assertion(device, "urn:ex:device", own, text)[0]]),
        "new statement": cycle(_many(host, own)),
    }


def _many(key: Key, audience: str) -> list[str]:
    """Return statements that differ; what a grant says is not looked at in an orchestrator's."""
    return [assertion(key, "urn:ex:host", audience, str(n))[0] for n in range(NEW_STATEMENTS)]


def check_refused(guarded: Started) -> None:
    """Check that who shows nothing is refused: else nothing that is asked would be measured."""
    connection = http.client.HTTPConnection("127.0.0.1", guarded.port, timeout=60)
    with closing(connection):
        connection.request("POST", PATH, BODY, {"Content-Type": "application/json"})
        if (status := connection.getresponse().status) != 401:
            raise RuntimeError(f"the guarded device answers {status} to who shows nothing")


def compared(
    plain: Started, guarded: Started, tokens: Iterator[str], count: int
) -> tuple[list[float], list[float]]:
    """Return how long each request took, without and with something to show."""
    ask_plain, ask_guarded = asking(plain), asking(guarded)
    for _ in range(200):
        ask_plain("")
        ask_guarded(next(tokens))
    pairs = [(ask_plain(""), ask_guarded(next(tokens))) for _ in range(count)]
    return [p for p, _ in pairs], [g for _, g in pairs]


def asking(device: Started) -> Callable[[str], float]:
    """Return a function that sends a request and returns how long it took."""
    connection = http.client.HTTPConnection("127.0.0.1", device.port, timeout=60)

    def ask(token: str) -> float:
        headers = {"Content-Type": "application/json"}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        begin = time.perf_counter()
        connection.request("POST", PATH, BODY, headers)
        response = connection.getresponse()
        content = response.read()
        taken = time.perf_counter() - begin
        if content != b"42":
            raise RuntimeError(f"{response.status} {content[:200]!r}")
        return taken

    return ask


def report(name: str, plain: list[float], guarded: list[float]) -> None:
    """Print a row, and keep it."""
    ours, peer = (statistics.median(each) * 1e6 for each in (guarded, plain))
    more = statistics.median(g - p for g, p in zip(guarded, plain, strict=True)) * 1e6
    print(f"{name:14} {ours:6.0f} µs, open {peer:6.0f} µs: {more:+5.0f} µs")
    record(Row(f"A guarded call: {name}", ours, "µs", peer, "the same, open"))


if __name__ == "__main__":
    main()
