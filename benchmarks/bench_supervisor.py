"""A small function over HTTP beside a bare route of the same server, and what a device costs.

The load comes from two processes of its own, over kept-alive connections, on the same cores. All
rows are asked in turn, several times; a share is the median of what each turn gave.

- bare route: a Flask route on Granian with as many threads; it reads nothing and answers a number.
- fresh instance: an action that answers at once; its JSON is checked, its function called in an
  instance made for this call under limits of time, memory and files, and the result checked.
- kept instance: the same of a module that keeps its state, whose calls take turns.
- with a loop: the same sum by a function that nobody can know to end soon: of a fresh instance
  the interpreter goes on without it, that of a kept one is begun with the interpreter's lock and
  put aside if it takes longer (`supervisor_app/brevity.py`, `supervisor_app/resumable.py`).
- by the routes: the fresh instance asked with a query, so that the request goes through Flask's
  routing; plain calls are answered before it (`supervisor_app/routes/direct.py`).
"""

import argparse
import hashlib
import http.client
import json
import multiprocessing
import os
import platform
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import flask
import psutil
import wasmtime
from rows import Row, record

sys.path.insert(0, str(Path(__file__).parents[1]))

from wasmiot_td.serving import serve

ROOT = Path(__file__).parents[1]
CONTEXT = ["https://www.w3.org/2022/wot/td/v1.1", "https://wetware.fi/2023/wasmiot/v1.0"]
MODULE = """(module
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "climb") (param i32 i32) (result i32)
    (loop (local.set 0 (i32.add (local.get 0) (i32.const 1)))
      (local.set 1 (i32.sub (local.get 1) (i32.const 1))) (br_if 0 (local.get 1))) (local.get 0))
  (func (export "spin") (param i32) (result i32) (local i32)
    (loop (local.set 1 (i32.add (local.get 1) (i32.const 1)))
      (br_if 0 (i32.lt_s (local.get 1) (local.get 0)))) (local.get 1)))"""
SUM = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
ADDING = {
    "synchronous": True,
    "input": {**SUM, "required": ["a", "b"]},
    "output": {"type": "integer"},
}
ACTIONS = {
    "add": {"wasmiot:entrypoint": "add", **ADDING},
    "climb": {"wasmiot:entrypoint": "climb", **ADDING},
    "spin": {
        "wasmiot:entrypoint": "spin",
        "synchronous": True,
        "input": {"type": "integer"},
        "output": {"type": "integer"},
    },
}
BODY = b'{"a": 40, "b": 2}'
SPINS = 1_500_000_000
TURNS = 5
QUIET_SECONDS = 12
"""After so long without a document, what checks documents has ended."""


@dataclass(frozen=True)
class BareSettings:
    """The settings of the bare application."""

    port: int = 0


def bare(_settings: BareSettings) -> flask.Flask:
    """Return an application with a route that does nothing."""
    app = flask.Flask("bare")

    @app.post("/add")
    def add() -> flask.Response:
        return flask.Response("42", content_type="application/json")

    return app


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve-bare", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=4.0)
    arguments = parser.parse_args()
    if arguments.serve_bare:
        serve("bench_supervisor:bare", BareSettings(), threads=arguments.serve_bare)
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder, started_supervisor(Path(folder)) as device:
        time.sleep(1)  # until it is announced
        print(f"idle: {memory_text(device.process)}")
        record(Row("memory when idle", summed_bytes(device.process) / 2**20, "MiB"))
        deploy(device, Path(folder))
        measure_rates(device, arguments.seconds)
        measure_slow_call(device, arguments.seconds)
        measure_cores(device)
    with tempfile.TemporaryDirectory() as folder, started_supervisor(Path(folder)) as device:
        measure_deployments(device, Path(folder))


@dataclass(frozen=True)
class Started:
    """A server that runs."""

    process: "subprocess.Popen[str]"
    port: int


@contextmanager
def started(command: list[str]) -> Iterator[Started]:
    """Run a server that says where it listens, and end it."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'benchmarks'}"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr
    told = list[str]()
    for line in process.stderr:
        told.append(line)
        if line.startswith("listening on "):
            break
    else:
        raise RuntimeError(f"it did not start: {''.join(told)[-2000:]}")
    threading.Thread(target=process.stderr.read, daemon=True).start()
    try:
        yield Started(process, int(line.strip().rstrip("/").rpartition(":")[2]))
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def started_supervisor(folder: Path) -> Iterator[Started]:
    """Run a supervisor that is announced as by default, where nobody looks for it."""
    command = [sys.executable, "-m", "supervisor_app", "--port", "0"]
    seclusion = ["--announce-interface", "127.0.0.1", "--fleet", "benchmark"]
    with started([*command, *seclusion, "--data-dir", str(folder / "data")]) as device:
        yield device


def ask(port: int, method: str, path: str, body: bytes | None = None) -> bytes:
    """Send one request and return the answer's body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    if response.status >= 300:
        raise RuntimeError(f"{method} {path}: {response.status} {content[:500]!r}")
    return content


def deploy(device: Started, folder: Path) -> None:
    """Install the module twice: with a fresh instance for each call, and with a kept one."""
    for slug, is_stateful in (("fresh", False), ("kept", True)):
        put(device, folder, slug, wasmtime.wat2wasm(MODULE), is_stateful=is_stateful)


def put(device: Started, folder: Path, slug: str, binary: bytes, **module: Any) -> None:
    """Install a module under a name, its binary placed beforehand."""
    digits = hashlib.sha256(binary).hexdigest()
    (folder / "data" / "packages" / digits).write_bytes(binary)
    entry = {"id": f"urn:{slug}", "name": slug, "digest": f"sha256:{digits}"}
    if module.get("is_stateful"):
        entry["stateful"] = True  # type: ignore[assignment]
    document = {
        "@context": CONTEXT,
        "title": slug,
        "wasmiot:module": [entry],
        "actions": ACTIONS,
    }
    ask(device.port, "PUT", f"/deployments/{slug}", json.dumps(document).encode())


def measure_rates(device: Started, seconds: float) -> None:
    """Compare the function with the bare route, in turns, at several numbers of clients."""
    fresh, kept = (f"/deployments/{slug}/actions" for slug in ("fresh", "kept"))
    command = [sys.executable, str(Path(__file__)), "--serve-bare", "12"]
    with started(command) as plain:
        rows = {
            "bare route": (plain, "/add"),
            "fresh instance": (device, f"{fresh}/add"),
            "fresh, with a loop": (device, f"{fresh}/climb"),
            "kept instance": (device, f"{kept}/add"),
            "kept, with a loop": (device, f"{kept}/climb"),
            "by the routes": (device, f"{fresh}/add?by=routes"),
        }
        for clients in (1, 8, 32):
            turns = [
                {name: rate(*row, clients, seconds / TURNS) for name, row in rows.items()}
                for _ in range(TURNS)
            ]
            for name in rows:
                print(f"{clients:3} clients: {name} {_row(name, turns)}")
                _keep(name, clients, turns)


def _keep(name: str, clients: int, turns: list[dict[str, "Rate"]]) -> None:
    own, bare = (statistics.median(t[n].per_second for t in turns) for n in (name, "bare route"))
    if name != "bare route":
        record(Row(name, own, "/s", bare, "bare route", clients, is_more_better=True))


def _row(name: str, turns: list[dict[str, "Rate"]]) -> str:
    """Return the middle of what the turns gave, and of the shares of the bare route in each."""
    found = [turn[name] for turn in turns]
    middle = Rate(*(statistics.median(values) for values in zip(*map(astuple, found), strict=True)))
    shares = [turn[name].per_second / turn["bare route"].per_second for turn in turns]
    spread = f"{min(shares):.2f} to {max(shares):.2f}"
    return f"{middle}, {statistics.median(shares):.2f} of bare ({spread})"


@dataclass(frozen=True)
class Rate:
    """What clients got."""

    per_second: float
    median_ms: float
    slow_ms: float
    server_ms: float

    def __str__(self) -> str:
        latency = f"median {self.median_ms:.2f} ms, 99 % {self.slow_ms:.2f} ms"
        return f"{self.per_second:.0f}/s, {latency}, {self.server_ms:.2f} ms of the server's cores"


def rate(server: Started, path: str, clients: int, seconds: float) -> Rate:
    """Let clients ask for some seconds, from two processes at most."""
    processes, before = min(clients, 2), core_seconds(server.process)
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        jobs = [(server.port, path, clients // processes, seconds)] * processes
        taken = sorted(t for times in pool.starmap(_client_times, jobs) for t in times)
    if not taken:
        raise RuntimeError(f"{path}: {clients} clients had no answer within {seconds:g} s")
    slow, used = taken[int(len(taken) * 0.99)], core_seconds(server.process) - before
    median = statistics.median(taken)
    return Rate(len(taken) / seconds, median * 1000, slow * 1000, used / len(taken) * 1000)


def _client_times(port: int, path: str, clients: int, seconds: float) -> list[float]:
    """Keep some connections busy from one thread: a thread each would compete for the GIL."""
    request = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(BODY)}\r\n\r\n"
    ).encode() + BODY
    selector, taken = selectors.DefaultSelector(), []
    begun: dict[socket.socket, float] = {}
    parts: dict[socket.socket, bytes] = {}
    for _ in range(clients):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ)
        begun[connection] = time.perf_counter()
        connection.sendall(request)
    end = time.perf_counter() + seconds
    while (now := time.perf_counter()) < end:
        for key, _ in selector.select(0.1):
            connection = key.fileobj  # type: ignore[assignment]
            answer = parts.pop(connection, b"") + connection.recv(65536)
            if answer.endswith(b"\r\n\r\n"):  # the body comes in a packet of its own
                parts[connection] = answer
                continue
            if not answer.startswith(b"HTTP/1.1 200") or not answer.endswith(b"42"):
                raise RuntimeError(answer)
            now = time.perf_counter()
            taken.append(now - begun[connection])
            begun[connection] = now
            connection.sendall(request)
    for connection in begun:
        connection.close()
    return taken


def measure_slow_call(device: Started, seconds: float) -> None:
    """Ask for the small function while another call runs all the time."""
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(_spin, device, SPINS)
        time.sleep(0.2)
        found = rate(device, "/deployments/fresh/actions/add", 8, min(seconds, 1.0))
        print(f"beside a slow call ({'over' if slow.done() else 'still running'}): {found}")
        slow.result()


def _spin(device: Started, count: int) -> None:
    """Make a slow call, and check that it was done."""
    path = "/deployments/fresh/actions/spin"
    if (answer := ask(device.port, "POST", path, str(count).encode())) != str(count).encode():
        raise RuntimeError(f"a slow call gave {answer[:200]!r}, not {count}")


def measure_cores(device: Started) -> None:
    """Compare two slow calls one after the other with two at once."""
    begin = time.perf_counter()
    for _ in range(2):
        _spin(device, SPINS // 2)
    in_turn = time.perf_counter() - begin
    with ThreadPoolExecutor(2) as pool:
        begin = time.perf_counter()
        for _ in pool.map(partial(_spin, device), [SPINS // 2] * 2):
            pass
        at_once = time.perf_counter() - begin
    print(f"two slow calls: in turn {in_turn:.2f} s, at once {at_once:.2f} s", end="; ")
    alone, together = (_computing_seconds(count) for count in (1, 2))
    record(Row("two slow calls at once", at_once, "s", in_turn, "in turn"))
    print(f"two processes that share nothing: {2 * alone:.2f} and {together:.2f} s")


def _computing_seconds(count: int) -> float:
    """Return how long so many processes take that only compute: what the cores themselves give."""
    program = "x = 0\nfor i in range(10_000_000): x += i"
    begin = time.perf_counter()
    processes = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(count)]
    codes = [process.wait() for process in processes]
    if any(codes):
        raise RuntimeError("a process that only computes has failed")
    return time.perf_counter() - begin


def measure_deployments(device: Started, folder: Path) -> None:
    """Install many modules; say how long each takes, and what it adds to the memory."""
    before, taken = resident_bytes(device.process), []
    count = 20
    for number in range(count + 1):
        binary = wasmtime.wat2wasm(MODULE.replace("i32.const 1", f"i32.const {number + 1}"))
        begin = time.perf_counter()
        put(device, folder, f"d{number}", binary)
        answer = ask(device.port, "POST", f"/deployments/d{number}/actions/add", BODY)
        if answer != b"42":
            raise RuntimeError(f"deployment {number} answered {answer[:200]!r}")
        taken.append(time.perf_counter() - begin)
    print(f"from PUT to the first answer: first {taken[0]:.2f} s, then", end=" ")
    print(f"{statistics.median(taken[1:]) * 1000:.0f} ms")
    record(Row("PUT to the first answer", statistics.median(taken[1:]) * 1000))
    print(f"with {count + 1} deployments: {memory_text(device.process)}", end="; ")
    time.sleep(QUIET_SECONDS)
    print(f"after {QUIET_SECONDS} s: {memory_text(device.process)}")
    each = (resident_bytes(device.process) - before) / (count + 1) / 1024
    print(f"{each:.0f} KiB of memory for each deployment")
    record(Row("memory of a deployment", each, "KiB"))


def resident_bytes(process: "subprocess.Popen[str]") -> int:
    """Return the resident memory of a process and its children, shared pages counted once."""
    return sum(member.memory_full_info().pss for member in _family(process))


def summed_bytes(process: "subprocess.Popen[str]") -> int:
    """Return the resident memory of a process and its children, each counted in full."""
    return sum(member.memory_info().rss for member in _family(process))


def core_seconds(process: "subprocess.Popen[str]") -> float:
    """Return the time that a process and its children have spent on the cores."""
    return sum(sum(member.cpu_times()[:2]) for member in _family(process))


def memory_text(process: "subprocess.Popen[str]") -> str:
    """Return the memory of a process and its children."""
    summed, shared_once = summed_bytes(process), resident_bytes(process)
    return f"{summed / 2**20:.0f} MiB resident, {shared_once / 2**20:.0f} with shared pages once"


def _family(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    parent = psutil.Process(process.pid)
    return [parent, *parent.children(recursive=True)]


if __name__ == "__main__":
    main()
