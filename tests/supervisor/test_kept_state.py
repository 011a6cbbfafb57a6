"""What a module keeps, taken from one device and put into another."""

import io
import json
import zipfile

import pytest
import wasmtime

from supervisor_app.exported_state import PREFIX, with_state_exported

NUMBER = {"type": "integer"}
URL = "/deployments/d/state"
COUNTER = """(module
  (memory 1 4)
  (global $n (mut i32) (i32.const 7)) (global $k i32 (i32.const 3))
  (global $big (mut i64) (i64.const 0)) (global $half (mut f64) (f64.const 0.5))
  (func (export "count") (result i32)
    (global.set $n (i32.add (global.get $n) (i32.const 1)))
    (global.set $big (i64.add (global.get $big) (i64.const 1099511627776)))
    (global.set $half (f64.mul (global.get $half) (f64.const -2)))
    (if (i32.eq (global.get $n) (i32.const 9)) (then (drop (memory.grow (i32.const 1)))))
    (i32.store (i32.mul (i32.sub (memory.size) (i32.const 1)) (i32.const 65536)) (global.get $n))
    (global.get $n))
  (func (export "sum") (result f64)
    (f64.add (global.get $half) (f64.add (f64.convert_i64_s (global.get $big))
      (f64.convert_i32_s (i32.add (i32.load (i32.const 0)) (i32.load (i32.const 65536))))))))"""
ACTIONS = {
    "count": {"wasmiot:entrypoint": "count", "output": NUMBER, "synchronous": True},
    "sum": {"wasmiot:entrypoint": "sum", "output": {"type": "number"}, "synchronous": True},
}


@pytest.fixture
def start(make_device):
    """Return a function that starts a device with a counter."""

    def start(wat=COUNTER, is_stateful=True, **settings):
        device = make_device(**settings)
        response = device.put("d", wat, is_stateful=is_stateful, actions=ACTIONS)
        assert response.status_code == 201, response.text
        return device

    return start


def call(device, action="count"):
    """Invoke an action."""
    return device.client.post(f"/deployments/d/actions/{action}").json


def changed(archive, name="state.json", **members):
    """Return an archive whose index has other members in its one module."""
    with zipfile.ZipFile(io.BytesIO(archive)) as old:
        files = {n: old.read(n) for n in old.namelist()}
    index = json.loads(files["state.json"])
    index["modules"][0] |= members
    files["state.json"] = json.dumps(index).encode()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for each, content in files.items():
            new.writestr(each, content)
    return made.getvalue()


def test_counter_moves(start):
    """A counter goes on where it was, on another device: memory that has grown, and globals."""
    here, there = start(), start()
    for expected in (8, 9, 10):
        assert call(here) == expected
    answer = here.client.get(URL)
    assert (answer.status_code, answer.content_type) == (200, "application/zip")
    assert there.client.put(URL, data=answer.data).status_code == 204
    assert call(there, "sum") == call(here, "sum")
    assert (call(there), call(here)) == (11, 11)


def test_state_before_the_first_call(start):
    """What has not run yet keeps nothing: who gets that begins anew."""
    here, there = start(), start()
    assert call(there) == 8
    assert there.client.put(URL, data=here.client.get(URL).data).status_code == 204
    assert call(there) == 8


def test_state_of_another_module(start):
    """The state of another binary is refused, and nothing changes."""
    here = start(COUNTER.replace("(i32.const 7)", "(i32.const 70)"))
    there = start()
    assert [call(here), call(there)] == [71, 8]
    response = there.client.put(URL, data=here.client.get(URL).data)
    assert (response.status_code, "sha256:" in response.json["detail"]) == (409, True)
    assert call(there) == 9


def test_state_without_room(start):
    """A memory that a call may not have here is refused, and nothing changes."""
    here, there = start(), start(memory_bytes=65536)
    for _ in range(3):
        call(here)
    assert call(there) == 8
    response = there.client.put(URL, data=here.client.get(URL).data)
    assert response.status_code == 409
    assert call(there) == 9


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"globals": {}}, 409),
        ({"globals": {"x": ["i32", "00000000"]}}, 409),
        ({"globals": 5}, 400),
        ({"memory": "memory-9"}, 400),
        ({"memory": None}, 409),
        ({"digest": "sha256:0"}, 409),
    ],
)
def test_state_that_is_damaged(start, members, code):
    """A state that is not what a module keeps is refused, and nothing changes."""
    device = start()
    assert call(device) == 8
    archive = changed(device.client.get(URL).data, **members)
    assert device.client.put(URL, data=archive).status_code == code
    assert call(device) == 9


def test_state_by_its_media_type(start):
    """What is called anything but an archive, or bytes, is refused, and nothing changes."""
    here, there = start(), start()
    assert [call(here), call(here), call(there)] == [8, 9, 8]
    content = here.client.get(URL).data
    response = there.client.put(URL, data=content, content_type="text/plain")
    assert (response.status_code, response.content_type) == (415, "application/problem+json")
    assert "application/zip" in response.json["detail"]
    assert call(there) == 9
    for taken in ("application/zip", "application/octet-stream"):
        assert there.client.put(URL, data=content, content_type=taken).status_code == 204
    assert call(there) == 10


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"\0" * 100])
def test_what_is_no_state(start, content):
    """Bytes that are no archive are refused."""
    assert start().client.put(URL, data=content).status_code == 400


def test_archive_that_was_cut(start):
    """An archive that lacks a part, or has another byte in it, is refused."""
    device = start()
    call(device)
    whole = device.client.get(URL).data
    place = whole.index(b"memory-0") + 12
    spoilt = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
    for archive in (whole[:-10], spoilt):
        assert device.client.put(URL, data=archive).status_code == 400


@pytest.mark.parametrize("method", ["get", "put"])
def test_nothing_is_kept(start, method):
    """An installation whose modules keep nothing has no state."""
    device = start(is_stateful=False)
    assert getattr(device.client, method)(URL).status_code == 404


def test_global_that_is_no_number(start):
    """A module that keeps a reference says so, instead of losing it."""
    wat = """(module (global $r (mut funcref) (ref.null func))
      (func (export "count") (result i32) (i32.const 1))
      (func (export "sum") (result f64) (f64.const 1)))"""
    device = start(wat)
    call(device)
    response = device.client.get(URL)
    assert (response.status_code, "funcref" in response.json["detail"]) == (409, True)


@pytest.mark.parametrize(
    "wat",
    [
        "(module)",
        "(module (memory 1))",
        "(module (global i32 (i32.const 1)) (global (mut i32) (global.get 0)) (func) (start 0))",
        '(module (import "m" "f" (func)) (memory (export "memory") 1) (data (i32.const 0) "x"))',
        "(module (global (mut f32) (f32.const 1)) (table 1 funcref) (elem (i32.const 0) 0) (func))",
        "(module (global (mut i64) (i64.add (i64.const -1) (i64.const 200000))))",
        "(module (global (mut v128) (v128.const i32x4 1 2 3 4)))",
    ],
)
def test_exports_are_added(wat):
    """Whatever a module is made of, it stays valid, and is otherwise as it was."""
    binary = bytes(wasmtime.wat2wasm(wat))
    changed_ = with_state_exported(binary)
    before, after = (wasmtime.Module(wasmtime.Engine(), b) for b in (binary, changed_))
    added = [e.name for e in after.exports if e.name.startswith(PREFIX)]
    assert [e.name for e in before.exports] + added == [e.name for e in after.exports]
    is_known = "v128" not in wat and wat != "(module)"
    assert bool(added) == is_known


@pytest.mark.parametrize("cut", [9, 12, 20])
def test_module_that_is_cut_off(cut):
    """What cannot be read is left to the engine to refuse."""
    binary = bytes(wasmtime.wat2wasm(COUNTER))[:cut]
    assert with_state_exported(binary) == binary


def test_a_call_with_a_key_runs_once(start):
    """Also one that is answered with its output, which is the same as often as it is asked."""
    device = start()
    keyed = {"headers": {"Idempotency-Key": "k1"}}
    url = "/deployments/d/actions/count"
    answers = [device.client.post(url, **keyed) for _ in range(3)]
    assert [(a.status_code, a.json) for a in answers] == [(200, 8)] * 3
    assert call(device) == 9
    assert device.client.post(url, headers={"Idempotency-Key": "k2"}).json == 10


def test_a_call_with_a_key_fails_once(start):
    """What came of it is told again as it was told first."""
    wat = """(module (global $n (mut i32) (i32.const 0))
      (func (export "count") (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1)))
        (if (i32.eq (global.get $n) (i32.const 1)) (then unreachable)) (global.get $n))
      (func (export "sum") (result f64) (f64.const 1)))"""
    device = start(wat)
    url, keyed = "/deployments/d/actions/count", {"Idempotency-Key": "k1"}
    answers = [device.client.post(url, headers=keyed) for _ in range(2)]
    assert [a.status_code for a in answers] == [500, 500]
    assert [a.json["trap"] for a in answers] == ["unreachable"] * 2
    assert {a.content_type for a in answers} == {"application/problem+json"}


@pytest.mark.parametrize(
    ("kept", "kind"),
    [
        ("(global $v (mut v128) (v128.const i32x4 1 2 3 4))", "v128"),
        ("(global $v (mut i31ref) (ref.null i31))", "i31ref"),
        ("(type $s (struct)) (global $v (mut (ref null $s)) (ref.null $s))", "(ref null 0)"),
        ("(type $s (struct)) (global $v (ref $s) (struct.new $s))", "(ref 0)"),
        ("(global $v (mut funcref) (ref.null func))", "funcref"),
    ],
)
def test_state_of_other_types_is_refused(start, kept, kind):
    """What cannot be carried is not left out: it is not taken, and nothing takes its place."""
    device = start(COUNTER.replace("(memory 1 4)", f"{kept} (memory 1 4)"))
    assert call(device) == 8
    response = device.client.get(URL)
    assert (response.status_code, f"a global of type {kind}" in response.text) == (409, True)
    other = changed(state_of_counter(start), digest=digest_of(device))
    assert device.client.put(URL, data=other).status_code == 409
    assert call(device) == 9


def state_of_counter(start):
    """Return the state of a counter of numbers."""
    other = start()
    call(other)
    return other.client.get(URL).data


def digest_of(device):
    """Return the digest of the module."""
    return device.client.get("/deployments/d/td").json["wasmiot:module"][0]["digest"]


def test_constants_of_other_types_are_no_state(start):
    """A constant vector, or number by reference, is no state: the counter beside it moves."""
    wat = COUNTER.replace(
        "(memory 1 4)",
        """(global v128 (v128.const i32x4 1 2 3 4)) (global i31ref (ref.i31 (i32.const 5)))
        (memory 1 4)""",
    )
    here, there = start(wat), start(wat)
    assert (call(here), call(here)) == (8, 9)
    assert there.client.put(URL, data=here.client.get(URL).data).status_code == 204
    assert call(there) == 10


def test_names_of_the_state_that_a_module_has_itself(start):
    """A module whose own exports have the names by which state is taken keeps what it has."""
    own = f'(global (export "{PREFIX}global_0") v128 (v128.const i32x4 1 2 3 4))'
    device = start(COUNTER.replace("(memory 1 4)", f"(memory 1 4) {own}"))
    assert call(device) == 8
    assert device.client.get(URL).status_code == 409
    assert call(device) == 9
