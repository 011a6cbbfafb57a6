"""Deployments: as a whole or not at all, the same again changes nothing, gone without a trace."""

import hashlib
import json
import time

import pytest
import wasmtime
from small_installations import ONE, TWO, F, everything_on_disk, on_disk

from supervisor_app.app import create_app
from wasmiot_td.consumed_thing import WsgiTransport


def test_new_same_and_changed(device):
    """PUT answers 201 for a new installation, 204 for the same and for a changed one."""
    codes = [device.put("a", wat, actions=F).status_code for wat in (ONE, ONE, TWO)]
    assert codes == [201, 204, 204]
    assert device.client.post("/deployments/a/actions/f").json == 2


COUNTER = """(module (global $n (mut i32) (i32.const 0))
  (func (export "f") (result i32)
    (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))"""


def test_the_same_put_changes_nothing(device):
    """What a module keeps, what was called before and every file stay as they were."""
    actions = {**F, "later": {**F["f"], "synchronous": False}}
    digest = device.place(wasmtime.wat2wasm(COUNTER))
    members = {"is_stateful": True, "actions": actions}
    assert device.put_digest("a", digest, **members).status_code == 201
    status = device.invoke("a", "later")
    before = everything_on_disk(device)
    assert device.put_digest("a", digest, **members).status_code == 204
    assert everything_on_disk(device) == before
    assert device.client.get(status["href"]).json == status
    assert device.client.post("/deployments/a/actions/f").json == 2


def test_a_refused_change_leaves_what_runs(device):
    """What is installed goes on as it is, its state included, when what should follow is faulty."""
    device.put("a", COUNTER, is_stateful=True, actions=F)
    assert device.client.post("/deployments/a/actions/f").json == 1
    before = everything_on_disk(device)
    missing = {"f": {**F["f"], "wasmiot:entrypoint": "missing"}}
    assert device.put("a", TWO, actions=missing).status_code == 422
    assert everything_on_disk(device) == before
    assert device.client.post("/deployments/a/actions/f").json == 2


def test_delete_removes_everything(device):
    """DELETE leaves neither the TD nor a package, and the names are free again."""
    device.put("a", ONE, actions=F)
    assert device.client.delete("/deployments/a").status_code == 204
    assert on_disk(device) == []
    assert device.client.get("/deployments/a/td").status_code == 404
    assert device.client.delete("/deployments/a").status_code == 404


def test_shared_package_stays(device):
    """A package is kept as long as another installation needs it."""
    device.put("a", ONE, actions=F)
    device.put("b", ONE, actions=F)
    device.client.delete("/deployments/a")
    assert device.client.post("/deployments/b/actions/f").json == 1


WRITER = """(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 1) (data (i32.const 0) "out.bin") (data (i32.const 8) "left.bin")
  (func $create (param i32 i32) (result i32)
    (call $open (i32.const 3) (i32.const 0) (local.get 0) (local.get 1) (i32.const 1)
      (i64.const 66) (i64.const 66) (i32.const 0) (i32.const 16)))
  (func (export "f") (result i32) (call $create (i32.const 0) (i32.const 7)))
  (func (export "see") (result i32)
    (call $open (i32.const 3) (i32.const 0) (i32.const 8) (i32.const 8) (i32.const 0)
      (i64.const 66) (i64.const 66) (i32.const 0) (i32.const 16)))
  (func (export "hold") (drop (call $create (i32.const 8) (i32.const 8)))
    (loop br 0)))"""
ENOENT = 44
ANY = "application/octet-stream"
FILE = {"type": "string", "contentMediaType": ANY}
MOUNT = {"stage": "output", "mediaType": ANY, "required": False}


@pytest.mark.parametrize("is_stateful", [False, True], ids=["fresh", "kept"])
def test_delete_leaves_the_disk_as_it_was(device, is_stateful):
    """Nothing is left of modules, data files, calls, and their outputs."""
    before = set(everything_on_disk(device))
    write = {"wasmiot:entrypoint": "f", "wasmiot:mount": [{"path": "out.bin", **MOUNT}]}
    write |= {"output": FILE, "wasmiot:dataFile": [{"path": "model", "digest": device.place(b"m")}]}
    digest = device.place(wasmtime.wat2wasm(WRITER))
    members = {"is_stateful": is_stateful, "actions": {"f": write}}
    response = device.put_digest("a", digest, **members)
    assert response.status_code == 201, response.text
    status = device.invoke("a", "f")
    assert device.client.get(status["outputUrl"]).status_code == 200
    assert device.client.delete("/deployments/a").status_code == 204
    assert set(everything_on_disk(device)) == before
    assert device.client.get(status["outputUrl"]).status_code == 404
    assert device.client.get(status["href"]).status_code == 404


@pytest.mark.parametrize("is_stateful", [False, True], ids=["fresh", "kept"])
def test_two_deployments_are_apart(make_device, is_stateful):
    """Of one module, with the same names, neither sees the other's files, calls and outputs."""
    device = make_device(call_seconds=60)
    write = {"wasmiot:entrypoint": "f", "wasmiot:mount": [{"path": "out.bin", **MOUNT}]}
    files = {"wasmiot:mount": [{"path": "left.bin", **MOUNT, "stage": "execution"}]}
    see = {**files, "wasmiot:entrypoint": "see", "output": {"type": "integer"}}
    actions = {"f": {**write, "output": FILE}, "see": {**see, "synchronous": True}}
    actions |= {"hold": {**files, "wasmiot:entrypoint": "hold"}}
    for slug in "ab":
        assert device.put(slug, WRITER, is_stateful=is_stateful, actions=actions).status_code == 201
    status = device.invoke("a", "f")
    assert device.client.get(status["outputUrl"]).status_code == 200
    for href in (status["href"], status["outputUrl"]):
        assert device.client.get(href.replace("deployments/a", "deployments/b")).status_code == 404
    listed = [device.client.get(f"/deployments/{slug}/actions").json["f"] for slug in "ab"]
    assert [len(found) for found in listed] == [1, 0]
    holding = device.client.post("/deployments/a/actions/hold").json["href"]
    while not list((device.settings.data_dir / "calls").rglob("left.bin")):
        time.sleep(0.01)
    assert device.client.post("/deployments/b/actions/see").json == ENOENT
    assert device.client.delete(holding).status_code == 204


def test_package_that_cannot_be_had(device):
    """A package at an address where nobody answers is named in the problem."""
    digest = "sha256:" + "0" * 64
    module = {"id": "urn:m", "name": "m", "digest": digest, "binary": "http://127.0.0.1:1/m"}
    document = {"title": "x", "wasmiot:module": [module], "actions": F}
    response = device.client.put("/deployments/a", json=document)
    assert response.status_code == 422
    assert response.json["validationErrors"][0]["field"] == "/wasmiot:module/0"


def answers(content):
    """Return a WSGI application that answers everything with the same bytes."""

    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "application/wasm")])
        return [content]

    return application


def test_fetched_and_verified(make_device):
    """A package is fetched from its address, and refused if it is not that of the digest."""
    content = wasmtime.wat2wasm(ONE)
    device = make_device(WsgiTransport(answers(bytes(content))))
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    module = {"id": "urn:m", "name": "m", "digest": digest, "binary": "http://packages/m"}
    document = {"title": "x", "wasmiot:module": [module], "actions": F}
    assert device.client.put("/deployments/a", json=document).status_code == 201
    module["digest"] = "sha256:" + "1" * 64
    response = device.client.put("/deployments/b", json=document)
    assert (response.status_code, digest in response.json["detail"]) == (422, True)
    assert device.client.get("/deployments").json == ["a"]


def test_what_is_on_the_disk_is_verified_when_it_is_installed(device):
    """A package that is there already and is not that of its digest is not run."""
    assert device.put("a", ONE, actions=F).status_code == 201
    (package,) = (device.settings.data_dir / "packages").iterdir()
    package.write_bytes(wasmtime.wat2wasm(TWO))
    module = {"id": "urn:m", "name": "m", "digest": f"sha256:{package.name}"}
    module["binary"] = "http://127.0.0.1:1/m"
    document = {"title": "x", "wasmiot:module": [module], "actions": F}
    response = device.client.put("/deployments/b", json=document)
    assert (response.status_code, response.json["title"]) == (422, "Not installable")
    assert device.client.get("/deployments").json == ["a"]


def test_damaged_package_is_not_used(device):
    """The digest of a package that is there already is checked too: disks fail."""
    assert device.put("a", ONE, actions=F).status_code == 201
    (package,) = (device.settings.data_dir / "packages").iterdir()
    package.write_bytes(b"something else")
    again = create_app(device.settings, WsgiTransport({}))
    assert again.extensions["supervisor"].installations.all() == []
    again.extensions["supervisor"].close()


def test_served_again_after_a_restart(device):
    """A supervisor that starts over the same data serves what it served, results included."""
    action = {"f": {"wasmiot:entrypoint": "f", "output": {"type": "integer"}}}
    device.put("a", ONE, actions=action)
    status = device.invoke("a", "f")
    app = create_app(device.settings)
    client = app.test_client()
    assert client.get(status["href"]).json == status
    assert client.get("/deployments/a/td").json == device.client.get("/deployments/a/td").json
    app.extensions["supervisor"].close()


def test_the_same_bytes_are_compiled_once(device):
    """Another deployment of them waits for no compiler, nor does the next start of the device."""

    def compiled(client):
        lines = client.get("/metrics").text.splitlines()
        counts = [line for line in lines if line.startswith("wasmiot_compile_seconds_count")]
        return sum(float(line.rpartition(" ")[2]) for line in counts)

    for name in ("one", "again"):
        assert device.put(name, ONE, actions=F).status_code == 201
    assert compiled(device.client) == 1
    device.put("other", TWO, actions=F)
    assert compiled(device.client) == 2
    device.app.extensions["supervisor"].close()
    app = create_app(device.settings)
    client = app.test_client()
    assert client.post("/deployments/again/actions/f").json == 1
    assert client.post("/deployments/other/actions/f").json == 2
    assert compiled(client) == 0
    app.extensions["supervisor"].close()


def test_interrupted_by_a_restart(device):
    """A call that had not ended when the supervisor died is failed, not lost."""
    endless = '(module (func (export "f") (loop br 0)))'
    device.put("a", endless, actions={"f": {"wasmiot:entrypoint": "f"}})
    href = device.client.post("/deployments/a/actions/f").json["href"]
    app = create_app(device.settings)
    assert app.test_client().get(href).json["error"]["title"] == "Interrupted"
    app.extensions["supervisor"].close()


def test_broken_file_is_left_alone(device):
    """A stored TD that cannot be served any more does not keep the rest from starting."""
    device.put("a", ONE, actions=F)
    (device.settings.data_dir / "installations" / "b.json").write_text(json.dumps({"x": 1}))
    (device.settings.data_dir / "installations" / "c.json").write_text("{")
    app = create_app(device.settings)
    assert app.test_client().post("/deployments/a/actions/f").json == 1
    app.extensions["supervisor"].close()


SLOW_TO_COMPILE = "(local i32)" + "(local.set 0 (i32.mul (local.get 0) (i32.const 7)))" * 20000


def test_compiling_has_a_deadline(make_device):
    """A module that takes too long to compile is refused."""
    device = make_device(compile_seconds=0.001)
    response = device.put("a", f'(module (func (export "f") {SLOW_TO_COMPILE}))', actions=F)
    assert (response.status_code, "to compile" in response.json["detail"]) == (422, True)


def test_results_are_kept_for_a_set_time(make_device):
    """A result is gone when its time is over."""
    device = make_device(result_seconds=-1)
    device.put("a", ONE, actions={"f": {"wasmiot:entrypoint": "f"}})
    href = device.client.post("/deployments/a/actions/f").headers["Location"]
    while device.client.get(href).status_code == 200:
        time.sleep(0.01)
    assert device.client.get("/deployments/a/actions").json == {"f": []}


def test_removed_while_it_runs(device):
    """Removing an installation ends its calls, and a new one of the name knows nothing of them."""
    endless = '(module (func (export "f") (loop br 0)))'
    device.put("a", endless, actions={"f": {"wasmiot:entrypoint": "f"}})
    device.client.post("/deployments/a/actions/f")
    assert device.client.delete("/deployments/a").status_code == 204
    device.app.extensions["supervisor"].invocations.close()
    device.put("a", endless, actions={"f": {"wasmiot:entrypoint": "f"}})
    assert device.client.get("/deployments/a/actions").json == {"f": []}
