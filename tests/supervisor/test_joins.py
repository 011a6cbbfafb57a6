"""Steps that several others feed: constants, single members of an input, and joins."""

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest

from wasmiot_td.consumed_thing import WsgiTransport

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


@pytest.fixture
def start(make_device):
    """Return a function that starts a device with one action, a join by default."""

    def start(action=None, **settings):
        device = make_device(**settings)
        response = device.put("d", ARITHMETIC, actions={"merge": action or merge("left", "right")})
        assert response.status_code == 201, response.text
        device.send = partial(send, device)
        return device

    return start


def send(device, name, value, key="k1", content_type="application/json", url=URL):
    """Send one part."""
    headers = {"Wasmiot-Input": name} | ({"Idempotency-Key": f'"{key}"'} if key else {})
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return device.client.post(url, data=body, headers=headers, content_type=content_type)


def test_constants(start):
    """A constant of the installation is an argument that nobody sends."""
    device = start(merge())
    status = device.invoke("d", "merge", json={"left": 1, "right": 2})
    assert status["output"] == 123


def test_constants_hold(start):
    """A constant is what the installation says, whatever comes."""
    device = start(merge())
    assert device.invoke("d", "merge", json={"left": 1, "right": 2, "k": 9})["output"] == 123


@pytest.mark.parametrize("arguments", [{"k": "three"}, {"unknown": 1}])
def test_constants_that_do_not_fit(device, arguments):
    """A constant that the input does not take is refused when it is put, with its place."""
    action = {**merge(), "wasmiot:arguments": arguments}
    response = device.put("d", ARITHMETIC, actions={"merge": action})
    fields = [e["field"] for e in response.json["validationErrors"]]
    assert (response.status_code, fields) == (
        422,
        [f"/actions/merge/wasmiot:arguments/{next(iter(arguments))}"],
    )


def test_single_member(start):
    """One step that sends one member needs nobody else: the rest are constants."""
    device = start(merge("left", **{"wasmiot:arguments": {"k": 3, "right": 2}}))
    response = device.send("left", 1)
    assert device.ended(response.headers["Location"])["output"] == 123


def test_join(start):
    """A join is pending until its last part comes, and both senders get the same invocation."""
    device = start()
    first = device.send("left", 1)
    assert (first.status_code, first.json["status"]) == (201, "pending")
    assert device.client.get(first.headers["Location"]).json["status"] == "pending"
    second = device.send("right", 2)
    assert second.headers["Location"] == first.headers["Location"]
    assert device.ended(first.headers["Location"])["output"] == 123


def test_join_by_execution(start):
    """Parts of different executions are never put together."""
    device = start()
    a, b = device.send("left", 1, "a"), device.send("right", 2, "b")
    device.send("right", 4, "a")
    device.send("left", 5, "b")
    outputs = [device.ended(each.headers["Location"])["output"] for each in (a, b)]
    assert outputs == [143, 523]


def test_part_sent_twice(start):
    """A part that is sent twice counts once; also when the join has run already."""
    device = start()
    device.send("left", 1)
    device.send("left", 9)
    href = device.send("right", 2).headers["Location"]
    assert device.ended(href)["output"] == 123
    again = device.send("left", 9)
    assert (again.status_code, again.json["output"]) == (201, 123)


def test_whole_input(start):
    """A join that gets all of its input at once is a call like any other."""
    assert start().invoke("d", "merge", json={"left": 1, "right": 2})["output"] == 123


def test_part_that_is_missing(start):
    """A join whose last part does not come fails, and says which part and whose."""
    device = start(join_seconds=0.05)
    status = device.ended(device.send("left", 1).headers["Location"])
    assert status["error"]["missing"] == ["right"]
    assert "step right" in status["error"]["detail"]


@pytest.mark.parametrize(
    ("name", "value", "options", "code"),
    [
        ("middle", 1, {}, 400),
        ("left", "one", {}, 400),
        ("left", b"{", {}, 400),
        ("left", b"\0", {"content_type": "application/octet-stream"}, 415),
        ("left", 1, {"key": ""}, 400),
    ],
    ids=["no such member", "wrong type", "no JSON", "bytes", "no key"],
)
def test_part_that_is_refused(start, name, value, options, code):
    """A part that cannot be right is refused at once, and leaves nothing behind."""
    device = start()
    assert device.send(name, value, **options).status_code == code
    assert device.client.get("/deployments/d/actions").json == {"merge": []}


def test_joins_are_bounded(start):
    """More joins than may wait are refused until later, with the parts of those that wait taken."""
    device = start(joins=1)
    device.send("left", 1, "a")
    refused = device.send("left", 1, "b")
    assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
    assert device.send("right", 2, "a").status_code == 201


def test_parts_are_bounded(start):
    """The parts that wait have a bound in bytes."""
    device = start(joins_bytes=3)
    assert device.send("left", 10, "a").status_code == 201
    assert device.send("left", 10, "b").status_code == 503


def test_join_is_cancelled(start):
    """A join that waits can be cancelled; its room is free again."""
    device = start(joins=1)
    href = device.send("left", 1).headers["Location"]
    assert device.client.delete(href).status_code == 204
    assert device.client.get(href).json["error"]["trap"] == "cancelled"
    assert device.send("left", 1, "another").status_code == 201


def test_join_of_an_installation_that_goes(start):
    """With its installation go the parts that wait."""
    device = start(joins=1)
    device.send("left", 1)
    device.client.delete("/deployments/d")
    device.put("d", ARITHMETIC, actions={"merge": merge("left", "right")})
    assert device.client.get("/deployments/d/actions").json == {"merge": []}
    assert device.send("left", 1, "another").status_code == 201


def test_parts_with_one_name(device):
    """Two steps that send the same member are refused when the installation is put."""
    response = device.put("d", ARITHMETIC, actions={"merge": merge("left", "left")})
    assert response.json["validationErrors"][0]["field"] == "/actions/merge/wasmiot:dependsOn"


TEXTS = """(module (memory (export "memory") 1) (global $top (mut i32) (i32.const 64))
  (func (export "alloc") (param i32) (result i32)
    (global.get $top) (global.set $top (i32.add (global.get $top) (local.get 0))))
  (func (export "joined") (param i32 i32 i32 i32) (result i32 i32)
    (local.get 0) (i32.add (local.get 1) (local.get 3))))"""


@pytest.mark.parametrize("content_type", ["application/json", "text/plain; charset=utf-8"])
def test_parts_of_text(device, content_type):
    """Text is a part as JSON or as it is."""
    members = {name: {"type": "string"} for name in ("left", "right")}
    action = {
        "wasmiot:entrypoint": "joined",
        "input": {"type": "object", "properties": members},
        "output": {"type": "string"},
        **sent("left", "right"),
    }
    device.put("d", TEXTS, actions={"merge": action})
    encode = json.dumps if content_type == "application/json" else str
    send(device, "right", encode("tä").encode(), content_type=content_type)
    href = send(device, "left", encode("säl").encode(), content_type=content_type).json["href"]
    assert device.ended(href)["output"] == "sältä"


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


@pytest.mark.parametrize("names", [("left", "right"), ("right", "left")])
def test_parts_that_are_files(device, names):
    """A file goes where its member's name says, in whatever order the files come."""
    response = device.put("d", FILES, actions={"merge": file_join()})
    assert response.status_code == 201, response.text
    contents = {"left": b"\7", "right": b"\5"}
    for name in names:
        last = send(device, name, contents[name], content_type=BYTES)
    assert device.ended(last.json["href"])["output"] == 7005


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


@pytest.fixture
def restarted(make_device, tmp_path):
    """Return a function that starts a device on the same data each time."""

    def start(*, is_stopped=False, **settings):
        if is_stopped:
            devices[-1].app.extensions["supervisor"].begin_to_stop()
            devices[-1].app.extensions["supervisor"].close()
        devices.append(make_device(data_dir=tmp_path / "kept", **settings))
        return devices[-1]

    devices = []
    return start


@pytest.mark.parametrize("is_stopped", [False, True], ids=["killed", "stopped"])
def test_join_after_a_restart(restarted, is_stopped):
    """What came before the device went down is there when the last part comes."""
    device = restarted()
    device.put("d", ARITHMETIC, actions={"merge": merge("left", "right")})
    before = send(device, "left", 1).json
    again = restarted(is_stopped=is_stopped)
    assert again.client.get(before["href"]).json == before
    assert send(again, "left", 9).json == before
    assert send(again, "right", 2).json["href"] == before["href"]
    assert again.ended(before["href"])["output"] == 123
    third = restarted(is_stopped=True)
    assert send(third, "right", 2).json["output"] == 123


def test_file_after_a_restart(restarted):
    """A part that is a file waits on disk like any other."""
    device = restarted()
    device.put("d", FILES, actions={"merge": file_join()})
    send(device, "left", b"\7", content_type=BYTES)
    again = restarted()
    href = send(again, "right", b"\5", content_type=BYTES).json["href"]
    assert again.ended(href)["output"] == 7005


def test_overdue_after_a_restart(restarted):
    """The time that a join waits goes on while the device is down."""
    device = restarted()
    device.put("d", ARITHMETIC, actions={"merge": merge("left", "right")})
    href = send(device, "left", 1).json["href"]
    again = restarted(join_seconds=0.0)
    again.app.extensions["supervisor"].begin()
    assert again.ended(href)["error"]["missing"] == ["right"]


def test_join_without_its_installation(restarted, tmp_path):
    """A join whose installation cannot be served any more has failed and says why."""
    device = restarted()
    device.put("d", ARITHMETIC, actions={"merge": merge("left", "right")})
    href = send(device, "left", 1).json["href"]
    (tmp_path / "kept/installations/d.json").rename(tmp_path / "away")
    restarted()
    (tmp_path / "away").rename(tmp_path / "kept/installations/d.json")
    again = restarted()
    assert "'d'" in again.client.get(href).json["error"]["detail"]
    assert send(again, "right", 2).json["status"] == "failed"


def test_what_has_begun_does_not_begin_again(restarted):
    """A complete join leaves nothing on disk that a restart could run a second time."""
    device = restarted()
    device.put("d", ARITHMETIC, actions={"merge": merge("left", "right")})
    send(device, "left", 1)
    device.ended(send(device, "right", 2).json["href"])
    cancelled = send(device, "left", 1, key="k2").json["href"]
    device.client.delete(cancelled)
    again = restarted()
    assert again.app.extensions["supervisor"].joins._kept.ids() == frozenset()
    assert again.client.get(cancelled).json["error"]["trap"] == "cancelled"


def test_complete_when_the_device_went_down(restarted):
    """A join whose last part was kept, but which had not begun, begins at the next start."""
    device = restarted()
    device.put("d", ARITHMETIC, actions={"merge": merge("left", "right")})
    href = send(device, "left", 1).json["href"]
    joins = device.app.extensions["supervisor"].joins
    (kept,) = joins._kept.all()
    joins._kept.add(kept, replace(kept.parts[0], name="right", value=2))
    again = restarted()
    again.app.extensions["supervisor"].begin()
    assert again.ended(href)["output"] == 123


@pytest.fixture
def fleet(make_device):
    """Return a function that starts a device which reaches the others by its name."""
    apps = {}

    def start(name, **settings):
        base = f"http://{name}/"
        device = make_device(WsgiTransport(apps), name=name, public_url=base, **settings)
        apps[base] = device.app
        return device

    return start


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


def test_many_joins_at_once(start):
    """Whoever sends what, how often and in whatever order: each join runs once, with its parts."""
    device = start(queue_length=1000, workers=4)
    parts = [(n, side) for n in range(40) for side in ("left", "right")] * 2
    random.Random(5).shuffle(parts)

    def send_one(part):
        number, side = part
        client = device.app.test_client()
        value = number if side == "left" else number + 1
        headers = {"Wasmiot-Input": side, "Idempotency-Key": f'"{number}"'}
        return number, client.post(URL, json=value, headers=headers).json["href"]

    with ThreadPoolExecutor(6) as senders:
        hrefs = set(senders.map(send_one, parts))
    assert len(hrefs) == 40
    outputs = {number: device.ended(href)["output"] for number, href in hrefs}
    assert outputs == {n: n * 100 + (n + 1) * 10 + 3 for n in range(40)}
    assert len(device.client.get("/deployments/d/actions").json["merge"]) == 40
