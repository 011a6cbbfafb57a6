"""Modules with types that wasmtime's C API cannot tell: it ends the process that asks for them."""

import hashlib
import json
import subprocess
import sys

import pytest
import requests
import wasmtime

COMMAND = (sys.executable, "-m", "supervisor_app", "--port", "0", "--no-announce")
ANSWER = '(func (export "f") (result i32) i32.const 42)'
V128 = '(func (export "v") (result v128) v128.const i32x4 1 2 3 4)'
GOOD = {
    "v128": V128,
    "v128-parameter": '(func (export "v") (param i32 v128))',
    "struct": '(type $s (struct (field i8) (field (mut v128)))) (func (export "g")'
    " (result (ref null $s)) ref.null $s)",
    "array": '(rec (type $a (array i16)) (type $b (sub (struct)))) (func (export "g")'
    " (param (ref $a) (ref $b)))",
    "any": '(func (export "g") (param anyref eqref structref arrayref nullref))',
    "i31": '(func (export "g") (result i31ref) i32.const 1 ref.i31)',
    "exception": '(func (export "g") (result exnref) ref.null exn)',
    "extern": '(func (export "g") (param externref) (result externref) local.get 0)',
    "function": '(type $f (func)) (func (export "g") (param (ref $f) funcref))',
    "v128-global": '(global (export "g") v128 (v128.const i32x4 1 2 3 4))',
    "i31-global": '(global (export "g") (mut i31ref) (ref.null i31))',
    "any-table": '(table (export "t") 1 anyref)',
    "table64": '(table (export "t") i64 1 funcref)',
    "v128-tag": '(tag (export "t") (param v128))',
    "memory64": '(memory (export "memory") i64 1)',
    "initialize": '(func (export "_initialize") (param v128))',
}
BAD = {
    "import": (
        '(import "sys" "millis" (func (param v128)))',
        "sys.millis of the type (v128) -> ()",
    ),
    "import-of-i31": ('(import "sys" "millis" (func (result i31ref)))', "() -> (i31ref)"),
    "global": ('(import "a" "b" (global v128))', "the global a.b"),
    "memory": ('(import "a" "b" (memory 1))', "the memory a.b"),
    "table": ('(import "a" "b" (table 1 anyref))', "the table a.b"),
    "tag": ('(import "a" "b" (tag (param v128)))', "the tag a.b"),
    "memories": ('(memory (export "memory") 1) (memory (export "m") 1)', "2 memories"),
    "alloc": ('(func (export "alloc") (param v128))', "alloc of the type (v128) -> ()"),
    "shared": ("(memory 1 2 shared)", "threads must be enabled"),
    "continuation": ("(type $f (func)) (type $c (cont $f))", "stack switching"),
    "small-pages": ("(memory 1 (pagesize 1))", "page size"),
}


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a supervisor and returns it with its address and log."""
    running = []

    def start_one():
        command = [*COMMAND, "--data-dir", tmp_path / "data"]
        running.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        said = []
        for line in running[-1].stderr:
            said.append(line)
            if line.startswith("listening on "):
                return running[-1], line.split()[-1], "".join(said)
        raise AssertionError("it ended before it listened")

    yield start_one
    for process in running:
        process.terminate()
        process.wait(timeout=20)
        process.stderr.close()


@pytest.fixture
def put(tmp_path):
    """Return a function that puts a module on a device and asks the device to install it."""

    def put_one(base, name, binary, entrypoint="f"):
        digits = hashlib.sha256(binary).hexdigest()
        (tmp_path / "data" / "packages" / digits).write_bytes(binary)
        module = {"id": "urn:m", "name": "m", "digest": f"sha256:{digits}"}
        answer = {"type": "integer", "wasmiot:entrypoint": entrypoint}
        document = {"title": name, "wasmiot:module": [module], "properties": {"answer": answer}}
        return requests.put(f"{base}deployments/{name}", json=document, timeout=60)

    return put_one


def answer(base, name):
    """Return what the function of numbers says."""
    return requests.get(f"{base}deployments/{name}/properties/answer", timeout=20).json()


def test_exports_of_other_types_are_not_called(start, put):
    """What a module exports beside functions of numbers harms nobody: it is served without."""
    process, base, _ = start()
    for name, wat in GOOD.items():
        response = put(base, name, wasmtime.wat2wasm(f"(module {wat} {ANSWER})"))
        assert response.status_code == 201, (name, response.text)
    assert {answer(base, name) for name in GOOD} == {42}
    process.terminate()
    process.wait(timeout=20)
    process, base, _ = start()
    assert {answer(base, name) for name in GOOD} == {42}
    assert process.poll() is None


def test_what_no_device_can_run_is_refused(start, put, tmp_path):
    """The answer names the import or export and its type; nothing is left; the device goes on."""
    process, base, _ = start()
    for name, (wat, words) in BAD.items():
        response = put(base, name, wasmtime.wat2wasm(f"(module {wat} {ANSWER})"))
        assert (response.status_code, response.json()["title"]) == (422, "Not installable"), name
        assert words in response.json()["detail"], name
    response = put(base, "component", b"\0asm\x0d\0\x01\0")
    assert (response.status_code, "component" in response.text) == (422, True)
    response = put(base, "called", wasmtime.wat2wasm(f"(module {V128})"), "v")
    assert (response.status_code, "() -> (v128)" in response.text) == (422, True)
    assert list((tmp_path / "data" / "packages").iterdir()) == []
    assert list((tmp_path / "data" / "compiled").iterdir()) == []
    assert process.poll() is None


def test_kept_module_that_cannot_be_run(start, put, tmp_path):
    """One that was kept before is left out at a start, which says so; the others are served."""
    process, base, _ = start()
    for name in ("good", "bad"):
        assert put(base, name, wasmtime.wat2wasm(f"(module {ANSWER})")).status_code == 201
    binary = wasmtime.wat2wasm(f"(module {BAD['import'][0]} {ANSWER})")
    digits = hashlib.sha256(binary).hexdigest()
    (tmp_path / "data" / "packages" / digits).write_bytes(binary)
    file = tmp_path / "data" / "installations" / "bad.json"
    document = json.loads(file.read_text())
    document["wasmiot:module"][0]["digest"] = f"sha256:{digits}"
    file.write_text(json.dumps(document))
    process.kill()
    process.wait(timeout=20)
    process, base, said = start()
    assert "not_restored slug=bad" in said
    assert BAD["import"][1] in said
    assert answer(base, "good") == 42
    assert requests.get(f"{base}deployments/bad/td", timeout=20).status_code == 404
