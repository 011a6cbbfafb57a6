"""Deploying and executing: real processes on loopback, and in-process devices for many of them.

    python benchmarks/bench_execution.py [--quick]

The ratios of one run count; the absolute times depend on what else the machine does.
"""

import argparse
import concurrent.futures
import contextlib
import io
import json
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "examples" / "digit-reader")]
os.environ["PYTHONPATH"] = str(ROOT)

import psutil  # noqa: E402
import requests  # noqa: E402
import wasmtime  # noqa: E402
from fleet import Fleet, Server  # noqa: E402
from orchestrator_client import OrchestratorClient  # noqa: E402
from rows import Row, record  # noqa: E402

from orchestrator_app.app import create_app as create_orchestrator  # noqa: E402
from orchestrator_app.settings import Settings as OrchestratorSettings  # noqa: E402
from supervisor_app.app import create_app as create_supervisor  # noqa: E402
from supervisor_app.settings import Settings as SupervisorSettings  # noqa: E402
from wasmiot_td.consumed_thing import WsgiTransport  # noqa: E402

CONTEXT = ["https://www.w3.org/2022/wot/td/v1.1", "https://wetware.fi/2023/wasmiot/v1.0"]
WAT = """(module (memory (export "memory") {pages})
  (func (export "one") (result i32) (i32.const 1))
  (func (export "increment") (param i32) (result i32)
    (i32.add (local.get 0) (i32.const 1))))"""
MODULES = {"source": ("one", 1), "sink": ("increment", 2)}
"""The entrypoint and the memory pages of each module."""

NUMBER = {"type": "integer"}
CLIENTS = 8
RECOVERY_SECONDS = 60.0
"""Whatever has not recovered by then is told as a failure."""

MEBIBYTE = 2**20
SOURCE_BYTES = 100_000
"""A device of this memory takes the source and not the sink."""


def module_parts(name: str) -> dict[str, tuple[str, bytes, str]]:
    """Return the upload of a module with one function."""
    entrypoint, pages = MODULES[name]
    action: dict[str, Any] = {"wasmiot:entrypoint": entrypoint, "output": NUMBER}
    action |= {"input": NUMBER} if name == "sink" else {}
    model = {
        "@context": CONTEXT,
        "@type": ["tm:ThingModel", "wasmiot:Module"],
        "title": name,
        "version": {"model": "1.0.0"},
        "actions": {entrypoint: action},
    }
    binary, text = bytes(wasmtime.wat2wasm(WAT.format(pages=pages))), json.dumps(model).encode()
    return {
        "binary": (f"{name}.wasm", binary, "application/wasm"),
        "description": (f"{name}.tm.json", text, "application/tm+json"),
    }


def manifest(name: str, devices: list[str | None]) -> bytes:
    """Return a chain over devices; None lets the solver choose."""
    steps: list[dict[str, str]] = []
    for index, device in enumerate(devices):
        module = "sink" if index else "source"
        step = {"module": module, "entrypoint": MODULES[module][0]}
        steps.append(step | ({"device": device} if device else {}))
    return json.dumps({"name": name, "sequence": steps}).encode()


class Chain:
    """A two-step chain over real processes: an orchestrator and four supervisors."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        server = fleet.start_orchestrator()
        server.wait_until_listening()
        self.orchestrator = OrchestratorClient(server.url)
        self.servers: dict[str, Server] = {}
        for name in ("first", "second", "third", "fourth"):
            self._add(name, SOURCE_BYTES if name == "first" else 64 * MEBIBYTE)
        for module in MODULES:
            self.orchestrator.request("POST", "modules", files=module_parts(module))
        first = next(d for d, s in self.servers.items() if s.name == "first")
        url = self.orchestrator.submit(manifest("chain", [first, None]))
        self.execute_url = f"{self.orchestrator.deploy(url)}/actions/execute"
        self.session = threading.local()

    def _add(self, name: str, memory_bytes: int) -> None:
        server = self.fleet.start_supervisor(name, memory_bytes=memory_bytes)
        server.wait_until_listening()
        td = requests.get(f"{server.url}.well-known/wot", timeout=10).content
        self.servers[json.loads(td)["id"]] = server
        self.orchestrator.register(td)

    def placement(self) -> list[dict[str, Any]]:
        """Return which device is in charge of each step."""
        path = "deployments/chain/properties/placement"
        return list(self.orchestrator.request("GET", path).json())

    def execute(self, _: int = 0) -> dict[str, Any]:
        """Execute once, and return how it ended."""
        if not hasattr(self.session, "requests"):
            self.session.requests = requests.Session()
        session = self.session.requests
        status = session.post(self.execute_url, timeout=60).json()
        while status["status"] in ("pending", "running"):
            answer = session.get(status["href"], headers={"Prefer": "wait=30"}, timeout=60)
            status = answer.json()
        return dict(status)


def completed(status: dict[str, Any]) -> dict[str, Any]:
    """Return how an execution ended if it ended well.

    Raises:
        RuntimeError: it did not: what it took is no figure.
    """
    if status["status"] != "completed":
        raise RuntimeError(f"an execution did not complete: {json.dumps(status)[:500]}")
    return status


def milliseconds(call: Callable[[], Any], times: int) -> float:
    """Return the median of how long a call takes."""
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        call()
        taken.append((time.perf_counter() - begin) * 1000)
    return statistics.median(taken)


def wasm_alone(times: int) -> float:
    """Return how long both functions take, each in a fresh instance, with nothing around them."""
    engine = wasmtime.Engine()
    module = wasmtime.Module(engine, wasmtime.wat2wasm(WAT.format(pages=1)))

    def call_both() -> None:
        for name, arguments in (("one", ()), ("increment", (1,))):
            store = wasmtime.Store(engine)
            function: Any = wasmtime.Instance(store, module, []).exports(store)[name]
            function(store, *arguments)

    return milliseconds(call_both, times)


def bench_overhead(chain: Chain, times: int) -> None:
    """Print how long a chain takes one at a time, beside its wasm calls and a bare request."""
    alone = wasm_alone(times)
    with requests.Session() as session:
        url = f"{chain.orchestrator.url}healthz"
        bare = milliseconds(lambda: session.get(url, timeout=10).raise_for_status(), times)
    whole = milliseconds(lambda: completed(chain.execute()), times)
    print(f"two wasm calls alone {alone:.2f} ms, one bare HTTP request {bare:.2f} ms")
    print(f"a chain of two devices {whole:.1f} ms: {whole / bare:.1f} bare requests")
    record(Row("chain of two devices", whole, peer=alone, peer_name="its two wasm calls alone"))


def cpu_seconds(servers: list[Server]) -> dict[str, float]:
    """Return the processor time that each server and its children have used."""
    used = {}
    for server in servers:
        parent = psutil.Process(server.process.pid)
        with contextlib.suppress(psutil.NoSuchProcess):
            times = [p.cpu_times() for p in (parent, *parent.children(recursive=True))]
            used[server.name] = sum(t.user + t.system for t in times)
    return used


def bench_throughput(chain: Chain, count: int) -> None:
    """Print executions a second with 8 clients, and what each costs every server.

    Raises:
        RuntimeError: some did not complete, which a rate of all would hide.
    """
    before, begin = cpu_seconds(chain.fleet.servers), time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        ended = list(pool.map(chain.execute, range(count)))
    seconds = time.perf_counter() - begin
    after = cpu_seconds(chain.fleet.servers)
    failed = [status for status in ended if status["status"] != "completed"]
    if failed:
        told = json.dumps(failed[0])[:500]
        raise RuntimeError(f"{len(failed)} of {count} did not complete, the first one: {told}")
    used = {n: (after[n] - before[n]) * 1000 / count for n in before}
    costs = {n: f"{each:.1f}" for n, each in used.items()}
    print(f"{count / seconds:.0f} executions/s with {CLIENTS} clients, {count} completed")
    record(Row("executions", count / seconds, "a second", is_more_better=True))
    record(Row("processor time of one, orchestrator", used["orchestrator"]))
    print(f"processor time of one, in ms: {costs}; load of the machine {os.getloadavg()[0]:.1f}")


def bench_kill(chain: Chain, count: int) -> None:
    """Print how executions end while a supervisor is killed on the way."""
    victim = chain.servers[chain.placement()[1]["device"]]

    def execute(index: int) -> tuple[float, dict[str, Any]]:
        if index == count // 3:
            victim.end(signal.SIGKILL)
            killed.append(time.perf_counter())
        begin = time.perf_counter()
        return begin, chain.execute()

    killed: list[float] = []
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        ended = list(pool.map(execute, range(count)))
    states = [status["status"] for _, status in ended]
    print(
        f"{count} executions with one supervisor killed: {states.count('completed')} completed, "
        f"{states.count('failed')} failed with a reason, "
        f"{count - states.count('completed') - states.count('failed')} without an answer"
    )
    record(
        Row(
            "completed with a supervisor killed",
            states.count("completed"),
            "executions",
            count,
            "asked for",
            is_more_better=True,
        )
    )
    for status in [s for _, s in ended if s["status"] == "failed"][:3]:
        print("  ", status["error"]["detail"][:160])
    lost = [status for _, status in ended if status["status"] not in ("completed", "failed")]
    if lost:
        told = json.dumps(lost[0])[:500]
        raise RuntimeError(f"{len(lost)} executions had no outcome, the first one: {told}")


def bench_recovery(chain: Chain) -> None:
    """Print the time from `kill -9` to the next successful execution."""
    deadline = time.monotonic() + RECOVERY_SECONDS
    while chain.placement()[1]["device"] not in {d for d, s in alive(chain)}:
        if time.monotonic() > deadline:
            raise RuntimeError("the step was not moved")
        time.sleep(0.1)
    victim = chain.servers[chain.placement()[1]["device"]]
    victim.end(signal.SIGKILL)
    begin = time.perf_counter()
    while chain.execute()["status"] != "completed":
        if time.perf_counter() - begin > RECOVERY_SECONDS:
            raise RuntimeError(f"nothing completed within {RECOVERY_SECONDS:g} s of the kill")
        time.sleep(0.02)
    seconds = time.perf_counter() - begin
    print(f"kill -9 to the next success: {seconds:.2f} s")
    record(Row("kill -9 to the next success", seconds, "s"))


def alive(chain: Chain) -> list[tuple[str, Server]]:
    """Return the supervisors that run."""
    return [(d, s) for d, s in chain.servers.items() if s.process.poll() is None]


@contextlib.contextmanager
def crowd(folder: Path, count: int) -> Iterator[tuple[Any, list[str]]]:
    """Yield an orchestrator and supervisors in this process, and the supervisors' ids."""
    wires: dict[str, Any] = {}
    transport = WsgiTransport(wires)
    settings = OrchestratorSettings(folder / "orchestrator", public_url="http://orchestrator/")
    orchestrator = create_orchestrator(settings, transport)
    wires["http://orchestrator/"] = orchestrator.wsgi_app
    apps, ids = [], []
    for index in range(count):
        base = f"http://device-{index}/"
        made = SupervisorSettings(folder / str(index), name=f"device-{index}")
        app = create_supervisor(replace(made, public_url=base), transport)
        wires[base] = app.wsgi_app
        apps.append(app)
        td = app.test_client().get("/.well-known/wot").json
        ids.append(td["id"])
        answered(orchestrator.test_client().put(f"/things/{td['id']}", json=td), 201)
    try:
        yield orchestrator, ids
    finally:
        orchestrator.extensions["wasmiot"].close()
        for app in apps:
            app.extensions["supervisor"].close()


def answered(answer: Any, *statuses: int) -> None:
    """Check that a request to an application of this process was answered as expected.

    Raises:
        RuntimeError: it was not.
    """
    if answer.status_code not in statuses:
        raise RuntimeError(f"{answer.request.path}: {answer.status_code} {answer.text[:500]}")


def bench_deploy(count: int) -> float:
    """Print how long it takes to deploy a chain over as many supervisors, and to do so again."""
    with tempfile.TemporaryDirectory() as folder, crowd(Path(folder), count) as (app, ids):
        client = app.test_client()
        for name in MODULES:
            parts = module_parts(name)
            data = {k: (io.BytesIO(content), f, kind) for k, (f, content, kind) in parts.items()}
            answered(client.post("/modules", data=data), 201)
        text = manifest("crowd", list(ids))
        answered(client.post("/manifests", data=text, content_type="application/json"), 201)
        taken = []
        for _ in range(2):
            begin = time.perf_counter()
            answer = client.post("/manifests/crowd/deploy")
            taken.append(time.perf_counter() - begin)
            answered(answer, 200, 201)
        placed = client.get("/deployments/crowd/properties/placement").json
        if {step["device"] for step in placed} != set(ids):
            raise RuntimeError(f"not every supervisor has a step: {placed}")
    print(f"deploy to {count} supervisors: {taken[0]:.2f} s, again {taken[1]:.2f} s")
    record(Row("deploy to supervisors", taken[0], "s", size=count))
    return taken[0]


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    parser.add_argument("--only", default="", help="deploy, or execute")
    options = parser.parse_args()
    share = 10 if options.quick else 1
    if options.only != "execute":
        times = {count: bench_deploy(count) for count in (2, 10, 50)}
        print(f"50 supervisors take {times[50] / times[2]:.1f} times as long as 2")
    if options.only != "deploy":
        with Fleet(is_discovered=False) as fleet:
            chain = Chain(fleet)
            completed(chain.execute())
            bench_overhead(chain, 100 // share)
            bench_throughput(chain, 2000 // share)
            bench_kill(chain, 1000 // share)
            bench_recovery(chain)


if __name__ == "__main__":
    main()
