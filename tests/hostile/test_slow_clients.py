"""Clients that say nothing, little by little, or that never read what they asked a device for."""

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attacked import Target
from wasmtime import wat2wasm

from wasmiot_td.processes import ServerProcesses

pytestmark = pytest.mark.usefixtures("bounded")

PUT = b"PUT /deployments/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
LONG = 1_000_000
TALKATIVE = f"""(module
  (import "wasi_snapshot_preview1" "clock_time_get"
    (func $clock (param i32 i64 i32) (result i32)))
  (memory (export "memory") 17)
  (func (export "say") (result i32 i32)
    (drop (call $clock (i32.const 1) (i64.const 1) (i32.const {LONG})))
    (memory.fill (i32.const 0)
      (i32.add (i32.const 65) (i32.wrap_i64 (i64.rem_u (i64.div_u
        (i64.load (i32.const {LONG})) (i64.const 1000)) (i64.const 26))))
      (i32.const {LONG}))
    (i32.const 0) (i32.const {LONG})))"""
TD = {
    "@context": ["https://www.w3.org/2022/wot/td/v1.1", "https://wetware.fi/2023/wasmiot/v1.0"],
    "@type": ["Thing", "wasmiot:Supervisor"],
    "title": "talkative",
    "properties": {
        "words": {"type": "string", "observable": True, "wasmiot:entrypoint": "say"},
    },
}
STREAM = b"Accept: text/event-stream\r\nConnection: close\r\n"
GET = b"GET /deployments/talkative/properties/words/changes HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize("name", ["orchestrator", "supervisor"])
def test_headers_that_never_end(orchestrator: Any, supervisor: Any, name: str) -> None:
    """Three hundred clients that have half a request hold no thread of those who answer others."""
    target: Target = {"orchestrator": orchestrator, "supervisor": supervisor}[name]
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(target.connect()) for _ in range(300)]
        for number, connection in enumerate(slow):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: a"[: number % 45])
        for connection in slow:
            with contextlib.suppress(OSError):  # it may be closed already
                connection.sendall(b"a")
        assert [target.ask("GET", "/healthz").status for _ in range(5)] == [200] * 5


def test_bodies_that_never_come(supervisor: Target) -> None:
    """Forty of them leave a device that answers others, and nothing is installed."""
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(supervisor.connect()).sendall(PUT)
        for _ in range(3):
            assert supervisor.ask("GET", "/healthz").status == 200
            time.sleep(0.1)
    assert supervisor.ask("GET", "/deployments").body.strip() == b"[]"


@pytest.fixture
def talkative(processes: ServerProcesses, tmp_path: Path) -> Iterator[Target]:
    """A device with a property that differs at each look, and is long."""
    (tmp_path / "say.wasm").write_bytes(wat2wasm(TALKATIVE))
    (tmp_path / "td.json").write_text(json.dumps(TD))
    options = ["--port", "0", "--no-announce", "--data-dir", str(tmp_path / "data")]
    options += ["--observe-seconds", "0.01", "--streams", "3"]
    options += ["--td", str(tmp_path / "td.json"), "--module", str(tmp_path / "say.wasm")]
    server = processes.start("supervisor_app", "talkative", options)
    server.wait_until_listening()
    yield Target(server)
    server.end()


def test_who_never_reads_a_device(talkative: Target) -> None:
    """A stream that is not read ends, is told of in the log, and is counted no more."""
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(talkative.connect()) for _ in range(3)]
        for stream in streams:
            stream.sendall(GET + STREAM + b"\r\n")
        log, deadline = talkative.server.log, time.monotonic() + 60
        while log.read_text().count("listener_dropped") < 3:
            assert time.monotonic() < deadline
            assert talkative.ask("GET", "/healthz").status == 200
            time.sleep(0.2)
        for stream in streams:
            with contextlib.suppress(ConnectionResetError):  # after half a minute of silence
                while stream.recv(2**20):  # what was sent before, and then the end
                    pass
    answer = talkative.ask("GET", "/metrics")
    assert b"wasmiot_supervisor_listeners 0" in answer.body
