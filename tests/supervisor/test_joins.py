"""Steps that several others feed: constants, single members of an input, and joins."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from joined_modules import ARITHMETIC, BYTES, FILES, URL, file_join, merge, send, sent


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


@pytest.mark.parametrize("names", [("left", "right"), ("right", "left")])
def test_parts_that_are_files(device, names):
    """A file goes where its member's name says, in whatever order the files come."""
    response = device.put("d", FILES, actions={"merge": file_join()})
    assert response.status_code == 201, response.text
    contents = {"left": b"\7", "right": b"\5"}
    for name in names:
        last = send(device, name, contents[name], content_type=BYTES)
    assert device.ended(last.json["href"])["output"] == 7005


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
