"""The same Things over an Oxigraph server on disk and in the embedded store, asked in turns."""

import time
from contextlib import ExitStack, closing
from pathlib import Path

import asked
import measured
from filling import register_in_bulk, texts
from matched import print_match_beside
from measured import MEBIBYTE, Oxigraph
from questions import print_beside, tell_beside
from rows import Row, record

from orchestrator_app.directory.things import Directory
from orchestrator_app.store import OxigraphStore, SparqlStore, Store

SERVER, OVER, OWN = "server", "over-a-server", "embedded"
"""The folders of the server, of the orchestrator that works over it, and of the other one."""


def measure_served(folder: Path, n_things: int) -> None:
    """Measure what is asked of both: in this process as the solver asks, then over HTTP."""
    print(f"\n{n_things} Things, over an Oxigraph server on disk, and in the embedded store")
    with measured.oxigraph_server(folder / SERVER, "--union-default-graph") as server:
        _measure_stores(server, folder, n_things)
        _measure_directories(server, folder, n_things)


def _measure_stores(server: Oxigraph, folder: Path, n_things: int) -> None:
    with (
        closing(SparqlStore(server.query_url, server.update_url)) as over,
        closing(OxigraphStore(folder / OWN / "graph")) as own,
    ):
        over_ms, own_ms = (_filled(store, n_things) for store in (over, own))
        tell_beside("ingest in bulk", over_ms, own_ms, n_things)
        print_match_beside(over, own, n_things)


def _filled(store: Store, n_things: int) -> float:
    """Register devices, and return how many milliseconds each took."""
    directory, documents = Directory(store), texts(0, n_things)
    directory.register(documents[0])  # the first loads contexts and shapes
    begin = time.perf_counter()
    register_in_bulk(directory, documents)
    return (time.perf_counter() - begin) * 1000 / n_things


def _measure_directories(server: Oxigraph, folder: Path, n_things: int) -> None:
    with ExitStack() as stack:
        options = {OVER: server.options, OWN: ()}
        (over, over_client), (own, own_client) = (
            stack.enter_context(measured.orchestrator(folder / name, *given))
            for name, given in options.items()
        )
        for client in (over_client, own_client):
            asked.check_answers(client, n_things)
        print_beside(asked.questions(n_things), over_client, own_client, n_things)
        alone, its_server, embedded = (
            measured.resident_bytes(process) / MEBIBYTE for process in (over, server.process, own)
        )
        tell_beside("memory of the orchestrator", alone, embedded, n_things, unit="MiB")
        together = alone + its_server
        tell_beside("memory of all processes", together, embedded, n_things, unit="MiB")
        print(f"  {'memory of the graph server':40}{its_server:9.2f} MiB")
        record(Row("memory of the graph server", its_server, "MiB", size=n_things))
        on_disk = {name: _disk(folder / name) for name in (SERVER, OVER, OWN)}
        tell_beside("disk", on_disk[SERVER] + on_disk[OVER], on_disk[OWN], n_things, unit="MiB")


def _disk(folder: Path) -> float:
    return measured.disk_bytes(folder) / MEBIBYTE
