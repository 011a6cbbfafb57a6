"""The directory: ingest, GET, page, query, capability match, memory, disk; beside domus-tdd-api.

    python benchmarks/bench_directory.py --sizes 100,1000,10000,50000
    python benchmarks/bench_directory.py --crash-rounds 100

Ingest is registration with SHACL, into a store on disk. Aims (issue 4): a GET and a page within
a few ms and a match within 5 ms at 10,000 Things; 100 times domus's ingest; 200 MB resident with
100 Things, 600 MB with 10,000.
"""

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import domus
import fleet
import measured
from measured import MEBIBYTE, times_of
from rdflib import URIRef
from rows import Row, record

from orchestrator_app.directory.many import register_many
from orchestrator_app.directory.things import Directory
from orchestrator_app.placement import query, read_view
from orchestrator_app.solver.sifting import sift
from orchestrator_app.solver.view import ModuleFacts, Step
from orchestrator_app.store import OxigraphStore, Store
from wasmiot_td.thing_description import load

ROOT = Path(__file__).parents[1]
CLIENTS = (1, 2, 8)
RATE_TURNS = 3
MOST_IN_TURN = 2000
"""Of each size; what is beyond them is registered in bulk."""

FEW_IN_BULK = 1000
N_IN_BULK = 1000
SEARCH = """
PREFIX td: <https://www.w3.org/2019/wot/td#> PREFIX wasmiot: <https://wetware.fi/2023/wasmiot/v1.0#>
SELECT ?device ?title { ?device td:title ?title ; wasmiot:cpuCores 4 } LIMIT 100
"""


@dataclass(frozen=True)
class Rate:
    """How fast a server takes new Things, and what each costs its processes."""

    a_second: float
    cpu_ms: float


def main() -> None:
    """Measure what the command line asks for."""
    options = _options()
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(prefix="wasmiot-bench-") as name:
        folder = Path(name)
        if options.sizes:
            measure_sizes(folder / "data", [int(size) for size in options.sizes.split(",")])
        if options.again:
            measure_again(folder / "again", options.again)
        if options.beside:
            measure_beside(folder, options.beside)
    if options.crash_rounds:
        crash(options.crash_rounds)


def measure_sizes(data_dir: Path, sizes: list[int]) -> None:
    """Measure the embedded store with more and more Things."""
    n_things = 0
    for size in sorted(sizes):
        print(f"\n{size} Things, embedded store on disk")
        store = OxigraphStore(data_dir / "graph")
        fill(store, n_things, size)
        n_things = size
        print_match(store, size)
        store.close()
        on_disk = measured.disk_bytes(data_dir / "graph") / MEBIBYTE
        print(f"  disk                {on_disk:.0f} MiB")
        record(Row("disk", on_disk, "MiB", size=size))
        with measured.orchestrator(data_dir) as (process, client):
            print_requests(client, size)
            resident = measured.resident_bytes(process) / MEBIBYTE
            print(f"  resident memory     {resident:.0f} MiB, all processes of the orchestrator")
            record(Row("memory of all processes", resident, "MiB", size=size))


def fill(store: Store, begin: int, end: int) -> None:
    """Register devices, some in turn and the others in bulk, and print how fast."""
    documents = [json.dumps(fleet.description(number)).encode() for number in range(begin, end)]
    if not documents:
        return
    directory = Directory(store)
    directory.register(documents[0])  # the first loads contexts and shapes
    in_turn, in_bulk = documents[:MOST_IN_TURN], documents[MOST_IN_TURN:]
    with _told("ingest", len(in_turn), end):
        for document in in_turn:
            directory.register(document)
    if len(in_bulk) < FEW_IN_BULK:
        return
    with _told("ingest in bulk", len(in_bulk), end):
        kept = register_many(directory, in_bulk, most_bytes=2**20, check=lambda _id: None)
        refused = [each for each in kept if isinstance(each, Exception)]
    if refused:
        raise RuntimeError(f"{len(refused)} were refused, the first one because {refused[0]}")


@contextmanager
def _told(name: str, n_things: int, size: int) -> Iterator[None]:
    """Print and record how long some Things took, and how much of processors."""
    began_at, worked_at = time.perf_counter(), _worked_seconds()
    yield
    each_ms = (time.perf_counter() - began_at) * 1000 / n_things
    worked_ms = (_worked_seconds() - worked_at) * 1000 / n_things
    record(Row(name, each_ms, size=size))
    record(Row(f"{name}, processor time", worked_ms, size=size))
    print(f"  {name:20}{each_ms:.2f} ms a Thing, {worked_ms:.2f} of CPU", end="")
    print(f"; {1000 / each_ms:.0f} a second", flush=True)


def _worked_seconds() -> float:
    """Return the processor time of this process and of those that it has ended."""
    return sum(os.times()[:4])


def print_match(store: Store, n_things: int) -> None:
    """Print how long it takes to find the devices for modules, and check that it finds them."""
    text = query("candidates")
    for name in fleet.modules():
        store.put(load(json.dumps(fleet.module(name)).encode()), kind="module")
        module, wanted = URIRef(fleet.module_id(name)), fleet.n_matching(name, n_things)
        found = len(store.select(text, module=module))
        if found != wanted:
            raise RuntimeError(f"{found} match, and {wanted} should")
        step = Step(0, ModuleFacts(str(module), name, fleet.MODULE_MEMORY_BYTES, {"f": {}}), "f")
        matched = len(sift(step, read_view(store, [step])).rows)
        if matched != wanted:
            raise RuntimeError(f"the solver matches {matched}, and {wanted} should")
        asked = times_of(partial(_select, store, text, module), [0] * 30)
        times = times_of(partial(_match, store, step), [0] * 30)
        print(f"  match, {name:13}{times}, {found} devices; as one query {asked}")
        record(Row(f"match, {name}", times.median_ms, size=n_things))
        record(Row(f"match as a query, {name}", asked.median_ms, size=n_things))


def _select(store: Store, text: str, module: URIRef, _: object) -> None:
    store.select(text, module=module)


def _match(store: Store, step: Step, _: object) -> None:
    sift(step, read_view(store, [step]))


def print_requests(client: measured.Client, n_things: int) -> None:
    """Print how long requests to a running orchestrator take."""
    dice = random.Random(1)
    names = [fleet.thing_id(dice.randrange(n_things)) for _ in range(300)]
    pages = [dice.randrange(max(1, n_things - 100)) for _ in range(40)]
    get = times_of(lambda name: client.get(f"/things/{name}"), names)
    print(f"  GET by id           {get}")
    record(Row("GET by id", get.median_ms, size=n_things))
    page = times_of(lambda offset: client.get(f"/things?limit=100&offset={offset}"), pages)
    print(f"  page of 100         {page}")
    record(Row("page of 100", page.median_ms, size=n_things))
    path = f"/sparql?{urlencode({'query': SEARCH})}"
    first = times_of(client.get, [path])
    asked = times_of(client.get, [path] * 20)
    print(f"  SPARQL query        {asked}, first {first.median_ms:.0f}")
    record(Row("SPARQL query", asked.median_ms, size=n_things))
    numbers = [dice.randrange(n_things) for _ in range(40)]
    put = times_of(lambda number: _put(client, number, "renamed"), numbers)
    print(f"  PUT of a change     {put}")
    record(Row("PUT of a change", put.median_ms, size=n_things))
    after = times_of(client.get, [path]).median_ms
    print(f"  SPARQL after a PUT  {after:.1f} ms")
    record(Row("SPARQL after a change", after, size=n_things))


def measure_again(data_dir: Path, n_times: int) -> None:
    """Register one Thing again and again; print how the first and the last times compare."""
    print(f"\nOne Thing, registered {n_times} times, embedded store on disk")
    store = OxigraphStore(data_dir)
    loaded = [load(json.dumps(fleet.description(0, f"title {i}")).encode()) for i in range(2)]
    tenth = max(1, n_times // 10)
    times = []
    for part in range(10):
        numbers = range(part * tenth, (part + 1) * tenth)
        puts = times_of(
            lambda i: store.put(loaded[i % 2], kind="thing", registration={"n": i}), list(numbers)
        )
        times.append(puts.median_ms)
    store.close()
    print(f"  store, first tenth  {times[0]:.3f} ms; last tenth {times[-1]:.3f} ms")
    record(Row("one Thing again and again", times[-1], peer=times[0], peer_name="at the start"))


def measure_beside(folder: Path, n_documents: int) -> None:
    """Measure this directory and domus-tdd-api, each over an Oxigraph server, request by request.

    They take turns, so that what else runs on the machine slows all alike.
    """
    print(f"\n{n_documents} Things over an Oxigraph server, the same requests to both in turn")
    environment = ROOT / ".cache" / "domus"
    try:
        with domus.domus(folder, environment) as theirs, ExitStack() as stack:
            ours = _ours(folder, stack)
            rows = _requests([theirs, *ours], list(range(n_documents)))
            rates = {n: measure_rates([theirs, ours[-1]], n) for n in CLIENTS}
            in_bulk = [measure_bulk(own) for own in ours]
    except (RuntimeError, OSError) as error:
        print(f"  domus-tdd-api cannot be measured here: {error}")
        return
    print(f"  {'':10}{'domus':>10}{'server':>10}{'ratio':>8}{'embedded':>10}{'ratio':>8}   (ms)")
    for name, (domus_ms, *ours) in rows.items():
        compared = [f"{own_ms:>10.2f}{domus_ms / own_ms:>8.0f}" for own_ms in ours]
        print(f"  {name:10}{domus_ms:>10.1f}{''.join(compared)}")
        record(Row(f"{name}, in turn", ours[-1], peer=domus_ms, peer_name="domus-tdd-api"))
    for n_clients, (theirs, own) in rates.items():
        print(
            f"  {n_clients} clients at once, new Things a second: domus {theirs.a_second:.2f}, ",
            end="",
        )
        print(f"embedded {own.a_second:.0f}, ratio {own.a_second / theirs.a_second:.0f}; ", end="")
        record(
            Row(
                "new Things, clients at once",
                own.a_second,
                "/s",
                theirs.a_second,
                "domus-tdd-api",
                n_clients,
                is_more_better=True,
            )
        )
        print(f"CPU {theirs.cpu_ms:.0f} and {own.cpu_ms:.1f} ms, {theirs.cpu_ms / own.cpu_ms:.0f}")

    best = max(theirs.a_second for theirs, _ in rates.values())
    for name, bulk in zip(("server", "embedded"), in_bulk, strict=True):
        print(f"  in bulk, new Things a second: {name} {bulk.a_second:.0f}, ", end="")
        print(f"ratio to domus's best {bulk.a_second / best:.0f}; CPU {bulk.cpu_ms:.1f} ms")
        record(
            Row(
                f"new Things in bulk, {name}",
                bulk.a_second,
                "/s",
                best,
                "domus-tdd-api, one by one",
                is_more_better=True,
            )
        )


def measure_bulk(client: measured.Client) -> Rate:
    """Return how many new Things a second a server takes in one request."""
    assert client.process
    rates = list[Rate]()
    for turn in range(RATE_TURNS):
        things = _registrations(9_000_000 + 10_000 * turn, N_IN_BULK)
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


def measure_rates(clients: list[measured.Client], n_at_once: int) -> list[Rate]:
    """Return how many new Things a second each server takes of several clients, in turns."""
    rates: list[list[Rate]] = [[] for _ in clients]
    for turn in range(RATE_TURNS):
        for own, client, n_things in zip(rates, clients, (8, 400), strict=True):
            first = 1_000_000 * n_at_once + 10_000 * turn
            own.append(_rate(client, _registrations(first, n_things), n_at_once))
    return [_middle(own) for own in rates]


def _rate(client: measured.Client, puts: list[tuple[str, bytes]], n_at_once: int) -> Rate:
    assert client.process
    worked = measured.cpu_seconds(client.process)
    a_second = measured.rate(client.port, puts, n_at_once)
    worked = measured.cpu_seconds(client.process) - worked
    return Rate(a_second, worked * 1000 / len(puts))


def _registrations(first: int, n_things: int) -> list[tuple[str, bytes]]:
    numbers = range(first, first + n_things)
    return [
        (f"/things/{fleet.thing_id(n)}", json.dumps(fleet.description(n)).encode()) for n in numbers
    ]


def _ours(folder: Path, stack: ExitStack) -> list[measured.Client]:
    """Run this directory twice: over an Oxigraph server, and over the embedded store."""
    server = measured.oxigraph_server(folder / "ours", "--union-default-graph")
    query_url, update_url = stack.enter_context(server)
    options = ("--store-url", query_url, "--store-update-url", update_url)
    remote = measured.orchestrator(folder / "remote", *options)
    embedded = measured.orchestrator(folder / "embedded")
    return [stack.enter_context(each)[1] for each in (remote, embedded)]


def _requests(clients: list[measured.Client], numbers: list[int]) -> dict[str, list[float]]:
    """Return the median times of the requests that all answer, by client."""
    requests: dict[str, Callable[[measured.Client, int], Any]] = {
        "ingest": _put,
        "changed": lambda client, number: _put(client, number, "again"),
        "the same": lambda client, number: _put(client, number, "again"),
        "GET": lambda client, number: client.get(f"/things/{fleet.thing_id(number)}"),
        "page of 10": lambda client, _: client.get("/things?limit=10"),
    }
    for client in clients:
        _put(client, numbers[-1] + 1, "first")
    return {name: _turns(call, clients, numbers) for name, call in requests.items()}


def _turns(
    call: Callable[[measured.Client, int], Any], clients: list[measured.Client], numbers: list[int]
) -> list[float]:
    taken = [
        [times_of(partial(call, client), [number]).median_ms for client in clients]
        for number in numbers
    ]
    return [statistics.median(times) for times in zip(*taken, strict=True)]


def _put(client: measured.Client, number: int, title: str = "") -> None:
    body = json.dumps(fleet.description(number, title)).encode()
    client.put(f"/things/{fleet.thing_id(number)}", body)


def crash(n_rounds: int) -> None:
    """Run the test that kills the orchestrator, for many rounds."""
    print(f"\nkill -9 under writes, {n_rounds} times", flush=True)
    command = [sys.executable, "-m", "pytest", "-q", "--log-cli-level=INFO"]
    environment = {**os.environ, "WASMIOT_CRASH_ROUNDS": str(n_rounds)}
    test = "tests/orchestrator/test_store_crash.py"
    outcome = subprocess.run(
        [*command, test], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    print("\n".join(f"  {line}" for line in outcome.stdout.splitlines()[-4:]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--sizes", default="100,1000,10000", help="numbers of Things, '' for none (%(default)s)")
    add("--again", type=int, default=10000, help="registrations of one Thing (%(default)s)")
    add("--beside", type=int, default=20, help="Things for domus-tdd-api too (%(default)s)")
    add("--crash-rounds", type=int, default=0, help="kills under writes (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
