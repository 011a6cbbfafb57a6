"""Modules that are small to send and cost much to compile, and packages without end."""

import hashlib
import itertools
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from attacked import Target

from wasmiot_td.processes import ServerProcesses

pytestmark = pytest.mark.usefixtures("bounded")

GIBIBYTE = 1024**3
PIECE = bytes(65536)
WASM = {"Content-Type": "application/wasm"}
JSON_LD = {"Content-Type": "application/td+json"}
CONTEXT = ["https://www.w3.org/2022/wot/td/v1.1", "https://wetware.fi/2023/wasmiot/v1.0"]


def leb(number: int) -> bytes:
    """Return an unsigned number as WebAssembly writes it."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def section(number: int, body: bytes) -> bytes:
    """Return a section."""
    return bytes([number]) + leb(len(body)) + body


def module(count: int, body: bytes, local_count: int = 0) -> bytes:
    """Return a module with so many functions of one body; the first one is exported as `f`."""
    code = (b"\1" + leb(local_count) + b"\x7e" if local_count else b"\0") + body + b"\x0b"
    types, functions = section(1, b"\1\x60\0\0"), section(3, leb(count) + bytes(count))
    codes = section(10, leb(count) + (leb(len(code)) + code) * count)
    return b"\0asm\1\0\0\0" + types + functions + section(7, b"\1\1f\0\0") + codes


DEEP_LOOPS = module(1, b"\3\x40" * 20_000 + b"\x0b" * 20_000)
BOMBS = {
    "half a million blocks": module(1, b"\2\x40" * 500_000 + b"\x0b" * 500_000),
    "many functions": module(300_000, b""),
    "loops in loops": DEEP_LOOPS,
    "many functions with many locals": module(2000, b"", 50_000),
    "more functions than are allowed": module(2_000_000, b""),
    "a section of four gibibytes": b"\0asm\1\0\0\0" + b"\0\xff\xff\xff\xff\x0f",
}


class _Files(BaseHTTPRequestHandler):
    """Serves what the server holds; at `/endless` in chunks, at `/large` by its length alone."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path == "/endless":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            chunk = b"%x\r\n%b\r\n" % (len(PIECE), PIECE)
            self._write(itertools.repeat(chunk, GIBIBYTE // len(PIECE)))
        else:
            content = self.server.content  # type: ignore[attr-defined]
            length = GIBIBYTE if self.path == "/large" else len(content)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self._write([content])
        self.close_connection = True

    def _write(self, pieces: Any) -> None:
        try:
            for piece in pieces:
                self.wfile.write(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass  # whoever asked has had enough

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def files() -> Iterator[Any]:
    """A server of packages."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Files) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield served
        served.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def small(processes: ServerProcesses, tmp_path_factory: pytest.TempPathFactory) -> Target:
    """A device with little room and little patience."""
    folder = tmp_path_factory.mktemp("small")
    options = ["--port", "0", "--no-announce", "--data-dir", str(folder)]
    options += ["--compile-seconds", "1", "--max-package-bytes", str(32 * 1024**2)]
    server = processes.start("supervisor_app", "small", options)
    server.wait_until_listening()
    return Target(server)


def kept_by(target: Target) -> list[str]:
    """Return which packages, and what was compiled of them, a server has in its data directory."""
    arguments = target.server.arguments
    data = Path(arguments[arguments.index("--data-dir") + 1])
    found = (p for name in ("packages", "compiled") for p in data.glob(f"{name}/**/*"))
    return [str(path) for path in found if path.is_file()]


def installed(small: Target, url: str, content: bytes) -> Any:
    """Ask a device to install a module, and return its answer."""
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    entry = {"id": "urn:wasmiot:module:m:1.0.0", "name": "m", "digest": digest, "binary": url}
    actions = {"f": {"wasmiot:entrypoint": "f"}}
    document = {"@context": CONTEXT, "title": "x", "wasmiot:module": [entry], "actions": actions}
    return small.ask("PUT", "/deployments/x", json.dumps(document).encode(), JSON_LD)


@pytest.mark.parametrize("name", BOMBS)
def test_a_device_compiles_for_so_long(small: Target, files: Any, name: str) -> None:
    """It says what was too much, answers others meanwhile, and has nothing of it."""
    files.content = BOMBS[name]
    answers: list[Any] = []
    url = f"http://127.0.0.1:{files.server_port}/bomb"
    asking = threading.Thread(target=lambda: answers.append(installed(small, url, files.content)))
    asking.start()
    while asking.is_alive():
        assert small.ask("GET", "/healthz").status == 200
        asking.join(0.2)
    (answer,) = answers
    assert answer.status == 422
    assert "cannot be used" in answer.problem["detail"]
    assert small.ask("GET", "/deployments").body.strip() == b"[]"
    assert kept_by(small) == []


@pytest.mark.parametrize("path", ["large", "endless"])
def test_a_package_of_a_gibibyte(small: Target, files: Any, path: str) -> None:
    """Whether its length is said or not: what is too much is not waited for."""
    files.content = b"\0asm"
    answer = installed(small, f"http://127.0.0.1:{files.server_port}/{path}", b"")
    assert answer.status == 422
    assert "bytes" in answer.problem["detail"]
    assert kept_by(small) == []


@pytest.mark.parametrize("name", BOMBS)
def test_an_orchestrator_only_looks(orchestrator: Target, name: str) -> None:
    """It compiles nothing; what is no module is refused, and what is one is what it says."""
    answer = orchestrator.ask("POST", "/modules?name=bomb", BOMBS[name], WASM)
    assert answer.status in (201, 422)
    assert orchestrator.ask("GET", "/healthz").status == 200
    if answer.status == 201:
        assert orchestrator.ask("DELETE", "/modules/bomb:1.0.0").status == 204
    assert json.loads(orchestrator.ask("GET", "/modules").body) == []


def test_a_gibibyte_of_a_module(orchestrator: Target) -> None:
    """It is refused by its length, and where that is not said, after what is allowed."""
    announced = orchestrator.ask("POST", "/modules?name=m", headers=WASM, length=GIBIBYTE)
    assert announced.status == 413
    endless = itertools.chain([b"\0asm\1\0\0\0"], itertools.repeat(PIECE, GIBIBYTE // len(PIECE)))
    assert orchestrator.ask("POST", "/modules?name=m", headers=WASM, chunks=endless).status == 413
    assert json.loads(orchestrator.ask("GET", "/modules").body) == []
    assert kept_by(orchestrator) == []
