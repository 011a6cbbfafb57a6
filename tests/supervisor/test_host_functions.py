"""What modules import from the device."""

import sys

import pytest

from supervisor_app import host_functions

SYS = """(module
  (import "sys" "millis" (func $millis (result i32)))
  (import "sys" "delay" (func $delay (param i32)))
  (import "sys" "print" (func $print (param i32 i32)))
  (import "sys" "println" (func $println (param i32)))
  (import "sys" "printInt" (func $print_int (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "hello")
  (func (export "f") (result i32) (local $before i32)
    (local.set $before (call $millis))
    (call $delay (i32.const 20))
    (call $print (i32.const 0) (i32.const 5))
    (call $println (i32.const 42))
    (call $print_int (i32.const -7))
    (i32.sub (call $millis) (local.get $before))))"""
EVERY_SIGNATURE = {
    "camera.takeImage": "(param i32 i32)",
    "camera.takeImageDynamicSize": "(param i32 i32)",
    "camera.takeImageStaticSize": "(param i32 i32)",
    "dht.getTemperature": "(result f32)",
    "dht.getHumidity": "(result f32)",
    "sys.millis": "(result i32)",
    "sys.delay": "(param i32)",
    "sys.print": "(param i32 i32)",
    "sys.println": "(param i32)",
    "sys.printInt": "(param i32)",
    "communication.rpcCall": "(param i32 i32 i32 i32)",
}


@pytest.mark.parametrize("interface", EVERY_SIGNATURE)
def test_signature(make_device, pictures, tmp_path, interface):
    """A module of the existing system links to each function by its name and its type alone."""
    device = make_device(camera=str(pictures), dht=str(tmp_path / "dht.json"))
    module, name = interface.split(".")
    wanted = f'(import "{module}" "{name}" (func {EVERY_SIGNATURE[interface]}))'
    assert device.put("a", f"(module {wanted})", actions={}).status_code == 201
    other = wanted.replace("(func ", "(func (param i64) ", 1)
    response = device.put("b", f"(module {other})", actions={})
    assert (response.status_code, name in response.json["detail"]) == (422, True)


RPC = """(module
  (import "communication" "rpcCall" (func $call (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "{url}") (data (i32.const 500) "[1]")
  (func (export "f") (call $call (i32.const 0) (i32.const {length}) (i32.const 500) (i32.const 3))))
"""


def test_rpc_call(served_device):
    """A module calls an action of another Thing, with its input."""
    target = """(module (global $n (mut i32) (i32.const 0)) (memory (export "memory") 1)
      (func (export "alloc") (param i32) (result i32) (i32.const 1000))
      (func (export "count") (param i32 i32) (global.set $n (i32.load8_u (i32.const 1001))))
      (func (export "n") (result i32) (global.get $n)))"""
    count = {"wasmiot:entrypoint": "count", "synchronous": True, "input": {"type": "array"}}
    shown = {"n": {"type": "integer", "wasmiot:entrypoint": "n"}}
    served_device.put(
        "target", target, is_stateful=True, actions={"count": count}, properties=shown
    )
    url = f"{served_device.url}deployments/target/td#count"
    action = {"wasmiot:entrypoint": "f", "synchronous": True}
    caller = RPC.format(url=url, length=len(url))
    assert served_device.put("caller", caller, actions={"f": action}).status_code == 201
    response = served_device.client.post("/deployments/caller/actions/f")
    assert response.status_code == 204, response.text
    assert served_device.client.get("/deployments/target/properties/n").json == ord("1")


def test_initialize_comes_first(device):
    """A reactor's `_initialize` has run before any of its functions."""
    wat = """(module (global $n (mut i32) (i32.const 0))
      (func (export "_initialize") (global.set $n (i32.const 42)))
      (func (export "f") (result i32) (global.get $n)))"""
    action = {"wasmiot:entrypoint": "f", "synchronous": True, "output": {"type": "integer"}}
    device.put("reactor", wat, actions={"f": action})
    assert device.client.post("/deployments/reactor/actions/f").json == 42


def test_sys(device, caplog):
    """A module can ask for the time, wait, and write to the log."""
    caplog.set_level("INFO")
    action = {"wasmiot:entrypoint": "f", "synchronous": True, "output": {"type": "integer"}}
    device.put("sys", SYS, actions={"f": action})
    assert device.client.post("/deployments/sys/actions/f").json >= 20
    assert [r for r in caplog.messages if r.startswith("guest_print")] == [
        "guest_print text='hello'",
        "guest_print number=42",
        "guest_print number=-7",
    ]


TALKER = """(module (import "sys" "print" (func $say (param i32 i32)))
  (import "sys" "printInt" (func $say_number (param i32)))
  (memory (export "memory") 1)
  (func (export "f") (param $times i32)
    (loop
      (call $say (i32.const 0) (i32.const 1000)) (call $say_number (local.get $times))
      (local.set $times (i32.sub (local.get $times) (i32.const 1)))
      (br_if 0 (local.get $times)))))"""


def test_a_talker_does_not_fill_the_log(device, caplog):
    """A call says so much and no more; the next one is heard again."""
    caplog.set_level("INFO")
    action = {"wasmiot:entrypoint": "f", "synchronous": True, "input": {"type": "integer"}}
    device.put("talker", TALKER, actions={"f": action})
    for times in (20_000, 20_000, 1):
        caplog.clear()
        response = device.client.post("/deployments/talker/actions/f", json=times)
        assert response.status_code == 204
        said = sum(len(text) for text in caplog.messages if text.startswith("guest_print "))
        assert said < 5000 if times == 1 else 50_000 < said < 70_000
        assert caplog.messages.count("guest_print_cut") == (times > 1)


def test_provides_what_is_linked(make_device, pictures):
    """The device advertises an interface if, and only if, its driver is configured."""
    with_camera = make_device(camera=str(pictures)).client.get("/.well-known/wot").json
    without = make_device().client.get("/.well-known/wot").json
    difference = set(with_camera["wasmiot:provides"]) - set(without["wasmiot:provides"])
    assert difference == {
        "camera.takeImage",
        "camera.takeImageDynamicSize",
        "camera.takeImageStaticSize",
    }
    assert "wasi_snapshot_preview1" in without["wasmiot:provides"]


def test_one_file_is_an_interface(make_device, tmp_path, monkeypatch):
    """A file beside the others is linked and advertised, and nothing else names it."""
    (tmp_path / "tide_gauge.py").write_text(
        "from supervisor_app.host_functions.guest import HostFunction\n"
        "def linked(settings, call):\n"
        "    read = lambda guest: 1.5\n"
        "    return (HostFunction('tide', 'metres', (), ('f32',), read),)\n"
    )
    monkeypatch.setattr(host_functions, "__path__", [*host_functions.__path__, str(tmp_path)])
    device = make_device()
    assert "tide.metres" in device.client.get("/.well-known/wot").json["wasmiot:provides"]
    module = """(module (import "tide" "metres" (func $m (result f32)))
      (func (export "level") (result f32) call $m))"""
    action = {"synchronous": True, "output": {"type": "number"}, "wasmiot:entrypoint": "level"}
    assert device.put("tide", module, actions={"level": action}).status_code == 201
    assert device.client.post("/deployments/tide/actions/level").json == 1.5
    sys.modules.pop("supervisor_app.host_functions.tide_gauge")


def test_an_installed_package_brings_a_host_function(make_device, tmp_path, monkeypatch, caplog):
    """It is linked and advertised; one that fails, or takes a name that is there, is left out."""
    (tmp_path / "tides.py").write_text(
        "from supervisor_app.host_functions.guest import HostFunction\n"
        "def functions():\n"
        "    return (HostFunction('tides', 'metres', (), ('f32',), lambda guest: 1.5),\n"
        "            HostFunction('sys', 'millis', (), ('i32',), lambda guest: 0))\n"
        "def broken():\n"
        "    raise OSError('no such bus')\n"
    )
    info = tmp_path / "tides-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tides\nVersion: 1\n")
    entries = "[wasmiot.host_functions]\ntides = tides:functions\nbroken = tides:broken\n"
    (info / "entry_points.txt").write_text(entries)
    monkeypatch.syspath_prepend(str(tmp_path))
    device = make_device()
    provided = device.client.get("/.well-known/wot").json["wasmiot:provides"]
    assert "tides.metres" in provided
    assert provided.count("sys.millis") == 1
    assert "no such bus" in caplog.text
    assert "host_function_taken name=sys.millis" in caplog.text
    module = """(module (import "tides" "metres" (func $m (result f32)))
      (func (export "level") (result f32) call $m))"""
    action = {"synchronous": True, "output": {"type": "number"}, "wasmiot:entrypoint": "level"}
    assert device.put("tides", module, actions={"level": action}).status_code == 201
    assert device.client.post("/deployments/tides/actions/level").json == 1.5
