"""A supervisor as a real process: started by its command, killed, started again."""

import hashlib
import json
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from datetime import timedelta

import pytest
import requests
import wasmtime

from wasmiot_td.access.join_tokens import make_join_token

TD = """{"@context": "https://www.w3.org/2022/wot/td/v1.1", "title": "Clock",
 "properties": {"answer": {"type": "integer", "forms": [], "wasmiot:entrypoint": "f"}}}"""
COMMAND = (sys.executable, "-m", "supervisor_app", "--port", "0", "--no-announce")
MODULE = '(module (func (export "f") (result i32) i32.const 42))'


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a supervisor and returns it with its address."""
    running = []

    def start_one(*arguments):
        process = subprocess.Popen(
            [*COMMAND, "--data-dir", tmp_path / "data", *arguments],
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        for line in process.stderr:
            if line.startswith("listening on "):
                return process, line.split()[-1]
        raise AssertionError("it ended before it listened")

    yield start_one
    for process in running:
        process.terminate()
        process.wait(timeout=20)
        process.stderr.close()


def test_survives_its_own_death(start, tmp_path):
    """After `kill -9` and a start without any file it serves what it served before."""
    (tmp_path / "td.json").write_text(TD)
    (tmp_path / "m.wasm").write_bytes(wasmtime.wat2wasm(MODULE))
    process, base = start("--td", tmp_path / "td.json", "--module", tmp_path / "m.wasm")
    path = "deployments/clock/properties/answer"
    assert requests.get(base + path, timeout=10).json() == 42
    device_id = requests.get(f"{base}.well-known/wot", timeout=10).json()["id"]
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    _, base = start()
    assert requests.get(base + path, timeout=10).json() == 42
    assert requests.get(f"{base}.well-known/wot", timeout=10).json()["id"] == device_id


WRITER = """(import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2) (data (i32.const 0) "out") (data (i32.const 20) "\\00\\00\\01")
  (func (export "f")
    (drop (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 3) (i32.const 1)
      (i64.const 66) (i64.const 66) (i32.const 0) (i32.const 8)))
    (i32.store (i32.const 24) (i32.const 65536))
    (loop (drop (call $write (i32.load (i32.const 8)) (i32.const 20) (i32.const 1)
      (i32.const 12))) br 0))"""
HARMFUL = {
    "interrupt": '(func (export "f") (loop br 0))',
    "memory": '(memory 2000) (func (export "f"))',
    "unreachable": """(memory 1) (func (export "f")
      (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable)""",
    "stack-overflow": '(func $f (export "f") call $f)',
    "memory-out-of-bounds": '(memory 1) (func (export "f") (drop (i32.load (i32.const -1))))',
    "files": WRITER,
}


def test_harmful_modules_together(start, tmp_path):
    """All that wants to harm runs at once; each ends by its name, and everything else goes on."""
    process, base = start("--call-seconds", "4", "--td", *_files(tmp_path))
    packages, hrefs = tmp_path / "data" / "packages", {}
    for name, body in HARMFUL.items():
        binary = wasmtime.wat2wasm(f"(module {body})")
        digits = hashlib.sha256(binary).hexdigest()
        (packages / digits).write_bytes(binary)
        module = {"id": "urn:m", "name": "m", "digest": f"sha256:{digits}"}
        module["limits"] = {"fileBytes": 20_000_000}
        mount = {"path": "out", "stage": "output", "mediaType": "x/y", "required": False}
        action = {"wasmiot:entrypoint": "f", "wasmiot:mount": [mount]}
        document = {"title": name, "wasmiot:module": [module], "actions": {"f": action}}
        response = requests.put(f"{base}deployments/{name}", json=document, timeout=60)
        assert response.status_code == 201, response.text
    for name in HARMFUL:
        url = f"{base}deployments/{name}/actions/f"
        hrefs[name] = requests.post(url, timeout=10).json()["href"]
    ended = {name: _ended(href) for name, href in hrefs.items()}
    assert {name: s["error"]["trap"] for name, s in ended.items()} == {n: n for n in hrefs}
    assert requests.get(f"{base}deployments/clock/properties/answer", timeout=10).json() == 42
    assert list((tmp_path / "data" / "calls").iterdir()) == []
    assert process.poll() is None


def _files(tmp_path):
    (tmp_path / "td.json").write_text(TD)
    (tmp_path / "m.wasm").write_bytes(wasmtime.wat2wasm(MODULE))
    return tmp_path / "td.json", "--module", tmp_path / "m.wasm"


def _ended(href):
    while "timeEnded" not in (status := requests.get(href, timeout=10).json()):
        time.sleep(0.05)
    return status


def test_trigger_survives_it(start, tmp_path):
    """After `kill -9` a trigger starts its composition again, on the same multiples, unasked."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    (tmp_path / "m.wasm").write_bytes(wasmtime.wat2wasm(MODULE))
    thing = f"http://127.0.0.1:{port}/deployments/beat/td"
    document = {
        "@context": json.loads(TD)["@context"],
        "title": "Beat",
        "actions": {"beat": {"wasmiot:entrypoint": "f", "output": {"type": "integer"}}},
        "wasmiot:trigger": {"every": "PT0.2S", "feeds": [{"thing": thing, "affordance": "beat"}]},
    }
    document["@context"] = [document["@context"], "https://wetware.fi/2023/wasmiot/v1.0"]
    (tmp_path / "td.json").write_text(json.dumps(document))
    files = ("--td", tmp_path / "td.json", "--module", tmp_path / "m.wasm")
    process, base = start(*files, "--port", port)
    until_more_than(1, base)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    _, base = start("--port", port)
    until_more_than(len(beats(base)), base)
    triggers = f"{base}deployments/beat/properties/triggers"
    while not requests.get(triggers, timeout=10).json()["fired"]:  # counted when it has begun
        time.sleep(0.05)


def beats(base):
    """Return the invocations that have ended well."""
    statuses = requests.get(f"{base}deployments/beat/actions", timeout=10).json()["beat"]
    return [s for s in statuses if s.get("output") == 42]


def until_more_than(count, base):
    """Wait until there are more of them."""
    while len(beats(base)) <= count:
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_waits_for_another_part_waits_on(start, tmp_path, number):
    """Half of an input that was taken before the device went down is there for the other half."""
    members = {name: {"type": "integer"} for name in ("left", "right")}
    sent = [{"id": f"urn:{name}", "step": name, "input": name} for name in members]
    document = {
        "@context": [json.loads(TD)["@context"], "https://wetware.fi/2023/wasmiot/v1.0"],
        "title": "Join",
        "actions": {
            "sum": {
                "wasmiot:entrypoint": "sum",
                "input": {"type": "object", "properties": members},
                "output": {"type": "integer"},
                "wasmiot:dependsOn": sent,
            }
        },
    }
    wat = """(module (func (export "sum") (param i32 i32) (result i32)
      (i32.add (local.get 0) (local.get 1))))"""
    (tmp_path / "td.json").write_text(json.dumps(document))
    (tmp_path / "m.wasm").write_bytes(wasmtime.wat2wasm(wat))
    process, base = start("--td", tmp_path / "td.json", "--module", tmp_path / "m.wasm")
    taken = send_part(base, "left", 40)
    assert taken["status"] == "pending"
    process.send_signal(number)
    process.wait(timeout=20)
    _, base = start()
    ended = send_part(base, "right", 2, Prefer="wait=20")
    assert (ended["output"], ended["timeRequested"]) == (42, taken["timeRequested"])


def send_part(base, name, value, **headers):
    """Send one member of the input, and return the status of the invocation."""
    headers |= {"Wasmiot-Input": name, "Idempotency-Key": '"one"'}
    url = f"{base}deployments/join/actions/sum"
    return requests.post(url, json=value, headers=headers, timeout=30).json()


def test_stops_when_asked(start):
    """SIGTERM ends it with the exit code 0."""
    process, _ = start()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0


def test_bad_document(tmp_path):
    """A TD that is no JSON ends the command with a line about it, and an exit code."""
    (tmp_path / "td.json").write_text('{"title": ')
    done = subprocess.run(
        [*COMMAND, "--data-dir", tmp_path / "data", "--td", tmp_path / "td.json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "line 1" in done.stderr
    assert "Traceback" not in done.stderr


def test_data_in_use(start, tmp_path):
    """A second supervisor over the same data is refused, and leaves the first alone."""
    start()
    done = subprocess.run(
        [*COMMAND, "--data-dir", tmp_path / "data"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "in use" in done.stderr) == (1, True)


def test_idle_device_is_small():
    """What serves has no checkers of graphs, no graph library and no cryptography in memory."""
    program = "import sys, supervisor_app.process, supervisor_app.lifespan; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "supervisor_app" in loaded
    assert not loaded & {"rdflib", "pyshacl", "pyshifty", "pyld", "pyoxigraph", "cryptography"}


def test_command_loads_little():
    """The command line itself has no large library but the server: it answers `--help` at once."""
    program = "import sys, supervisor_app.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "granian" in loaded
    assert not loaded & {"flask", "requests", "pydantic", "wasmtime", "cryptography", "rdflib"}


def test_a_file_that_is_not_there(tmp_path):
    """A TD that cannot be read is named in one line, and the exit code says so."""
    missing = tmp_path / "missing.json"
    command = [*COMMAND, "--data-dir", tmp_path / "data", "--td", missing]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (2, f"error: {missing}: No such file or directory\n")


@pytest.mark.parametrize("accepted", ["text/event-stream", "application/json"])
def test_the_place_of_one_who_has_gone(start, tmp_path, accepted):
    """It is found out that nobody listens any more when another wants to, and not seconds later."""
    td = {**json.loads(TD)}
    td["properties"]["answer"]["observable"] = True
    (tmp_path / "td.json").write_text(json.dumps(td))
    (tmp_path / "m.wasm").write_bytes(wasmtime.wat2wasm(MODULE))
    files = ("--td", tmp_path / "td.json", "--module", tmp_path / "m.wasm")
    _, base = start(*files, "--streams", "1")
    url = f"{base}deployments/clock/properties/answer/changes"

    def listen():
        return requests.get(url, headers={"Accept": "text/event-stream"}, stream=True, timeout=10)

    with suppress(requests.ReadTimeout):  # a poll has no answer before there is something to tell
        requests.get(url, headers={"Accept": accepted}, stream=True, timeout=0.5).close()
    with listen() as stays:
        assert stays.status_code == 200
        assert stays.raw.read(5) == b"retry"
        with listen() as refused:
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")


def test_a_device_that_nobody_let_in(start, tmp_path):
    """It lives and is not ready, and says whom it waits for."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        there = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        token, _ = make_join_token(tmp_path / "access", "device", timedelta(hours=1))
        _, base = start("--directory", there, "--join-token", token)
        answer = requests.get(f"{base}healthz", timeout=10)
        assert (answer.status_code, list(answer.json()["parts"])) == (503, ["orchestrator"])
        assert answer.json()["parts"]["orchestrator"].startswith(f"{there} has not let")
        assert requests.get(f"{base}healthz/ready", timeout=10).status_code == 503
        assert requests.get(f"{base}healthz/live", timeout=10).json() == {"status": "ok"}
