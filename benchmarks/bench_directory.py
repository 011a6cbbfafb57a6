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
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import fleet
import measured
from ageing import measure_again
from beside import measure_beside, put_thing
from crashes import crash
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

MOST_IN_TURN = 2000
"""Of each size; what is beyond them is registered in bulk."""

FEW_IN_BULK = 1000
N_UNLIKE = 1000
"""Things of which each is of a kind of its own: nothing that was read before serves the next."""

SEARCH = """
PREFIX td: <https://www.w3.org/2019/wot/td#> PREFIX wasmiot: <https://wetware.fi/2023/wasmiot/v1.0#>
SELECT ?device ?title { ?device td:title ?title ; wasmiot:cpuCores 4 } LIMIT 100
"""


def main() -> None:
    """Measure what the command line asks for."""
    options = _options()
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(prefix="wasmiot-bench-") as name:
        folder = Path(name)
        if options.sizes:
            measure_sizes(folder / "data", [int(size) for size in options.sizes.split(",")])
            measure_unlike(folder / "unlike")
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


def measure_unlike(data_dir: Path) -> None:
    """Register Things of which each is of its own kind, and print how fast."""
    print(f"\n{N_UNLIKE} Things, each of its own kind, embedded store on disk")
    store = OxigraphStore(data_dir)
    directory = Directory(store)
    first, *documents = [json.dumps(fleet.unlike(n)).encode() for n in range(N_UNLIKE + 1)]
    directory.register(first)
    with _told("ingest, each of its own kind", N_UNLIKE, N_UNLIKE):
        for document in documents:
            directory.register(document)
    store.close()


@contextmanager
def _told(name: str, n_things: int, size: int) -> Iterator[None]:
    """Print and record how long some Things took, and how much of processors."""
    began_at, worked_at = time.perf_counter(), _worked_seconds()
    yield
    each_ms = (time.perf_counter() - began_at) * 1000 / n_things
    worked_ms = (_worked_seconds() - worked_at) * 1000 / n_things
    record(Row(name, each_ms, size=size))
    record(Row(f"{name}, processor time", worked_ms, size=size))
    print(f"  {name:30}{each_ms:.2f} ms a Thing, {worked_ms:.2f} of CPU", end="")
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
    _check_answers(client, n_things)
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
    put = times_of(lambda number: put_thing(client, number, "renamed"), numbers)
    print(f"  PUT of a change     {put}")
    record(Row("PUT of a change", put.median_ms, size=n_things))
    after = times_of(client.get, [path]).median_ms
    print(f"  SPARQL after a PUT  {after:.1f} ms")
    record(Row("SPARQL after a change", after, size=n_things))


def _check_answers(client: measured.Client, n_things: int) -> None:
    """Check that what is measured gives what is asked for: 200 alone does not say that."""
    thing = json.loads(client.get(f"/things/{fleet.thing_id(0)}"))
    n_on_page = len(json.loads(client.get("/things?limit=100")))
    found = json.loads(client.get(f"/sparql?{urlencode({'query': SEARCH})}"))["results"]["bindings"]
    n_wanted = sum(fleet.description(n)["wasmiot:cpuCores"] == 4 for n in range(min(n_things, 500)))
    if thing["id"] != fleet.thing_id(0) or n_on_page != min(n_things, 100):
        raise RuntimeError(f"{thing['id']} was given, and a page of {n_on_page}")
    if len(found) != min(n_wanted, 100):
        raise RuntimeError(f"a search finds {len(found)}, not {min(n_wanted, 100)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add(
        "--sizes",
        default="100,1000,10000,50000",
        help="numbers of Things, '' for none (%(default)s)",
    )
    add("--again", type=int, default=10000, help="registrations of one Thing (%(default)s)")
    add("--beside", type=int, default=15, help="Things for domus-tdd-api too (%(default)s)")
    add("--crash-rounds", type=int, default=0, help="kills under writes (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
