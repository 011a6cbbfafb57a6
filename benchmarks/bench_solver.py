"""Solving: 5 and 20 steps over up to 50,000 devices, by stage; beside the naive way.

    python benchmarks/bench_solver.py --sizes 100,1000,10000,50000 --naive 1000

Every device has its own load, memory and zone; 40 sets of interfaces. The naive way asks rdflib's
store in memory for each device and step, as a first program would: what it provides, its memory,
its load; and takes the best device of each step for itself.

Aims (issue 6): 5 steps over 10,000 devices within 100 ms, over 50,000 within 400 ms,
explanations included. Reading all devices happens once, when the orchestrator starts.
"""

import argparse
import platform
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import fleet
import rdflib
from rows import Row, record

from orchestrator_app.directory.capability_profiles import profile_of
from orchestrator_app.fleet_reader import FleetReader
from orchestrator_app.monitoring.observation import Observation
from orchestrator_app.placement import find_modules
from orchestrator_app.profile_reader import lacking_profiles
from orchestrator_app.solver.explanation import rejections_of
from orchestrator_app.solver.optimum import best_rows
from orchestrator_app.solver.problem import Problem, problem_of
from orchestrator_app.solver.sifting import sift
from orchestrator_app.solver.solve import solve
from orchestrator_app.solver.view import Edge, ModuleFacts, Step, View
from orchestrator_app.store import OxigraphStore
from wasmiot_td.namespaces import WASMIOT
from wasmiot_td.thing_description import load

ROUNDS = 5
N_MODULES = 5
N_ZONES = 50
SEEN = "2026-01-01T00:00:00Z"


@dataclass(frozen=True)
class Document:
    """What can be put into a store."""

    id: str
    n_triples: bytes
    document: dict[str, Any] = field(default_factory=dict)


def templates() -> list[tuple[str, str, Any]]:
    """Return the graph of one device of each profile; the others differ in names and numbers."""
    loaded = [load(fleet.description(number)) for number in range(fleet.N_PROFILES)]
    return [
        (one.id, one.n_triples.decode(), profile_of(one.id, one.types, one.n_triples))
        for one in loaded
    ]


def put_devices(store: OxigraphStore, first: int, last: int, known: Sequence[Any]) -> None:
    """Put devices with their observations into a store."""
    for number in range(first, last):
        old_id, triples, profile = known[number % fleet.N_PROFILES]
        new_id, dice = fleet.thing_id(number), random.Random(number)
        text = (triples + profile.link.decode()).replace(old_id, new_id)
        memory = dice.choice(fleet.MEMORY_BYTES)
        old_memory = f'<{new_id}> <{WASMIOT.memoryBytes}> "'
        before, _, after = text.partition(old_memory)
        rest = after[after.index('"') :]
        text = f"{before}{old_memory}{memory}{rest}"
        text += f'<{new_id}> <{WASMIOT.zone}> "zone {dice.randrange(N_ZONES)}" .\n'
        shared = {profile.id: profile.triples}
        store.put(Document(new_id, text.encode()), kind="thing", shared_graphs=shared)
        put_observation(store, number, dice)


def put_observation(store: OxigraphStore, number: int, dice: random.Random) -> None:
    """Put what was seen of a device."""
    health = {"cpuLoad": round(dice.random(), 3), "memoryLoad": round(dice.random(), 3)}
    seen = Observation(fleet.thing_id(number), dice.random() > 0.01, SEEN, health)
    store.put(Document(seen.id, seen.n_triples), kind="observation")


def put_modules(store: OxigraphStore) -> None:
    """Put modules, each of which imports two interfaces and WASI."""
    for number in range(N_MODULES):
        dice = random.Random(f"module {number}")
        model = fleet.module("common") | {
            "id": fleet.module_id(f"m{number}"),
            "title": f"m{number}",
            "wasmiot:imports": ["wasi_snapshot_preview1", *dice.sample(fleet.INTERFACES, 2)],
            "wasmiot:requiredMemoryBytes": dice.choice([2**23, 2**25, 2**27]),
            "actions": {"run": {"wasmiot:entrypoint": "run"}},
        }
        store.put(load(model), kind="module")


def best_ms(call: Callable[[], Any]) -> float:
    """Return the least time of several calls in milliseconds."""
    taken = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return min(taken) * 1000


def once_ms(call: Callable[[], Any]) -> float:
    """Return the time of one call in milliseconds."""
    begin = time.perf_counter()
    call()
    return (time.perf_counter() - begin) * 1000


def chain_to(step: int) -> tuple[Edge, ...]:
    """Return what a step of a plain list takes."""
    return (Edge(step - 1),) if step else ()


def edges_of_a_graph(step: int) -> tuple[Edge, ...]:
    """Return what a step takes in a graph of fan-outs and joins: of the two steps before it."""
    return tuple(Edge(source) for source in (step - 2, step - 1) if source >= 0)


def stages(store: OxigraphStore, n_steps: int, n_devices: int) -> Iterator[tuple[str, float]]:
    """Yield each stage with its time; the last one is all of them."""
    modules = list(find_modules(store, [f"m{n}" for n in range(N_MODULES)]).values())
    steps = [Step(i, modules[i % N_MODULES], "run", inputs=chain_to(i)) for i in range(n_steps)]
    reader = FleetReader(store)
    yield "read all devices (once)", once_ms(reader.read)
    dice = random.Random(n_devices + n_steps)
    for number in dice.sample(range(n_devices), n_devices // 100):
        put_observation(store, number, dice)
    yield "read 1 % that changed", once_ms(reader.read)
    yield "read, nothing changed", best_ms(reader.read)
    yield "match profiles", best_ms(lambda: read_view(store, reader, modules))
    view = read_view(store, reader, modules)
    yield "sift", best_ms(lambda: [sift(step, view) for step in steps])
    sifted = [sift(step, view) for step in steps]
    yield "score", best_ms(lambda: problem_of(sifted, view.fleet))
    problem = problem_of(sifted, view.fleet)
    _check_solved(problem)
    yield "assign", best_ms(lambda: best_rows(problem))
    graph = [replace(s, inputs=edges_of_a_graph(s.index)) for s in steps]
    as_graph = problem_of(
        [replace(one, step=g) for one, g in zip(sifted, graph, strict=True)], view.fleet
    )
    _check_solved(as_graph)
    yield "assign, as a graph", best_ms(lambda: best_rows(as_graph))
    yield "explain rejections", best_ms(lambda: [rejections_of(s, view.fleet) for s in sifted])
    yield "solve (sift to explain)", best_ms(lambda: solve(steps, view))
    document = solve(steps, view).to_document("bench", datetime.now(UTC))
    yield "load the solution's graph", best_ms(lambda: load(document))
    yield "all, from the changed graph", best_ms(lambda: whole(store, reader, modules, steps))


def _check_solved(problem: Problem) -> None:
    if best_rows(problem).rows is None:
        raise RuntimeError("no placement was found: what that takes is no figure")


def read_view(store: OxigraphStore, reader: FleetReader, modules: Sequence[ModuleFacts]) -> View:
    """Return the solver's view."""
    return View(reader.read(), {m.id: lacking_profiles(store, m.id) for m in modules})


def whole(
    store: OxigraphStore, reader: FleetReader, modules: Sequence[ModuleFacts], steps: Sequence[Step]
) -> None:
    """Solve as a request does: something changed, read, solve, explain, and make the graph."""
    dice = random.Random(time.perf_counter_ns())
    put_observation(store, dice.randrange(100), dice)
    solution = solve(steps, read_view(store, reader, modules))
    load(solution.to_document("bench", datetime.now(UTC)))


def naive_graph(store: OxigraphStore) -> rdflib.Graph:
    """Return the same graph in rdflib's own store."""
    graph = rdflib.Graph()
    for row in store.select("SELECT ?s ?p ?o { ?s ?p ?o }"):
        graph.add((row["s"], row["p"], row["o"]))
    return graph


def naive(graph: rdflib.Graph, steps: Sequence[Step]) -> list[str]:
    """Loop over the devices for each step, with rdflib."""
    return [str(max(_candidates(graph, step))[1]) for step in steps]


def _candidates(graph: rdflib.Graph, step: Step) -> Iterator[tuple[float, Any]]:
    imports = set(graph.objects(rdflib.URIRef(step.module.id), WASMIOT.imports))
    for device in graph.subjects(WASMIOT.capabilityProfile):
        provided = set(graph.objects(device, WASMIOT.provides))
        memory = graph.value(device, WASMIOT.memoryBytes)
        healthy = graph.value(device, WASMIOT.isHealthy)
        load_now = graph.value(device, WASMIOT.cpuLoad)
        if (
            imports <= provided
            and int(str(memory)) >= step.module.required_memory_bytes
            and str(healthy) == "true"
        ):
            yield 1 - float(str(load_now)), device


def main() -> None:
    """Fill a store step by step, and measure at each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="100,1000,10000,50000")
    parser.add_argument("--naive", type=int, default=1000, help="largest size of the naive way")
    arguments = parser.parse_args()
    print(f"{platform.python_version()} on {platform.machine()}; milliseconds, best of {ROUNDS}")
    store, known, done = OxigraphStore(), templates(), 0
    put_modules(store)
    for size in map(int, arguments.sizes.split(",")):
        put_devices(store, done, size, known)
        done = size
        report(store, size, size <= arguments.naive)
    store.close()


def report(store: OxigraphStore, size: int, with_naive: bool) -> None:
    """Measure at one size."""
    columns = [dict(stages(store, n_steps, size)) for n_steps in (5, 20)]
    print(f"\n{size} devices{'':<21} 5 steps  20 steps")
    for stage in columns[0]:
        print(f"  {stage:<28} " + "  ".join(f"{column[stage]:8.2f}" for column in columns))
    for n_steps, column in zip((5, 20), columns, strict=True):
        record(Row(f"solve {n_steps} steps", column["all, from the changed graph"], size=size))
    if with_naive:
        graph = naive_graph(store)
        module = next(iter(find_modules(store, ["m0"]).values()))
        steps = [Step(i, module, "run", inputs=chain_to(i)) for i in range(5)]
        taken = once_ms(lambda: naive(graph, steps))
        ours = columns[0]["all, from the changed graph"]
        print(f"  naive, rdflib in memory      {taken:8.2f}   ({taken / ours:.0f} times)")
        record(Row("solve beside naive", ours, peer=taken, peer_name="rdflib loop", size=size))


if __name__ == "__main__":
    main()
