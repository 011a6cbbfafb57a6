"""A module that joins numbers, one that joins files, and how parts are sent to them."""

import json

INTEGER = {"type": "integer"}
ARITHMETIC = """(module
  (func (export "one") (result i32) i32.const 1)
  (func (export "two") (result i32) i32.const 2)
  (func (export "weigh") (param i32 i32 i32) (result i32)
    (i32.add (i32.mul (local.get 0) (i32.const 100))
      (i32.add (i32.mul (local.get 1) (i32.const 10)) (local.get 2)))))"""
WEIGHTS = dict.fromkeys(("left", "right", "k"), INTEGER)
INPUT = {"type": "object", "properties": WEIGHTS, "required": ["left", "right", "k"]}
URL = "/deployments/d/actions/merge"


def sent(*inputs):
    """Return what says that steps send these members of an input."""
    return {"wasmiot:dependsOn": [{"id": f"urn:{i}", "step": i, "input": i} for i in inputs]}


def merge(*inputs, **members):
    """Return an action that weighs three numbers, the third of them a constant."""
    return {
        "wasmiot:entrypoint": "weigh",
        "wasmiot:arguments": {"k": 3},
        "input": INPUT,
        "output": INTEGER,
        **sent(*inputs),
        **members,
    }


def send(device, name, value, key="k1", content_type="application/json", url=URL):
    """Send one part."""
    headers = {"Wasmiot-Input": name} | ({"Idempotency-Key": f'"{key}"'} if key else {})
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return device.client.post(url, data=body, headers=headers, content_type=content_type)


FILES = """(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "left.bin") (data (i32.const 16) "right.bin")
  (func $first (param $name i32) (param $length i32) (result i32)
    (drop (call $open (i32.const 3) (i32.const 0) (local.get $name) (local.get $length)
      (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 64)))
    (i32.store (i32.const 72) (i32.const 80)) (i32.store (i32.const 76) (i32.const 1))
    (drop (call $read (i32.load (i32.const 64)) (i32.const 72) (i32.const 1) (i32.const 68)))
    (i32.load8_u (i32.const 80)))
  (func (export "both") (param $k i32) (result i32)
    (i32.add (local.get $k) (i32.add
      (i32.mul (call $first (i32.const 0) (i32.const 8)) (i32.const 1000))
      (call $first (i32.const 16) (i32.const 9))))))"""
BYTES = "application/octet-stream"


def file_join():
    """Return an action that joins two files."""
    file = {"type": "string", "contentMediaType": BYTES}
    mounts = [{"path": f"{n}.bin", "stage": "execution", "mediaType": BYTES} for n in WEIGHTS]
    return {
        "wasmiot:entrypoint": "both",
        "wasmiot:mount": mounts[:2],
        "wasmiot:arguments": {"k": 0},
        "input": {"type": "object", "properties": {"left": file, "right": file, "k": INTEGER}},
        "output": INTEGER,
        **sent("left", "right"),
    }
