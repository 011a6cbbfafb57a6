"""How long many Thing Descriptions take in one process, and shared by one process for each core.

Usage: `python benchmarks/bench_bulk.py [NUMBER]`; 10,000 Things of a supervisor's size if none is
given, each of a kind of its own. Times are those of the clock: what is shown is how much of a
second core arrives.
"""

import argparse
import itertools
import json
import platform
import sys
from collections.abc import Iterator
from time import perf_counter

import click
from bench_load import own_kind
from rows import Row, record

from wasmiot_td.bulk import available_cores, load_many
from wasmiot_td.thing_description import LoadedDocument

NUMBER = 10_000
_NUMBERS = itertools.count()
"""No two ever made are of one kind."""


def sources(number: int) -> Iterator[bytes]:
    """Yield Things of which each is of a kind of its own."""
    for index in itertools.islice(_NUMBERS, number):
        yield json.dumps(own_kind(index)).encode()


def seconds(number: int, jobs: int) -> float:
    """Return how long the load of so many documents takes, with a bar at a terminal."""
    start = perf_counter()
    results = load_many(sources(number), jobs=jobs)
    with click.progressbar(results, length=number, label=f"{jobs} jobs", file=sys.stderr) as bar:
        n_loaded = sum(isinstance(each, LoadedDocument) for each in bar)
    taken = perf_counter() - start
    if n_loaded != number:
        raise SystemExit(f"{number - n_loaded} of {number} documents did not load")
    return taken


def main() -> None:
    """Print the times and the gain."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("number", nargs="?", type=int, default=NUMBER)
    number = parser.parse_args().number
    cores = available_cores()
    print(f"{number} documents, {cores} cores, {platform.platform()}")
    alone = seconds(number, 1)
    print(f"{'one process':26}{alone:8.1f} s, {number / alone:8.0f} documents a second")
    shared = seconds(number, cores)
    print(f"{f'{cores} processes':26}{shared:8.1f} s, {number / shared:8.0f} documents a second")
    print(f"{'gain':26}{alone / shared:8.2f} times")
    own, peer = number / shared, number / alone
    record(Row("bulk load", own, "documents/s", peer, "one process", is_more_better=True))


if __name__ == "__main__":
    main()
