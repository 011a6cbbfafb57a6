"""Modules: upload, description, versions, packages."""

import hashlib
import io
import json
import subprocess
import sys

import pytest
from jsonschema import Draft7Validator

from orchestrator_app.app import create_app
from orchestrator_app.settings import Settings

WASM = "application/wasm"
ADD = """(module (memory (export "memory") 1)
  (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
  (func (export "_initialize")) (func (export "alloc") (param i32) (result i32) i32.const 0))"""
OTHER = ADD.replace("i32.add", "i32.sub")
TWO_NUMBERS = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
}


def description(version="1.0.0", title="adder", **action):
    """Return a Thing Model of the module `ADD`."""
    given = {"wasmiot:entrypoint": "add", "input": TWO_NUMBERS, "output": {"type": "integer"}}
    return {
        "@context": [
            "https://www.w3.org/2022/wot/td/v1.1",
            "https://wetware.fi/2023/wasmiot/v1.0",
        ],
        "@type": ["tm:ThingModel", "wasmiot:Module"],
        "title": title,
        "version": {"model": version},
        "actions": {"add": {**given, **action}},
    }


@pytest.fixture
def upload(client):
    """Return a function that uploads a module as multipart."""

    def post(binary, model=None, **files):
        data = {"binary": (io.BytesIO(binary), "adder.wasm", "application/wasm")}
        if model is not None:
            text = io.BytesIO(json.dumps(model).encode())
            data["description"] = (text, "adder.tm.json", "application/tm+json")
        for path, content in files.items():
            data[path] = (io.BytesIO(content), f"{path}.bin", "application/octet-stream")
        return client.post("/modules", data=data)

    return post


def fetched(client, url):
    """Return the bytes of a package."""
    with client.get(url) as response:
        return response.data


def stored_files(app):
    """Return the names of all files that are kept."""
    root = app.extensions["wasmiot"].settings.data_dir / "packages"
    return {path.name for path in root.rglob("*") if path.is_file()}


def test_a_bare_binary_is_usable_at_once(client, wasm):
    """From the binary alone: a name, actions with their schemas, imports and exports."""
    body = {"data": wasm(ADD), "content_type": "application/wasm"}
    response = client.post("/modules?name=adder", **body)
    assert response.status_code == 201
    assert response.headers["Location"].endswith("/modules/adder:1.0.0")
    assert list(response.json["actions"]) == ["add"]
    assert response.json["actions"]["add"]["input"]["required"] == ["p0", "p1"]
    assert response.json["wasmiot:requiredMemoryBytes"] == 65536


def test_a_given_description_is_completed(client, wasm, upload):
    """What only the binary and the orchestrator know is filled in."""
    model = upload(wasm(ADD), description()).json
    assert model["id"] == "urn:wasmiot:module:adder:1.0.0"
    assert model["wasmiot:digest"] == "sha256:" + hashlib.sha256(wasm(ADD)).hexdigest()
    assert fetched(client, model["wasmiot:binary"]) == wasm(ADD)
    assert client.get("/modules/adder").json == model


def test_every_contradiction_is_listed_and_nothing_kept(app, client, wasm, upload):
    """A missing function, a missing file, a file too many, an unknown import: all at once."""
    text = ADD.replace("(memory", '(import "magic" "wand" (func)) (memory', 1)
    model = description(
        **{
            "wasmiot:entrypoint": "subtract",
            "wasmiot:mount": [{"path": "a.bin", "stage": "deployment", "mediaType": "x/y"}],
        }
    )
    response = upload(wasm(text), model, b=b"bytes")
    fields = {error["field"] for error in response.json["validationErrors"]}
    assert response.status_code == 422
    assert fields == {
        "/actions/add/wasmiot:entrypoint",
        "/actions/add/wasmiot:mount/0",
        "/wasmiot:dataFile",
        "/wasmiot:imports",
    }
    assert (client.get("/modules").json, stored_files(app)) == ([], set())


@pytest.mark.parametrize(
    "given",
    [{"input": {"type": "integer"}}, {"input": {"type": "string"}, "output": None}],
    ids=["one-number-too-few", "text-fits-but-null-does-not"],
)
def test_a_wrong_arity_is_refused(wasm, upload, given):
    """The input must make as many parameters as the function has."""
    assert upload(wasm(ADD), description(**given)).status_code == 422


WITHOUT_ALLOC = """(module (memory (export "memory") 1)
  (func (export "add") (param i32 i32) (result i32) i32.const 0)
  (func (export "get") (result i32) i32.const 0) (func (export "set") (param i32 i32))
  (func (export "take") (param i32 i32)) (func (export "room") (result i32) i32.const 0))"""
TEXT = {"type": "string"}
MEMBERS = {"type": "object", "properties": {"name": TEXT}}


@pytest.mark.parametrize(
    ("kind", "members", "needing"),
    [
        ("actions", {"wasmiot:entrypoint": "add", "input": TEXT}, "the input needs"),
        ("actions", {"wasmiot:entrypoint": "add", "input": MEMBERS}, "'name' needs"),
        ("actions", {"wasmiot:entrypoint": "add", "input": {"type": "array"}}, "the input needs"),
        ("actions", {"wasmiot:entrypoint": "take", "output": TEXT}, "what goes by pointer needs"),
        (
            "properties",
            {"wasmiot:entrypoint": "get", "wasmiot:writeEntrypoint": "set", **TEXT},
            "the input needs",
        ),
        ("actions", {"wasmiot:entrypoint": "add", "input": TWO_NUMBERS}, None),
        ("actions", {"wasmiot:entrypoint": "add", "input": TEXT, "wasmiot:buffer": "room"}, None),
        ("actions", {"wasmiot:entrypoint": "get", "output": TEXT}, None),
        ("properties", {"wasmiot:entrypoint": "get", **TEXT}, None),
    ],
)
def test_text_needs_room_in_the_module(wasm, upload, kind, members, needing):
    """The module gives it by `alloc`, or has it; else no device would take the description."""
    model = {k: v for k, v in description().items() if k != "actions"}
    answer = upload(wasm(WITHOUT_ALLOC), {**model, kind: {"f": members}})
    if needing is None:
        assert answer.status_code == 201
        return
    [error] = answer.json["validationErrors"]
    assert error["description"] == f"{needing} the module to export alloc(i32) -> i32"


BY_POINTER = """(module (memory (export "memory") 1)
  (func (export "alloc") (param i32) (result i32) i32.const 0)
  (func (export "infer") (param i32 i32 i32 i32) (result i32) i32.const 0)
  (func (export "take") (param i32 i32)) (func (export "odd") (param i32)))"""
FILE = {"type": "string", "contentMediaType": "image/jpeg"}
MODEL = {"path": "data.bin", "stage": "deployment", "mediaType": "x/y"}
KEPT = {"path": "out.jpg", "stage": "output", "mediaType": "image/jpeg"}


@pytest.mark.parametrize(
    ("entrypoint", "members", "code"),
    [
        ("infer", {"input": FILE, "wasmiot:mount": [MODEL], "output": {"type": "integer"}}, 201),
        ("infer", {"input": FILE, "wasmiot:mount": [MODEL, KEPT], "output": FILE}, 201),
        ("take", {"output": FILE, "input": None}, 201),
        ("take", {"output": FILE, "input": None, "wasmiot:mount": [KEPT]}, 422),
        ("take", {"output": {"type": "integer"}, "input": None}, 422),
        ("odd", {"output": FILE, "input": None}, 422),
    ],
    ids=["model and image", "output mounted", "two places", "mounted", "a number", "half"],
)
def test_what_goes_by_pointer(wasm, upload, entrypoint, members, code):
    """A module of the existing system has parameters for its model, its input and its output."""
    given = {"wasmiot:entrypoint": entrypoint, **members}
    model = description()
    model["actions"] = {"f": {k: v for k, v in given.items() if v is not None}}
    files = {"data": b"model"} if MODEL in members.get("wasmiot:mount", ()) else {}
    assert upload(wasm(BY_POINTER), model, **files).status_code == code


def test_a_data_file_becomes_a_package(client, wasm, upload):
    """It is listed with digest and length, and can be fetched."""
    mount = {"path": "data.bin", "stage": "deployment", "mediaType": "x/y", "required": True}
    model = upload(wasm(ADD), description(**{"wasmiot:mount": [mount]}), data=b"weights").json
    [file] = model["wasmiot:dataFile"]
    assert (file["path"], file["byteLength"]) == ("data.bin", 7)
    assert model["wasmiot:requiredMemoryBytes"] == 65536 + 7
    assert fetched(client, file["href"]) == b"weights"


def test_a_version_does_not_change(wasm, upload):
    """The same upload again is fine, other bytes are a conflict, a new version is new."""
    assert upload(wasm(ADD), description()).status_code == 201
    assert upload(wasm(ADD), description()).status_code == 200
    assert upload(wasm(OTHER), description()).status_code == 409
    assert upload(wasm(OTHER), description("1.1.0")).status_code == 201


def test_any_value_in_any_place_of_a_description(wasm, upload):
    """What cannot be is refused with problem details, and never a fault of the server."""
    places = ("@type", "title", "version", "actions", "wasmiot:imports")
    inner = ("wasmiot:entrypoint", "wasmiot:mount", "input", "output", "forms")
    parts = ("type", "properties", "contentMediaType")
    for value in (None, 1, {}, [[]], [{}]):
        changed = [{**description(), place: value} for place in places]
        changed += [description(**{place: value}) for place in inner]
        changed += [description(input={"type": "object", part: value}) for part in parts]
        changed += [description(output={"type": "integer", part: value}) for part in parts]
        for each in changed:
            assert upload(wasm(ADD), each).status_code in (201, 200, 409, 422), each


def test_a_version_that_cannot_be_sorted_is_refused(client, wasm, upload):
    """Numbers without end, and digits of other scripts; the other versions stay readable."""
    upload(wasm(ADD), description("1.0.0"))
    for version in ("1.0." + "9" * 5000, "1.0.0-" + "1" * 200, "1.0.\u0661"):
        refused = upload(wasm(OTHER), description(version))
        assert (refused.status_code, refused.mimetype) == (422, "application/problem+json")
    assert client.get("/modules/adder").json["version"]["model"] == "1.0.0"


def test_a_name_alone_means_the_newest_version(client, wasm, upload):
    """Versions are compared as numbers, and a pre-release comes before its release."""
    for version in ("1.9.0", "1.10.0-rc.1", "1.10.0", "1.2.0"):
        upload(wasm(ADD), description(version))
    assert client.get("/modules/adder").json["version"]["model"] == "1.10.0"
    assert client.get("/modules/adder:1.9.0").json["version"]["model"] == "1.9.0"


def test_a_deleted_module_takes_its_packages_along(app, client, wasm, upload):
    """Unless another version has the same bytes."""
    upload(wasm(ADD), description("1.0.0"))
    upload(wasm(ADD), description("2.0.0"))
    assert client.delete("/modules/adder:1.0.0").status_code == 204
    assert len(stored_files(app)) == 1
    assert client.delete("/modules/adder").status_code == 204
    assert stored_files(app) == set()
    assert client.get("/modules/adder").status_code == 404


def test_a_deployed_module_is_not_deleted(app, client, wasm, upload, make_document):
    """The refusal names the deployment."""
    upload(wasm(ADD), description())
    term = "https://wetware.fi/2023/wasmiot/v1.0#"
    triples = (
        f"<urn:i> <{term}deployment> <urn:wasmiot:deployment:d> .\n"
        f"<urn:i> <{term}module> <urn:wasmiot:module:adder:1.0.0> ."
    )
    document = make_document("urn:i", triples.encode())
    app.extensions["wasmiot"].store.put(document, kind="deployment")
    response = client.delete("/modules/adder")
    assert response.status_code == 409
    assert "urn:wasmiot:deployment:d" in response.json["detail"]


def test_links_follow_the_orchestrators_url(tmp_path, wasm):
    """After a restart elsewhere, packages are fetched from there."""
    first = create_app(Settings(data_dir=tmp_path, port=5001))
    model = first.test_client().post("/modules?name=a", data=wasm(ADD), content_type=WASM).json
    first.extensions["wasmiot"].close()
    second = create_app(Settings(data_dir=tmp_path, port=5002))
    moved = second.test_client().get("/modules/a").json["wasmiot:binary"]
    assert moved == model["wasmiot:binary"].replace(":5001/", ":5002/")
    second.extensions["wasmiot"].close()


def test_what_is_no_module_is_named(app, client, upload):
    """Text instead of wasm is a 422 that says what it begins with."""
    response = upload(b"#include <stdio.h>")
    assert response.status_code == 422
    assert "at byte 0" in response.json["detail"]
    assert stored_files(app) == set()
    assert client.post("/modules", data={"x": "y"}).status_code == 415
    assert client.post("/modules", data={"x": (io.BytesIO(b""), "x")}).status_code == 400


def test_a_description_that_is_no_json_is_named(client, wasm):
    """The line and column of the fault are given."""
    data = {
        "binary": (io.BytesIO(wasm(ADD)), "a.wasm"),
        "description": (io.BytesIO(b'{"title": }'), "a.json"),
    }
    response = client.post("/modules", data=data)
    assert response.status_code == 400
    assert "line 1 column 11" in response.json["detail"]


@pytest.mark.parametrize("has_description", [True, False])
def test_every_model_passes_the_official_schema(wasm, upload, corpus, has_description):
    """Given or drafted, a module's description is a Thing Model by the schema of the W3C."""
    schema = json.loads((corpus / "official" / "tm-json-schema-validation.json").read_text())
    model = upload(wasm(ADD), description() if has_description else None).json
    assert list(Draft7Validator(schema).iter_errors(model)) == []


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a//b", "a/../b"])
def test_a_data_file_stays_inside_its_mount(app, client, wasm, path):
    """A file name that leads out of the directory is refused, and nothing of it is kept."""
    data = {
        "binary": (io.BytesIO(wasm(ADD)), "a.wasm"),
        "data": (io.BytesIO(b"x"), path),
    }
    assert client.post("/modules", data=data).status_code == 422
    assert client.get("/modules").json == []
    assert stored_files(app) == set()


def test_packages_are_cached_and_cut(client, wasm, upload):
    """An ETag saves the transfer, a range gives a part, an unknown digest is a 404."""
    url = upload(wasm(ADD), description()).json["wasmiot:binary"]
    with client.get(url) as whole:
        tag = whole.headers["ETag"]
        assert whole.mimetype == "application/wasm"
    with client.get(url, headers={"If-None-Match": tag}) as known:
        assert known.status_code == 304
    with client.get(url, headers={"Range": "bytes=0-3"}) as part:
        assert (part.status_code, part.data) == (206, b"\0asm")
    assert client.get("/packages/sha256:" + "0" * 64).status_code == 404
    assert client.get("/packages/..%2Fid").status_code == 404


def test_a_description_without_functions_gets_those_of_the_binary(client, wasm):
    """What is not given is drafted; one that says there are none is believed."""
    text = '(module (func (export "one") (result i32) i32.const 1))'

    def functions(title, **members):
        model = json.dumps({"title": title, **members})
        parts = {"binary": (io.BytesIO(wasm(text)), "m.wasm", "application/wasm")}
        answer = client.post("/modules", data=parts | {"description": model})
        assert answer.status_code == 201, answer.get_json()
        return list(answer.get_json().get("actions", {}))

    assert functions("told", description="It knows one number.") == ["one"]
    assert functions("silent", actions={}) == []


def section(name, body):
    """Return a custom section."""
    content = bytes([len(name)]) + name + body
    return bytes([0, len(content)]) + content


def test_the_custom_sections_are_told(client):
    """Their names, and what the producers section says; odd characters do no harm."""
    producers = b"\x02" + b"\x08language\x01\x01C\x0217" + b"\x03sdk\x01\x02\x00<\x011"
    header = b"\0asm\x01\0\0\0"
    binary = header + section(b"producers", producers) + section(b"made-up", b"anything")
    answer = client.post("/modules?name=told", data=binary, content_type="application/wasm")
    assert answer.status_code == 201, answer.get_json()
    model = answer.get_json()
    assert model["wasmiot:customSection"] == ["made-up", "producers"]
    assert model["wasmiot:producedBy"] == ["language: C 17", "sdk: \ufffd< 1"]


def test_large_files_take_no_memory(tmp_path):
    """A data file of 120 MB goes up and down, and the server never holds a tenth of it."""
    process = subprocess.run(
        [sys.executable, "-c", LARGE, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    grown_bytes, digest, expected = process.stdout.split()
    assert digest == expected
    assert int(grown_bytes) < 24 * 1024 * 1024


LARGE = """
import hashlib, resource, sys
from pathlib import Path
from orchestrator_app.app import create_app
from orchestrator_app.settings import Settings

SIZE, PART = 120 * 1024 * 1024, bytes(range(256)) * 4096
MODULE = b"\\0asm\\x01\\0\\0\\0"
BOUNDARY = b"--b\\r\\nContent-Disposition: form-data; name=%s; filename=%s\\r\\n\\r\\n"


sent = Path(sys.argv[1]) / "body"
with sent.open("wb") as body:
    body.write(BOUNDARY % (b"binary", b"large.wasm") + MODULE + b"\\r\\n")
    body.write(BOUNDARY % (b"weights", b"weights.bin"))
    for _ in range(SIZE // len(PART)):
        body.write(PART)
    body.write(b"\\r\\n--b--\\r\\n")


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


app = create_app(Settings(data_dir=Path(sys.argv[1]) / "data"))
client = app.test_client()
client.post("/modules?name=small", data=MODULE, content_type="application/wasm")
before = peak()
headers = {"Content-Length": str(sent.stat().st_size)}
with sent.open("rb") as body:
    answer = client.post(
        "/modules",
        input_stream=body,
        headers=headers,
        content_type="multipart/form-data; boundary=b",
    )
assert answer.status_code == 201, answer.text
expected = hashlib.sha256()
for _ in range(SIZE // len(PART)):
    expected.update(PART)
digest, found = answer.get_json()["wasmiot:dataFile"][0]["digest"], hashlib.sha256()
response = client.get(f"/packages/{digest}", buffered=False)
for chunk in response.iter_encoded():
    found.update(chunk)
response.close()
print(peak() - before, found.hexdigest(), expected.hexdigest())
app.extensions["wasmiot"].close()
"""
