"""One Thing registered again and again: what that costs at first and at last, by kind of store."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import fleet
import measured
from measured import times_of
from rows import Row, record

from orchestrator_app.store import OxigraphStore, SparqlStore, Store
from wasmiot_td.thing_description import LoadedDocument, load

N_LOOKS = 50
N_TITLES = 2
SHARE = 100
"""The first and the last of so many parts are compared."""

MOST_SECONDS = 150.0
"""After so long a store that becomes slower and slower is registered in no more but the last part:
how often it was is told, and the other measurements shall have their turn."""


def measure_again(folder: Path, n_times: int) -> None:
    """Register one Thing again and again in each kind of store; print how first and last compare.

    Between two of them its title changes and what is noted of it, nothing else.
    """
    for name, opened in (("embedded store", _embedded), ("over an Oxigraph server", _on_a_server)):
        print(f"\nOne Thing, registered {n_times} times, {name}, on disk")
        with opened(folder) as store:
            _measure(store, name, n_times)


def _measure(store: Store, name: str, n_times: int) -> None:
    titles = [f"title {number}" for number in range(N_TITLES)]
    loaded = [load(json.dumps(fleet.description(0, title)).encode()) for title in titles]
    part = max(1, n_times // SHARE)
    _register(store, loaded, range(1))
    looks = _looked(store, loaded[0].id)
    begin = time.perf_counter()
    first = _register(store, loaded, range(1, part + 1))
    done = part + 1
    while done < n_times - part and time.perf_counter() - begin < MOST_SECONDS:
        until = min(done + part, n_times - part)
        _register(store, loaded, range(done, until))
        done = until
    last = _register(store, loaded, range(done, done + part))
    seconds, done = time.perf_counter() - begin, done + part
    _check(store, loaded, done)
    compared = {"one Thing again and again": (first, last)}
    for what, late in _looked(store, loaded[0].id).items():
        compared[what] = (looks[what], late)
    for what, (early, late) in compared.items():
        print(f"  {what:28}first {early:.3f} ms; last {late:.3f} ms, {late / early:.2f} times")
        record(Row(f"{what}, {name}", late, peer=early, peer_name="at the start", size=done))
    print(f"  {done} times in {seconds:.0f} s", flush=True)


def _register(store: Store, loaded: list[LoadedDocument], numbers: range) -> float:
    """Return the median of how many milliseconds each registration takes."""

    def put(number: int) -> None:
        document = loaded[number % len(loaded)]
        store.put(document, kind="thing", registration={"n": number})

    return times_of(put, list(numbers)).median_ms


def _looked(store: Store, thing_id: str) -> dict[str, float]:
    """Return how long it takes to read the Thing, and the store's version."""
    asked: dict[str, Callable[[Any], Any]] = {
        "a read of it": lambda _: store.get(thing_id),
        "the store's version": lambda _: store.version(),
    }
    return {what: times_of(ask, [0] * N_LOOKS).median_ms for what, ask in asked.items()}


def _check(store: Store, loaded: list[LoadedDocument], n_times: int) -> None:
    """Check that what is kept is what was registered last."""
    wanted = loaded[(n_times - 1) % len(loaded)]
    kept = store.get(wanted.id)
    if kept is None or kept.document["title"] != wanted.document["title"]:
        raise RuntimeError(f"what was registered last is not kept: {kept}")
    if kept.registration != {"n": n_times - 1} or store.count("thing") != 1:
        raise RuntimeError(f"it is noted as {kept.registration}, of {store.count('thing')} Things")


@contextmanager
def _embedded(folder: Path) -> Iterator[Store]:
    with closing(OxigraphStore(folder / "embedded")) as store:
        yield store


@contextmanager
def _on_a_server(folder: Path) -> Iterator[Store]:
    with (
        measured.oxigraph_server(folder / "server", "--union-default-graph") as server,
        closing(SparqlStore(server.query_url, server.update_url)) as store,
    ):
        yield store
