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
import tempfile
from pathlib import Path

import fleet
import measured
from ageing import measure_again
from asked import print_requests
from beside import measure_beside
from crashes import crash
from filling import fill, told
from matched import print_match
from measured import MEBIBYTE
from rows import Row, record
from served import measure_served

from orchestrator_app.directory.things import Directory
from orchestrator_app.store import OxigraphStore

N_UNLIKE = 1000
"""Things of which each is of a kind of its own: nothing that was read before serves the next."""


def main() -> None:
    """Measure what the command line asks for."""
    options = _options()
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(prefix="wasmiot-bench-") as name:
        folder = Path(name)
        if options.sizes:
            measure_sizes(folder / "data", [int(size) for size in options.sizes.split(",")])
            measure_unlike(folder / "unlike")
        if options.served:
            measure_served(folder / "served", options.served)
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


def measure_unlike(data_dir: Path) -> None:
    """Register Things of which each is of its own kind, and print how fast."""
    print(f"\n{N_UNLIKE} Things, each of its own kind, embedded store on disk")
    store = OxigraphStore(data_dir)
    directory = Directory(store)
    first, *documents = [json.dumps(fleet.unlike(n)).encode() for n in range(N_UNLIKE + 1)]
    directory.register(first)
    with told("ingest, each of its own kind", N_UNLIKE, N_UNLIKE):
        for document in documents:
            directory.register(document)
    store.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add(
        "--sizes",
        default="100,1000,10000,50000",
        help="numbers of Things, '' for none (%(default)s)",
    )
    add("--served", type=int, default=10000, help="Things over a server too (%(default)s)")
    add("--again", type=int, default=10000, help="registrations of one Thing (%(default)s)")
    add("--beside", type=int, default=15, help="Things for domus-tdd-api too (%(default)s)")
    add("--crash-rounds", type=int, default=0, help="kills under writes (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
