"""Files of a call: mounts at their stages, one directory for each call, no way out of it."""

import io

import pytest
from file_modules import ANY, IMAGE, LENGTH_OF_MODEL, WASI, mount

COPY = f"""(module {WASI}
  (data (i32.const 100) "in.bin") (data (i32.const 200) "out.bin")
  (func (export "copy") (local $length i32)
    (if (call $path (i32.const 100) (i32.const 6) (i32.const 0)) (then unreachable))
    (local.set $length (call $read))
    (if (call $path (i32.const 200) (i32.const 7) (i32.const 1)) (then unreachable))
    (call $write (local.get $length))))"""
ESCAPE = f"""(module {WASI}
  (data (i32.const 100) "../../secret") (data (i32.const 200) "/etc/passwd")
  (func (export "up") (result i32)
    (call $path (i32.const 100) (i32.const 12) (i32.const 0)))
  (func (export "absolute") (result i32)
    (call $path (i32.const 200) (i32.const 11) (i32.const 0))))"""
LINK = """(module
  (import "wasi_snapshot_preview1" "path_symlink"
    (func $symlink (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 100) "../../secret") (data (i32.const 200) "out.bin")
  (func (export "link")
    (drop (call $symlink (i32.const 100) (i32.const 12) (i32.const 3)
      (i32.const 200) (i32.const 7)))))"""
WAYS_BY_LINKS = f"""(module
  (import "wasi_snapshot_preview1" "path_symlink"
    (func $symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_link"
    (func $link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename"
    (func $rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  {WASI}
  (data (i32.const 100) "../../secret") (data (i32.const 200) "here")
  (data (i32.const 300) "/etc/passwd") (data (i32.const 400) "in.bin")
  (func $followed (result i32)
    (call $open (i32.const 3) (i32.const 1) (i32.const 200) (i32.const 4) (i32.const 0)
      (i64.const 2) (i64.const 2) (i32.const 0) (i32.const 8)))
  (func (export "symbolic") (result i32)
    (drop (call $symlink (i32.const 100) (i32.const 12) (i32.const 3)
      (i32.const 200) (i32.const 4)))
    (call $followed))
  (func (export "absolute") (result i32)
    (drop (call $symlink (i32.const 300) (i32.const 11) (i32.const 3)
      (i32.const 200) (i32.const 4)))
    (call $followed))
  (func (export "hard") (result i32)
    (drop (call $link (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 12)
      (i32.const 3) (i32.const 200) (i32.const 4)))
    (call $followed))
  (func (export "inside") (result i32)
    (drop (call $symlink (i32.const 400) (i32.const 6) (i32.const 3)
      (i32.const 200) (i32.const 4)))
    (call $followed))
  (func (export "moved") (result i32)
    (call $rename (i32.const 3) (i32.const 400) (i32.const 6)
      (i32.const 3) (i32.const 100) (i32.const 12))))"""
FLOOD = f"""(module {WASI}
  (data (i32.const 200) "out.bin")
  (func (export "flood")
    (if (call $path (i32.const 200) (i32.const 7) (i32.const 1)) (then unreachable))
    (loop (call $write (i32.const 60000)) br 0)))"""
HIDDEN_FLOOD = f"""(module
  (import "wasi_snapshot_preview1" "path_unlink_file"
    (func $unlink (param i32 i32 i32) (result i32)))
  {WASI}
  (data (i32.const 200) "out.bin")
  (func (export "flood")
    (if (call $path (i32.const 200) (i32.const 7) (i32.const 1)) (then unreachable))
    (if (call $unlink (i32.const 3) (i32.const 200) (i32.const 7)) (then unreachable))
    (loop (call $write (i32.const 60000)) br 0)))"""
HOARD = f"""(module {WASI}
  (data (i32.const 200) "out.bin")
  (func (export "hoard")
    (loop (drop (call $path (i32.const 200) (i32.const 7) (i32.const 1))) br 0)))"""

COPY_ACTION = {
    "wasmiot:entrypoint": "copy",
    "wasmiot:mount": [mount("in.bin", "execution"), mount("out.bin", "output")],
    "input": {"type": "string", "contentMediaType": IMAGE},
    "output": {"type": "string", "contentMediaType": IMAGE},
}


def test_file_in_file_out(device):
    """The body becomes the input file, and the output file is fetched at `outputUrl`."""
    device.put("files", COPY, actions={"copy": COPY_ACTION})
    status = device.invoke("files", "copy", data=b"P5 picture", content_type=IMAGE)
    assert (status["status"], "output" in status) == ("completed", False)
    output = device.client.get(status["outputUrl"])
    assert (output.data, output.content_type) == (b"P5 picture", IMAGE)


def test_synchronous_file(device):
    """A synchronous action answers with the file itself."""
    device.put("files", COPY, actions={"copy": {**COPY_ACTION, "synchronous": True}})
    url = "/deployments/files/actions/copy"
    response = device.client.post(url, data=b"P5", content_type=IMAGE)
    assert (response.status_code, response.data, response.content_type) == (200, b"P5", IMAGE)


def test_empty_file(device):
    """It is a file like another; where nothing was sent at all, one is missing."""
    device.put("files", COPY, actions={"copy": {**COPY_ACTION, "synchronous": True}})
    url = "/deployments/files/actions/copy"
    response = device.client.post(url, content_type=IMAGE)
    assert (response.status_code, response.data) == (200, b"")
    response = device.client.post(url)
    assert (response.status_code, response.json["title"]) == (400, "Input missing")


def test_multipart(device):
    """A part of a form goes to the mount that has its name."""
    device.put("files", COPY, actions={"copy": COPY_ACTION})
    status = device.invoke("files", "copy", data={"in.bin": (io.BytesIO(b"form"), "x.pgm", IMAGE)})
    assert device.client.get(status["outputUrl"]).data == b"form"


@pytest.mark.parametrize(
    ("content", "content_type", "code"), [(b"", "", 400), (b"x", "text/plain", 415)]
)
def test_wrong_file(device, content, content_type, code):
    """A missing body or one of another media type is refused."""
    device.put("files", COPY, actions={"copy": COPY_ACTION})
    url = "/deployments/files/actions/copy"
    assert device.client.post(url, data=content, content_type=content_type).status_code == code


def test_missing_output(device):
    """A function that leaves no required output file has failed."""
    action = {**COPY_ACTION, "wasmiot:entrypoint": "f", "wasmiot:mount": [mount("o", "output")]}
    del action["input"]
    device.put("files", '(module (func (export "f")))', actions={"f": action})
    assert device.invoke("files", "f")["error"]["trap"] == "files"


def test_deployment_file_is_the_same_for_every_call(device):
    """What a guest writes into a file of the deployment does not reach the next call."""
    digest = device.place(b"weights")
    action = {
        "wasmiot:entrypoint": "spoil",
        "wasmiot:mount": [mount("model.bin", "deployment", ANY)],
        "wasmiot:dataFile": [{"path": "model.bin", "digest": digest}],
        "output": {"type": "integer"},
    }
    assert device.put("model", LENGTH_OF_MODEL, actions={"spoil": action}).status_code == 201
    assert [device.invoke("model", "spoil")["output"] for _ in range(2)] == [7, 7]


@pytest.fixture
def secret(device):
    """A file two folders above the directory of a call, to which the guests here try to get."""
    file = device.settings.data_dir / "calls" / "secret"
    file.write_bytes(b"secret")
    return file


@pytest.mark.parametrize(
    ("wat", "way"),
    [
        (ESCAPE, "up"),
        (ESCAPE, "absolute"),
        *((WAYS_BY_LINKS, way) for way in ("symbolic", "absolute", "hard", "moved")),
    ],
    ids=["up", "absolute", "symbolic link", "absolute link", "hard link", "moved"],
)
@pytest.mark.parametrize("is_stateful", [False, True], ids=["fresh", "kept"])
def test_no_way_out(device, secret, wat, way, is_stateful):
    """No parent directory, absolute path, link, or new name leads out of the directory."""
    assert tried(device, wat, way, is_stateful) != 0
    assert secret.read_bytes() == b"secret"


def test_a_link_inside_is_followed(device):
    """A link to a file of the call is one: what is refused above is not links as such."""
    assert tried(device, WAYS_BY_LINKS, "inside", is_stateful=False) == 0


def tried(device, wat, way, is_stateful):
    """Return the error number with which a guest's way ended, 0 if it led there."""
    action = {
        "wasmiot:entrypoint": way,
        "wasmiot:mount": [mount("in.bin", "execution", ANY)],
        "input": {"type": "string", "contentMediaType": ANY},
        "output": {"type": "integer"},
    }
    device.put("escape", wat, is_stateful=is_stateful, actions={"try": action})
    return device.invoke("escape", "try", data=b"x", content_type=ANY)["output"]


@pytest.mark.usefixtures("secret")
def test_link_is_no_output(device):
    """A symbolic link that a guest leaves as its output is not followed."""
    action = {"wasmiot:entrypoint": "link", "wasmiot:mount": [mount("out.bin", "output")]}
    device.put("link", LINK, actions={"link": action})
    assert device.invoke("link", "link")["error"]["trap"] == "files"


@pytest.mark.parametrize("wat", [FLOOD, HIDDEN_FLOOD], ids=["file", "removed file"])
@pytest.mark.parametrize("is_stateful", [False, True], ids=["fresh", "kept"])
def test_flood(make_device, wat, is_stateful):
    """A module that writes without end is stopped at its limit, also if the file has no name."""
    device = make_device(call_files_bytes=1024 * 1024, call_seconds=5)
    action = {"wasmiot:entrypoint": "flood", "wasmiot:mount": [mount("out.bin", "output")]}
    device.put("flood", wat, is_stateful=is_stateful, actions={"flood": action})
    assert device.invoke("flood", "flood")["error"]["trap"] == "files"


def test_open_files(device):
    """A module that opens files without end is stopped before it has taken all of the process."""
    action = {"wasmiot:entrypoint": "hoard", "wasmiot:mount": [mount("out.bin", "output")]}
    device.put("hoard", HOARD, actions={"hoard": action})
    assert device.invoke("hoard", "hoard")["error"]["trap"] == "files"


OPENER = f"""(module (import "sys" "delay" (func $delay (param i32))) {WASI}
  (data (i32.const 200) "out.bin")
  (func (export "open") (param $count i32) (param $milliseconds i32) (result i32)
    (loop
      (drop (call $path (i32.const 200) (i32.const 7) (i32.const 1)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br_if 0 (local.get $count)))
    (call $delay (local.get $milliseconds))
    (i32.const 1)))"""


@pytest.mark.parametrize(("count", "wait", "status"), [(3, 0, "completed"), (9, 60_000, "failed")])
def test_open_files_of_a_module(device, count, wait, status):
    """A module has as many files open as its description allows; one more ends the call."""
    number = {"type": "integer"}
    action = {"wasmiot:entrypoint": "open", "wasmiot:mount": [mount("x/out.bin", "execution")]}
    action["wasmiot:mount"][0]["required"] = False
    members = {"type": "object", "properties": {"count": number, "wait": number}}
    action |= {"input": members, "output": number}
    device.put("opener", OPENER, limits={"openFiles": 4}, actions={"open": action})
    ended = device.invoke("opener", "open", json={"count": count, "wait": wait})
    assert ended["status"] == status
    assert status == "completed" or "files open, the limit is 4" in ended["error"]["detail"]


@pytest.mark.parametrize("limits", [{"fileBytes": 100_000}, {"outputBytes": 100_000}])
def test_files_of_a_module(device, limits):
    """What a module's description allows for files and for the output is what it gets."""
    action = {"f": {**COPY_ACTION, "wasmiot:entrypoint": "copy"}}
    device.put("a", COPY, limits={**limits}, actions=action)
    small = device.invoke("a", "f", data=b"x" * 4096, content_type=ANY)
    assert small["status"] == "completed"
    device.put("b", COPY, limits=dict.fromkeys(limits, 2000), actions=action)
    large = device.invoke("b", "f", data=b"x" * 4096, content_type=ANY)
    assert large["error"]["trap"] in ("files", "output")


def test_nothing_is_left(device):
    """The directory of a call is gone after it."""
    device.put("files", COPY, actions={"copy": COPY_ACTION})
    device.invoke("files", "copy", data=b"P5 picture", content_type=IMAGE)
    assert list((device.settings.data_dir / "calls").iterdir()) == []


@pytest.mark.parametrize("path", ["../x", "a/../../x", "", "."])
def test_mount_outside(device, path):
    """A TD whose mount leads out of the directory is refused, and nothing of it is kept."""
    action = {**COPY_ACTION, "wasmiot:mount": [mount(path, "execution")]}
    assert device.put("files", COPY, actions={"copy": action}).status_code == 422
    assert device.client.get("/deployments").json == []
    assert list((device.settings.data_dir / "installations").iterdir()) == []
