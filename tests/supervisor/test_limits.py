"""Modules that misbehave: each ends as a failed call with a name, and the supervisor serves on."""

import queue
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import wasmtime

from supervisor_app.call import Call, Limits

MISBEHAVIOUR = {
    "unreachable": '(func (export "f") unreachable)',
    "stack-overflow": '(func $f (export "f") call $f)',
    "integer-division-by-zero": """(func (export "f")
      (drop (i32.div_s (i32.const 1) (i32.const 0))))""",
    "memory-out-of-bounds": '(memory 1) (func (export "f") (drop (i32.load (i32.const -1))))',
    "interrupt": '(func (export "f") (loop br 0))',
}
MEMORY_BOMB = """(module (memory 1) (func (export "f")
  (loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable))"""
WIDE = '(module (table 60000 funcref) (func (export "f")))'
MANY_TABLES = f'(module {"(table 2000 funcref)" * 40} (func (export "f")))'
GREEDY = '(module (memory 64) (func (export "f")))'
SLEEPER = """(module (import "sys" "delay" (func $delay (param i32)))
  (func (export "f") (call $delay (i32.const 3600000))))"""
WASI_SLEEPER = """(module
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "f")
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const 3600000000000))
    (drop (call $poll (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 200)))))"""
EXITING = """(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "f") (call $exit (i32.const 7))))"""
ACTION = {"f": {"wasmiot:entrypoint": "f"}}


def failure_of(device, wat, **request):
    """Install a module, invoke its function, and return the problem of its failure."""
    response = device.put("bad", wat, actions=ACTION)
    assert response.status_code == 201, response.text
    status = device.invoke("bad", "f", **request)
    assert (status["status"], "output" in status) == ("failed", False)
    return status["error"]


@pytest.mark.parametrize("trap", MISBEHAVIOUR)
def test_trap(make_device, trap):
    """A trap ends as a failed status with the trap's name, and the next call is served."""
    device = make_device(call_seconds=0.2, slots=1)
    assert failure_of(device, f"(module {MISBEHAVIOUR[trap]})")["trap"] == trap
    device.put("good", '(module (func (export "f")))', actions=ACTION)
    assert device.invoke("good", "f")["status"] == "completed"


def test_endless_start(make_device):
    """A module that loops when an instance of it is made is stopped as any other."""
    device = make_device(call_seconds=0.2, slots=1)
    wat = '(module (func $loop (loop br 0)) (start $loop) (func (export "f")))'
    assert failure_of(device, wat)["trap"] == "interrupt"


def test_memory_bomb(make_device):
    """A module that grows its memory without end is held at the limit."""
    device = make_device(memory_bytes=4 * 1024 * 1024)
    assert failure_of(device, MEMORY_BOMB)["trap"] == "unreachable"


def test_memory_from_the_start(make_device):
    """A module that begins with more memory than a call may use fails by that name."""
    device = make_device(memory_bytes=1024 * 1024)
    assert failure_of(device, GREEDY)["trap"] == "memory"


@pytest.mark.parametrize("wat", [WIDE, MANY_TABLES], ids=["one", "many"])
def test_tables_from_the_start(make_device, wat):
    """A module that begins with more table elements than a call may have fails by that name."""
    device = make_device(call_table_elements=50_000)
    assert failure_of(device, wat)["trap"] == "table"


@pytest.mark.parametrize("wat", [SLEEPER, WASI_SLEEPER], ids=["sys.delay", "wasi"])
def test_sleeper(make_device, wat):
    """A module that sleeps is woken and ended at its deadline."""
    device = make_device(call_seconds=0.2)
    assert failure_of(device, wat)["trap"] == "interrupt"


def test_exit(device):
    """A module that ends its process ends its call."""
    problem = failure_of(device, EXITING)
    assert (problem["trap"], "exit code 7" in problem["detail"]) == ("exit", True)


def test_synchronous_failure(device):
    """A synchronous action that traps answers with problem details."""
    action = {"f": {"wasmiot:entrypoint": "f", "synchronous": True}}
    device.put("bad", '(module (func (export "f") unreachable))', actions=action)
    response = device.client.post("/deployments/bad/actions/f")
    assert (response.status_code, response.json["trap"]) == (500, "unreachable")


def test_cancel(device):
    """DELETE interrupts a running call."""
    device.put("bad", '(module (func (export "f") (loop br 0)))', actions=ACTION)
    href = device.client.post("/deployments/bad/actions/f").json["href"]
    assert device.client.delete(href).status_code == 204
    assert device.ended(href)["error"]["trap"] == "cancelled"


ENDLESS = """(module (func (export "loop") (loop br 0))
  (func (export "forward") (result i32) (i32.const 7))
  (func (export "around") (result i32) (local i32)
    (loop (local.set 0 (i32.add (local.get 0) (i32.const 1)))
      (br_if 0 (i32.lt_s (local.get 0) (i32.const 7)))) (local.get 0)))"""


@pytest.mark.parametrize("is_kept", [False, True], ids=["fresh", "kept"])
def test_a_slow_call_holds_up_no_other(make_device, is_kept):
    """While functions run without end, others answer: of any other module, and fresh ones."""
    device = make_device(slots=3, call_seconds=120)
    output = {"synchronous": True, "output": {"type": "integer"}}
    actions = {"loop": {"wasmiot:entrypoint": "loop"}}
    actions |= {name: {"wasmiot:entrypoint": name, **output} for name in ("forward", "around")}
    digest = device.place(wasmtime.wat2wasm(ENDLESS))
    for slug, stateful in (("slow", is_kept), ("fresh", False), ("kept", True)):
        module = {"id": f"urn:{slug}", "name": slug, "digest": digest, "stateful": stateful}
        document = {"title": slug, "wasmiot:module": [module], "actions": actions}
        assert device.client.put(f"/deployments/{slug}", json=document).status_code == 201
    hrefs = [device.client.post("/deployments/slow/actions/loop").json["href"] for _ in "ab"]
    while device.client.get(hrefs[0]).json["status"] != "running":
        time.sleep(0.01)
    for slug in ("fresh", "kept") if is_kept else ("fresh", "kept", "slow"):
        for name in ("forward", "around"):
            assert device.client.post(f"/deployments/{slug}/actions/{name}").json == 7
    assert device.client.get(hrefs[0]).json["status"] == "running"
    assert [device.client.delete(href).status_code for href in hrefs] == [204, 204]


SAYS_AND_STAYS = """(module (import "sys" "printInt" (func $say (param i32)))
  (func (export "f") (call $say (i32.const 7)) (loop br 0)))"""


def test_two_run_at_once(make_device, caplog):
    """With two slots, two calls have begun while neither has ended."""
    caplog.set_level("INFO")
    device = make_device(slots=2, call_seconds=20)
    device.put("bad", SAYS_AND_STAYS, actions=ACTION)
    hrefs = [device.client.post("/deployments/bad/actions/f").json["href"] for _ in range(2)]
    while caplog.messages.count("guest_print number=7") < 2:
        assert device.client.get(hrefs[0]).json["status"] != "failed"
        time.sleep(0.01)
    assert [device.client.get(href).json["status"] for href in hrefs] == ["running"] * 2
    assert [device.client.delete(href).status_code for href in hrefs] == [204, 204]


class LateQueue(queue.Queue):
    """One whose taker is held up as soon as it has taken something."""

    def get(self, *arguments, **options):
        """Return what comes next, late: another call comes before anybody is told."""
        found = super().get(*arguments, **options)
        time.sleep(0.3)
        return found


def test_who_has_been_given_a_call_takes_no_other(make_device, caplog, monkeypatch):
    """A call that comes while a worker is about to begin another one does not wait for its end."""
    with monkeypatch.context() as late:
        late.setattr("supervisor_app.invocation.queue.Queue", LateQueue)
        device = make_device(slots=2, call_seconds=20)
    test_two_run_at_once(lambda **_: device, caplog)


def test_bounded_queue(make_device):
    """When too many calls wait the next is refused with 503 and when to come back."""
    device = make_device(workers=1, queue_length=1)
    device.put("bad", '(module (func (export "f") (loop br 0)))', actions=ACTION)
    responses = [device.client.post("/deployments/bad/actions/f") for _ in range(4)]
    refused = [r for r in responses if r.status_code == 503]
    assert refused
    assert all("Retry-After" in r.headers for r in refused)


def test_waiting_is_not_running():
    """A call that waits for its turn is not stopped for taking too long."""
    call = Call(Limits(seconds=1, memory_bytes=1, files_bytes=1))
    call.check(now=1e9)
    assert call.failure is None


MIXED = """(module
  (import "sys" "print" (func $print (param i32 i32)))
  (memory (export "memory") 1)
  (func (export "fine") (result i32) i32.const 7)
  (func (export "unreachable") (result i32) unreachable)
  (func (export "host") (result i32) (call $print (i32.const -1) (i32.const 9)) (i32.const 1)))"""


def test_calls_at_once_do_not_mix(make_device):
    """Many calls in many threads end each in its own way."""
    device = make_device(slots=4)
    output = {"type": "integer"}
    names = ("fine", "unreachable", "host")
    actions = {n: {"wasmiot:entrypoint": n, "synchronous": True, "output": output} for n in names}
    device.put("mixed", MIXED, actions=actions)
    expected = {"fine": 7, "unreachable": "unreachable", "host": "host-function"}

    def call(name):
        answer = device.app.test_client().post(f"/deployments/mixed/actions/{name}").json
        return name, answer if name == "fine" else answer["trap"]

    with ThreadPoolExecutor(8) as pool:
        outcomes = set(pool.map(call, names * 60))
    assert outcomes == set(expected.items())


GROW = """(module (memory (export "memory") 1) (table 1 funcref)
  (func (export "memory_pages") (result i32) (memory.grow (i32.const 15)))
  (func (export "table_size") (result i32) (table.grow (ref.null func) (i32.const 1000)))
  (func (export "loop") (result i32) (loop br 0) unreachable)
  (func (export "text") (result i32 i32) (i32.const 0) (i32.const 2000)))"""


@pytest.mark.parametrize(
    ("limits", "entrypoint", "outcome"),
    [
        ({}, "memory_pages", 1),
        ({"memoryBytes": 10 * 65536}, "memory_pages", -1),
        ({"memoryBytes": 10**12}, "memory_pages", 1),
        ({}, "table_size", 1),
        ({"tableElements": 100}, "table_size", -1),
        ({"wallSeconds": 0.2}, "loop", "interrupt"),
        ({"outputBytes": 1000}, "text", "output"),
    ],
)
def test_limits_of_a_module(device, limits, entrypoint, outcome):
    """A module has the limits that its description asks for, capped by the device's own."""
    kind = "string" if entrypoint == "text" else "integer"
    action = {"wasmiot:entrypoint": entrypoint, "synchronous": True, "output": {"type": kind}}
    response = device.put("a", GROW, limits=limits, actions={"f": action})
    assert response.status_code == 201, response.text
    answer = device.client.post("/deployments/a/actions/f").json
    assert (answer["trap"] if isinstance(answer, dict) else answer) == outcome


def test_larger_limits_are_capped(make_device):
    """What a module asks for beyond the device's own limits it does not get."""
    device = make_device(call_seconds=0.2, memory_bytes=10 * 65536)
    limits = {"wallSeconds": 3600, "memoryBytes": 10**9}
    actions = {
        "grow": {"wasmiot:entrypoint": "memory_pages", "output": {"type": "integer"}},
        "loop": {"wasmiot:entrypoint": "loop"},
    }
    device.put("a", GROW, limits=limits, actions=actions)
    assert device.invoke("a", "grow")["output"] == -1
    assert device.invoke("a", "loop")["error"]["trap"] == "interrupt"


def test_limits_that_make_no_sense(device):
    """A limit that is no number, or that nobody knows, is refused with its place."""
    response = device.put("a", GROW, limits={"wallSeconds": -1, "fule": 3}, actions={})
    fields = [e["field"] for e in response.json["validationErrors"]]
    assert response.status_code == 422
    assert [f.rpartition("/")[2] for f in fields] == ["fule", "wallSeconds"]


def test_compiling_has_so_much_memory(make_device):
    """A module that needs more memory to compile than the device gives is refused, others not."""
    device = make_device(compile_memory_bytes=64 * 1024 * 1024)
    large = "(local.set 0 (i32.mul (local.get 0) (i32.const 7)))" * 200_000
    response = device.put("a", f'(module (func (export "f") (local i32) {large}))', actions={})
    assert (response.status_code, "of memory" in response.json["detail"]) == (422, True)
    assert device.put("a", GROW, actions={}).status_code == 201
