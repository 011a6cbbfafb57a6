"""Outputs that go to several steps, and the joins that they come to."""

import threading

from joined_modules import ARITHMETIC, BYTES, FILES, INTEGER, file_join, merge

from wasmiot_td.consumed_thing import WsgiTransport


def feed(device, action, **members):
    """Return where an output goes."""
    thing = f"http://{device}/deployments/d/td"
    return {"id": f"urn:{device}#/actions/{action}", "thing": thing, "affordance": action} | members


def test_diamond(fleet):
    """One step feeds two, and these a third, on three devices: each part is sent by who made it."""
    a, b = fleet("a"), fleet("b")
    one = {
        "wasmiot:entrypoint": "one",
        "output": INTEGER,
        "wasmiot:feeds": [feed("a", "left"), feed("b", "right")],
    }
    increment = """(module (func (export "increment") (param i32) (result i32)
      (i32.add (local.get 0) (i32.const 1))))"""
    halves = {
        name: {
            "wasmiot:entrypoint": "increment",
            "input": INTEGER,
            "output": INTEGER,
            "wasmiot:feeds": [feed("c", "merge", input=name)],
        }
        for name in ("left", "right")
    }
    c = fleet("c")
    c.put("d", ARITHMETIC, actions={"merge": merge("left", "right")})
    b.put("d", increment, actions={"right": halves["right"]})
    both = f'{ARITHMETIC[:-1]} (func (export "increment") (param i32) (result i32) (i32.const 7)))'
    a.put("d", both, actions={"one": one, "left": halves["left"]})
    status = a.invoke("d", "one")
    assert [r["id"] for r in status["resultUrls"]] == [
        "urn:a#/actions/left",
        "urn:b#/actions/right",
    ]
    assert status["resultUrls"][0]["href"] == status["resultUrl"]
    ends = {
        device.ended(r["href"])["resultUrl"]
        for device, r in zip((a, b), status["resultUrls"], strict=True)
    }
    assert [c.ended(href)["output"] for href in ends] == [723]


def test_files_that_are_fed(fleet):
    """A file that a step gives is a part of a join on another device, by its content type."""
    a, b = fleet("a"), fleet("b")
    assert b.put("d", FILES, actions={"merge": file_join()}).status_code == 201
    wat = """(module (memory (export "memory") 1) (data (i32.const 0) "\\07\\05")
      (func (export "left") (result i32 i32) (i32.const 0) (i32.const 1))
      (func (export "right") (result i32 i32) (i32.const 1) (i32.const 1)))"""
    output = {"output": {"type": "string", "contentMediaType": BYTES}}
    actions = {
        name: {
            "wasmiot:entrypoint": name,
            "wasmiot:feeds": [feed("b", "merge", input=name)],
            **output,
        }
        for name in ("left", "right")
    }
    a.put("d", wat, actions=actions)
    key = {"Idempotency-Key": '"one"'}
    ends = {a.invoke("d", name, headers=key)["resultUrl"] for name in actions}
    assert [b.ended(href)["output"] for href in ends] == [7005]


def test_fan_out_with_one_away(fleet):
    """One target that is away fails the step, and keeps no other from its part."""
    a = fleet("a")
    one = {
        "wasmiot:entrypoint": "one",
        "output": INTEGER,
        "wasmiot:feeds": [feed("away", "left"), feed("a", "merge", input="left")],
    }
    action = merge("left", **{"wasmiot:arguments": {"k": 3, "right": 2}})
    a.put("d", ARITHMETIC, actions={"one": one, "merge": action})
    status = a.invoke("d", "one")
    assert (status["status"], status["output"]) == ("failed", 1)
    assert "http://away/" in status["error"]["detail"]
    assert a.ended(status["resultUrl"])["output"] == 123


class Together(WsgiTransport):
    """Holds each invocation until so many are on their way."""

    def __init__(self, applications, count):
        super().__init__(applications)
        self.barrier = threading.Barrier(count, timeout=20)

    def open(self, method, url, **request):
        """Send a request."""
        if method == "POST":
            self.barrier.wait()
        return super().open(method, url, **request)


def test_fan_out_at_once(make_device):
    """An output goes to all of its targets at the same time: none waits for another."""
    apps = {}
    device = make_device(Together(apps, 3), public_url="http://a/")
    apps["http://a/"] = device.app
    names = ("x", "y", "z")
    one = {"wasmiot:entrypoint": "one", "output": INTEGER}
    one["wasmiot:feeds"] = [feed("a", name) for name in names]
    halves = {name: {"wasmiot:entrypoint": "two", "output": INTEGER} for name in names}
    device.put("d", ARITHMETIC, actions={"one": one, **halves})
    status = device.invoke("d", "one")
    assert [r["id"].rpartition("/")[2] for r in status["resultUrls"]] == list(names)
