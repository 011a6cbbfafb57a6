"""Packages of more than 100 MB through the orchestrator as it is served: a process of its own."""

import hashlib
import http.client
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from wasmiot_td.processes import ServerProcess, ServerProcesses

MEBIBYTE = 1024 * 1024
PART = bytes(range(256)) * 4096
PARTS = 120
MODULE = b"\0asm\x01\0\0\0"
HEAD = b"--b\r\nContent-Disposition: form-data; name=%s; filename=%s\r\n\r\n"
FORM = "multipart/form-data; boundary=b"
BOUND_BYTES = 24 * MEBIBYTE


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """Run an orchestrator that listens."""
    servers = ServerProcesses(tmp_path)
    options = ("--host", "127.0.0.1", "--port", "0", "--no-discover")
    try:
        data = str(tmp_path / "data")
        server = servers.start("orchestrator_app", "orchestrator", (*options, "--data-dir", data))
        server.wait_until_listening()
        yield server
    finally:
        servers.stop()


def peaks_bytes(server: ServerProcess) -> dict[int, int]:
    """Return the most memory that each process of the server has had resident, by process."""
    root = psutil.Process(server.process.pid)
    return {p.pid: peak_bytes(p.pid) for p in (root, *root.children(recursive=True))}


def peak_bytes(pid: int) -> int:
    """Return the kernel's high-water mark of a process."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    line = next(line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def body() -> Iterator[bytes]:
    """Yield a form with a module and a file of 120 MiB, a part at a time."""
    yield HEAD % (b"binary", b"large.wasm") + MODULE + b"\r\n"
    yield HEAD % (b"weights", b"weights.bin")
    for _ in range(PARTS):
        yield PART
    yield b"\r\n--b--\r\n"


SIZE = sum(map(len, body()))


@contextmanager
def asked(
    server: ServerProcess, method: str, path: str, content: Iterable[bytes], **headers: str
) -> Iterator[http.client.HTTPResponse]:
    """Send a request whose body is not held in memory, and lend the answer."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    try:
        connection.request(method, path, content, headers)
        yield connection.getresponse()
    finally:
        connection.close()


def uploaded(
    server: ServerProcess, name: str, content: Iterable[bytes], media_type: str, size: int
) -> Any:
    """Upload a module and return its Thing Model."""
    headers = {"Content-Type": media_type, "Content-Length": str(size)}
    with asked(server, "POST", f"/modules?name={name}", content, **headers) as answer:
        text = answer.read()
    assert answer.status == 201, text
    return json.loads(text)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel tells no peaks here")
def test_a_server_holds_little_of_a_large_package(server: ServerProcess) -> None:
    """A file of 120 MiB goes up and down, and no process of the server grows by a fifth of it."""
    uploaded(server, "small", [MODULE], "application/wasm", len(MODULE))
    before = peaks_bytes(server)
    (file,) = uploaded(server, "large", body(), FORM, SIZE)["wasmiot:dataFile"]
    expected, found = hashlib.sha256(), hashlib.sha256()
    for _ in range(PARTS):
        expected.update(PART)
    assert file["digest"] == f"sha256:{expected.hexdigest()}"
    with asked(server, "GET", f"/packages/{file['digest']}", ()) as package:
        while chunk := package.read(MEBIBYTE):
            found.update(chunk)
    assert found.digest() == expected.digest()
    after = peaks_bytes(server)
    assert before.keys() == after.keys(), "a process that is new has no peak to compare with"
    assert max(after[pid] - before[pid] for pid in after) < BOUND_BYTES
