"""This directory and domus-tdd-api: the same Things, the same requests, in one run.

Three servers: domus-tdd-api over an Oxigraph server, this directory over another such server, which
is the same kind of store, and this directory over its own embedded store. Each row names the store.
"""

import json
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import domus
import fleet
import measured
from measured import MEBIBYTE, times_of
from rows import Row, record

ENVIRONMENT = Path(__file__).parents[1] / ".cache" / "domus"
PEER = "domus-tdd-api over an Oxigraph server"
SAME, EMBEDDED = "over an Oxigraph server", "embedded store"
CLIENTS = (1, 2, 8)
RATE_TURNS = 3
N_NEW = (12, 400, 400)
"""New Things in a turn, of domus and of ours: it takes a few a second, and rates are compared."""

N_CLIENTS_OF_UNLIKE = (1, 8)
"""Things of which each is of a kind of its own: nothing that was read before serves the next."""

N_IN_BULK = 1000
N_KEPT = 100
"""Things in each while memory, disk and a search are measured."""

N_FOUND = 50
SEARCH = f"""
PREFIX td: <https://www.w3.org/2019/wot/td#>
SELECT ?device ?title {{ GRAPH ?graph {{ ?device td:title ?title }} }} LIMIT {N_FOUND}
"""

Maker = Callable[[int], dict[str, Any]]
"""Makes the description of the device of a number."""


@dataclass(frozen=True)
class Rate:
    """How fast a server takes new Things, and what each costs its processes."""

    a_second: float
    cpu_ms: float


@dataclass(frozen=True)
class Measured:
    """A directory that is measured.

    Attributes:
        store: what it keeps Things in; how its rows are named.
        processes: it, and the server of its store.
        folders: where it and its store keep everything.
    """

    store: str
    client: measured.Client
    processes: "Sequence[subprocess.Popen[bytes]]"
    folders: Sequence[Path]


def measure_beside(folder: Path, n_documents: int) -> None:
    """Measure the three, request by request.

    They take turns, so that what else runs on the machine slows all alike. Where domus-tdd-api
    cannot be run, nothing is measured; whatever fails after that ends the benchmark.
    """
    print(
        f"\n{n_documents} Things, the same requests to each in turn; domus over an Oxigraph server"
    )
    try:
        with ExitStack() as stack:
            theirs = stack.enter_context(domus.domus(folder, ENVIRONMENT))
            peer = Measured(SAME, theirs.client, theirs.processes, [folder / "oxigraph"])
            ours = [stack.enter_context(each(folder)) for each in (_over_a_server, _embedded)]
            servers = [peer, *ours]
            _measure(servers, n_documents)
            _print_forwarder(theirs)
    except domus.CannotRun as error:
        print(f"  domus-tdd-api cannot be measured here: {error}")


def put_thing(client: measured.Client, number: int, title: str = "") -> None:
    """Register a device of the fleet, or change it."""
    body = json.dumps(fleet.description(number, title)).encode()
    client.put(f"/things/{fleet.thing_id(number)}", body)


def _measure(servers: Sequence[Measured], n_documents: int) -> None:
    clients = [each.client for each in servers]
    _print_times(_requests(clients, list(range(n_documents))))
    for number in range(n_documents + 1, N_KEPT):
        for client in clients:
            put_thing(client, number)
    _print_times({"search by SPARQL": _turns(_searched, clients, list(range(n_documents)))})
    _print_sizes(servers)
    rates = {n: measure_rates(clients, n, fleet.description) for n in CLIENTS}
    unlike = {n: measure_rates(clients, n, fleet.unlike) for n in N_CLIENTS_OF_UNLIKE}
    for name, found in (("new Things", rates), ("new Things, each of its own kind", unlike)):
        for n_clients, of_each in found.items():
            _print_rates(name, n_clients, of_each)
    best = max(of_each[0].a_second for of_each in (*rates.values(), *unlike.values()))
    for own in servers[1:]:
        _print_bulk("new Things in bulk", own, best, fleet.description)
        _print_bulk("new Things in bulk, each of its own kind", own, best, fleet.unlike)


def _print_times(times: dict[str, list[float]]) -> None:
    for name, (domus_ms, *ours) in times.items():
        compared = [
            f"{store} {own:.2f} ms, ratio {domus_ms / own:.0f}"
            for store, own in zip((SAME, EMBEDDED), ours, strict=True)
        ]
        print(f"  {name:18}domus {domus_ms:.1f} ms; {'; '.join(compared)}", flush=True)
        for store, own in zip((SAME, EMBEDDED), ours, strict=True):
            record(Row(f"{name}, {store}", own, peer=domus_ms, peer_name=PEER))


def _print_sizes(servers: Sequence[Measured]) -> None:
    """Tell what memory and disk each takes with the same Things, its store's server counted."""
    peer, *ours = [
        (
            sum(measured.resident_bytes(process) for process in each.processes) / MEBIBYTE,
            sum(measured.disk_bytes(folder) for folder in each.folders) / MEBIBYTE,
        )
        for each in servers
    ]
    for store, own in zip((SAME, EMBEDDED), ours, strict=True):
        for name, mine, other in zip(("memory", "disk"), own, peer, strict=True):
            print(f"  {name}, {store}, {N_KEPT} Things: {mine:.1f} MiB; domus {other:.1f}")
            what = f"{name} beside domus, {store}"
            record(Row(what, mine, "MiB", peer=other, peer_name=PEER, size=N_KEPT))


def _print_rates(name: str, n_clients: int, rates: Sequence[Rate]) -> None:
    theirs, *ours = rates
    print(f"  {name}, {n_clients} clients at once, a second: domus {theirs.a_second:.2f}", end="")
    print(f" (CPU {theirs.cpu_ms:.0f} ms each)", end="")
    for store, own in zip((SAME, EMBEDDED), ours, strict=True):
        ratio = own.a_second / theirs.a_second
        print(f"; {store} {own.a_second:.0f} (CPU {own.cpu_ms:.1f} ms), ratio {ratio:.0f}", end="")
        what = f"{name}, clients at once, {store}"
        record(Row(what, own.a_second, "/s", theirs.a_second, PEER, n_clients, is_more_better=True))
    print(flush=True)


def _print_bulk(name: str, own: Measured, best: float, make: Maker) -> None:
    bulk = measure_bulk(own.client, make)
    print(f"  {name}, a second: {own.store} {bulk.a_second:.0f}, ", end="")
    print(f"ratio to domus's best {bulk.a_second / best:.0f}; CPU {bulk.cpu_ms:.1f} ms", flush=True)
    peer = f"{PEER}, one by one"
    record(Row(f"{name}, {own.store}", bulk.a_second, "/s", best, peer, None, True))


def _print_forwarder(theirs: domus.Domus) -> None:
    """Tell what it costs domus that a forwarder stands before its store."""
    body = urlencode({"query": "ASK {}"}).encode()

    def ask(url: str) -> None:
        urlopen(Request(url, body)).read()

    urls = (theirs.forwarder_url, theirs.store.query_url)
    through, straight = (times_of(ask, [url] * 50).median_ms for url in urls)
    print(f"  a query of domus's store, forwarded {through:.2f} ms, straight {straight:.2f} ms")
    record(Row("a query through domus's forwarder", through, peer=straight, peer_name="without it"))


def measure_bulk(client: measured.Client, make: Maker) -> Rate:
    """Return how many new Things a second a server takes in one request."""
    assert client.process
    rates = list[Rate]()
    for turn in range(RATE_TURNS):
        things = _registrations(9_000_000 + 10_000 * turn, N_IN_BULK, make)
        lines = b"\n".join(body for _, body in things)
        worked, began_at = measured.cpu_seconds(client.process), time.perf_counter()
        fresh = measured.Client(client.port)  # an old connection may have been closed meanwhile
        refused = [r for r in fresh.post_lines("/bulk/things", lines) if r["status"] != 201]
        seconds = time.perf_counter() - began_at
        fresh.close()
        worked = measured.cpu_seconds(client.process) - worked
        if refused:
            raise RuntimeError(f"{len(refused)} were refused, the first one: {refused[0]}")
        rates.append(Rate(N_IN_BULK / seconds, worked * 1000 / N_IN_BULK))
    return _middle(rates)


def _middle(rates: list[Rate]) -> Rate:
    return Rate(
        statistics.median(r.a_second for r in rates), statistics.median(r.cpu_ms for r in rates)
    )


def measure_rates(clients: Sequence[measured.Client], n_at_once: int, make: Maker) -> list[Rate]:
    """Return how many new Things a second each server takes of several clients, in turns."""
    rates: list[list[Rate]] = [[] for _ in clients]
    for turn in range(RATE_TURNS):
        for own, client, n_things in zip(rates, clients, N_NEW, strict=True):
            first = 1_000_000 * n_at_once + 10_000 * turn
            own.append(_rate(client, _registrations(first, n_things, make), n_at_once))
    return [_middle(own) for own in rates]


def _rate(client: measured.Client, puts: list[tuple[str, bytes]], n_at_once: int) -> Rate:
    assert client.process
    worked = measured.cpu_seconds(client.process)
    a_second = measured.rate(client.port, puts, n_at_once)
    worked = measured.cpu_seconds(client.process) - worked
    return Rate(a_second, worked * 1000 / len(puts))


def _registrations(first: int, n_things: int, make: Maker) -> list[tuple[str, bytes]]:
    """Return Things, other ones for each maker."""
    begin = first + (500_000 if make is fleet.unlike else 0)
    numbers = range(begin, begin + n_things)
    return [(f"/things/{fleet.thing_id(n)}", json.dumps(make(n)).encode()) for n in numbers]


@contextmanager
def _over_a_server(folder: Path) -> Iterator[Measured]:
    with (
        measured.oxigraph_server(folder / "ours", "--union-default-graph") as store,
        measured.orchestrator(folder / "remote", *store.options) as (process, client),
    ):
        folders = [folder / "ours", folder / "remote"]
        yield Measured(SAME, client, [process, store.process], folders)


@contextmanager
def _embedded(folder: Path) -> Iterator[Measured]:
    with measured.orchestrator(folder / "embedded") as (process, client):
        yield Measured(EMBEDDED, client, [process], [folder / "embedded"])


def _requests(clients: Sequence[measured.Client], numbers: list[int]) -> dict[str, list[float]]:
    """Return the median times of the requests that all answer, by client."""
    requests: dict[str, Callable[[measured.Client, int], Any]] = {
        "ingest": put_thing,
        "changed": lambda client, number: put_thing(client, number, "again"),
        "the same": lambda client, number: put_thing(client, number, "again"),
        "GET": lambda client, number: client.get(f"/things/{fleet.thing_id(number)}"),
        "page of 10": lambda client, _: client.get("/things?limit=10"),
    }
    for client in clients:
        put_thing(client, numbers[-1] + 1, "first")
    return {name: _turns(call, clients, numbers) for name, call in requests.items()}


def _searched(client: measured.Client, _: int) -> None:
    """Search a directory, and check that it finds as much as the others."""
    answer = json.loads(client.get(f"/search/sparql?{urlencode({'query': SEARCH})}"))
    if len(answer["results"]["bindings"]) != N_FOUND:
        raise RuntimeError(f"a search found {len(answer['results']['bindings'])}, not {N_FOUND}")


def _turns(
    call: Callable[[measured.Client, int], Any],
    clients: Sequence[measured.Client],
    numbers: list[int],
) -> list[float]:
    return [times.median_ms for times in measured.in_turns(call, clients, numbers)]
