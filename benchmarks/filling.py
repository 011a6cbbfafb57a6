"""Things of the fleet that are registered in a store: in turn, in bulk, and how long that takes."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import fleet
from rows import Row, record

from orchestrator_app.directory.many import register_many
from orchestrator_app.directory.things import Directory
from orchestrator_app.store import Store

MOST_IN_TURN = 2000
"""Of each size; what is beyond them is registered in bulk."""

FEW_IN_BULK = 1000


def fill(store: Store, begin: int, end: int) -> None:
    """Register devices, some in turn and the others in bulk, and print how fast."""
    documents = texts(begin, end)
    if not documents:
        return
    directory = Directory(store)
    directory.register(documents[0])  # the first loads contexts and shapes
    in_turn, in_bulk = documents[:MOST_IN_TURN], documents[MOST_IN_TURN:]
    with told("ingest", len(in_turn), end):
        for document in in_turn:
            directory.register(document)
    if len(in_bulk) < FEW_IN_BULK:
        return
    with told("ingest in bulk", len(in_bulk), end):
        register_in_bulk(directory, in_bulk)


def texts(begin: int, end: int) -> list[bytes]:
    """Return the descriptions of some devices."""
    return [json.dumps(fleet.description(number)).encode() for number in range(begin, end)]


def register_in_bulk(directory: Directory, documents: Sequence[bytes]) -> None:
    """Register many at once.

    Raises:
        RuntimeError: one of them was refused.
    """
    kept = register_many(directory, documents, most_bytes=2**20, check=lambda _id: None)
    refused = [each for each in kept if isinstance(each, Exception)]
    if refused:
        raise RuntimeError(f"{len(refused)} were refused, the first one because {refused[0]}")


@contextmanager
def told(name: str, n_things: int, size: int) -> Iterator[None]:
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
