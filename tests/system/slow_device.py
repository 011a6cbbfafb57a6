"""A device whose functions take as long as they are told, for the tests of this folder."""

import json
from pathlib import Path
from typing import Any

import wasmtime
from fleet import Fleet, Server

NUMBER = {"type": "integer"}
WORK = """(module (import "sys" "delay" (func $delay (param i32)))
  (memory (export "memory") 1) (global $n (mut i32) (i32.const 0))
  (func (export "work") (param i32) (result i32) (call $delay (local.get 0)) (local.get 0))
  (func (export "spin") (result i32) (loop $again (br $again)) (i32.const 0))
  (func (export "count") (result i32)
    (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))"""
TD: dict[str, Any] = {
    "@context": ["https://www.w3.org/2022/wot/td/v1.1", "https://wetware.fi/2023/wasmiot/v1.0"],
    "@type": ["Thing", "wasmiot:Supervisor"],
    "title": "Slow",
    "properties": {
        "count": {
            "type": "integer",
            "readOnly": True,
            "observable": True,
            "wasmiot:entrypoint": "count",
        }
    },
    "actions": {
        "work": {
            "synchronous": True,
            "input": NUMBER,
            "output": NUMBER,
            "wasmiot:entrypoint": "work",
        },
        "spin": {"synchronous": True, "output": NUMBER, "wasmiot:entrypoint": "spin"},
        "later": {"input": NUMBER, "output": NUMBER, "wasmiot:entrypoint": "work"},
    },
}
"""`work` sleeps for its input's milliseconds and gives it back, and so does `later` without
holding its caller; `spin` never ends."""


def start_slow_device(fleet: Fleet, *options: str, name: str = "slow") -> Server:
    """Start a supervisor that serves the functions, and wait until it listens."""
    td, module = Path(fleet.folder, "slow.td.json"), Path(fleet.folder, "slow.wasm")
    td.write_text(json.dumps(TD))
    module.write_bytes(bytes(wasmtime.wat2wasm(WORK)))
    files = ("--td", str(td), "--module", str(module))
    server = fleet.start_supervisor(name, *files, *options, memory_bytes=1 << 20)
    server.wait_until_listening()
    return server


def url_of(server: Server, path: str) -> str:
    """Return the address of an affordance."""
    return f"{server.url}deployments/slow/{path}"
