"""Times, memory and disk, and servers that run while they are measured."""

import http.client
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

MEBIBYTE = 2**20

Subject = TypeVar("Subject")


@dataclass(frozen=True)
class Times:
    """How long calls took, in milliseconds."""

    median_ms: float
    slow_ms: float
    first_ms: float

    @classmethod
    def of(cls, taken_ms: Sequence[float]) -> "Times":
        """Return what is told of calls of which each took so long."""
        slow_ms = sorted(taken_ms)[int(len(taken_ms) * 0.95)]
        return cls(statistics.median(taken_ms), slow_ms, taken_ms[0])

    def __str__(self) -> str:
        return f"{self.median_ms:.2f} ms (95 %: {self.slow_ms:.2f})"


@dataclass(frozen=True)
class Oxigraph:
    """A running `oxigraph` server, which keeps everything in a folder."""

    query_url: str
    update_url: str
    process: "subprocess.Popen[bytes]"
    folder: Path

    @property
    def options(self) -> tuple[str, ...]:
        """With which an orchestrator keeps its graph there."""
        return ("--store-url", self.query_url, "--store-update-url", self.update_url)


def times_of(call: Callable[[Any], Any], arguments: list[Any]) -> Times:
    """Call with each argument, and return how long it took."""
    return in_turns(lambda _, argument: call(argument), [None], arguments)[0]


def in_turns(
    call: Callable[[Subject, Any], Any],
    subjects: Sequence[Subject],
    arguments: Sequence[Any],
    before: Callable[[Subject, Any], Any] | None = None,
) -> list[Times]:
    """Call with each argument for each of what is compared, and return how long it took for each.

    They take turns, so that what else runs on the machine slows all alike.

    Args:
        call: is timed.
        subjects: what is compared.
        arguments: of the calls.
        before: is done before each call, with the same, and is not timed.
    """
    taken: list[list[float]] = [[] for _ in subjects]
    for argument in arguments:
        for subject, own in zip(subjects, taken, strict=True):
            if before:
                before(subject, argument)
            begin = time.perf_counter()
            call(subject, argument)
            own.append((time.perf_counter() - begin) * 1000)
    return [Times.of(own) for own in taken]


def disk_bytes(folder: Path) -> int:
    """Return what the files of a folder take on the disk; some may come and go meanwhile.

    One of several names counts once: copies of a store share files with it.
    """
    found: dict[tuple[int, int], int] = {}
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                told = os.lstat(Path(place) / name)
                found[told.st_dev, told.st_ino] = told.st_blocks * 512
    return sum(found.values())


def resident_bytes(process: subprocess.Popen[bytes]) -> int:
    """Return the resident memory of a server and of its children."""
    return int(sum(_of_family(process, lambda member: member.memory_full_info().pss)))


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """Return the time that a server, its children and those that have ended were computing."""
    # user and system, own and of ended children
    return sum(_of_family(process, lambda member: sum(member.cpu_times()[:4])))


def _of_family(
    process: subprocess.Popen[bytes], ask: Callable[[psutil.Process], float]
) -> Iterator[float]:
    """Yield what is known of a server and of each of its children; those may end meanwhile.

    Raises:
        RuntimeError: the server has ended, of which nothing would be a good figure.
    """
    if process.poll() is not None:
        raise RuntimeError(f"a server that is measured has ended: {process.args!r}")
    parent = psutil.Process(process.pid)
    for member in [parent, *parent.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            yield ask(member)


def free_port() -> int:
    """Return a port on which nobody listens, below those of outgoing connections."""
    for port in random.sample(range(20000, 32000), 100):
        with socket.socket() as trial, suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")


@contextmanager
def served(
    command: list[str], folder: Path, port: int, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server in a folder until it is not needed any more."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        while process.poll() is None and not _answers(port):
            time.sleep(0.05)
        if process.poll() is not None:
            raise RuntimeError((folder / "server.log").read_text()[-2000:])
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def orchestrator(
    data_dir: Path, *options: str
) -> Iterator[tuple[subprocess.Popen[bytes], "Client"]]:
    """Run an orchestrator over a data directory, with a client for it."""
    port, root = free_port(), Path(__file__).parents[1]
    command = [sys.executable, "-m", "orchestrator_app", "--port", str(port), "--no-discover"]
    command += ["--data-dir", str(data_dir.absolute()), "--monitor-interval", "0", *options]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with served(command, root / ".cache" / "bench", port, environment) as process:
        client = Client(port, process)
        try:
            yield process, client
        finally:
            client.close()


@contextmanager
def oxigraph_server(folder: Path, *options: str) -> Iterator[Oxigraph]:
    """Run an `oxigraph` server."""
    program = shutil.which("oxigraph") or str(Path(sys.executable).with_name("oxigraph"))
    port = free_port()
    command = [program, "serve", *options, "--location", str(folder / "graph")]
    with served([*command, "--bind", f"127.0.0.1:{port}"], folder, port) as process:
        url = f"http://127.0.0.1:{port}"
        yield Oxigraph(f"{url}/query", f"{url}/update", process, folder)


class Client:
    """One kept-alive connection to a server."""

    def __init__(self, port: int, process: subprocess.Popen[bytes] | None = None) -> None:
        self.port = port
        self.process = process
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    def get(self, path: str) -> bytes:
        """Return the body of an answer that must be 200."""
        return self._sent("GET", path, None)

    def put(self, path: str, body: bytes) -> None:
        """Send a Thing Description that must be taken."""
        self._sent("PUT", path, body)

    def post_lines(self, path: str, lines: bytes) -> list[dict[str, Any]]:
        """Send documents, one a line, and return what is told of each."""
        found: list[dict[str, Any]] = json.loads(
            self._sent("POST", path, lines, "application/jsonl")
        )
        return found

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _sent(
        self,
        method: str,
        path: str,
        body: bytes | None,
        content_type: str = "application/td+json",
    ) -> bytes:
        headers = {"Content-Type": content_type} if body else {}
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status not in (200, 201, 204):
            raise RuntimeError(f"{method} {path}: {response.status} {content[:500]!r}")
        return content


def rate(port: int, puts: list[tuple[str, bytes]], n_clients: int) -> float:
    """Return how many PUTs a second a server answers to several clients, each with its share."""

    def send(share: list[tuple[str, bytes]]) -> None:
        client = Client(port)
        for path, body in share:
            client.put(path, body)
        client.close()

    shares = [puts[begin::n_clients] for begin in range(n_clients)]
    with ThreadPoolExecutor(n_clients) as pool:
        begin = time.perf_counter()
        for _ in pool.map(send, shares):
            pass
        return len(puts) / (time.perf_counter() - begin)


def _answers(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0
