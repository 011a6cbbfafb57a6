"""Modules: upload, description, versions, packages."""

import hashlib
import io
import json

import pytest
from jsonschema import Draft7Validator

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


@pytest.mark.parametrize(
    ("wat", "words"),
    [
        ('(import "sys" "millis" (func (param v128)))', "sys.millis of the type (v128) -> ()"),
        ('(import "sys" "millis" (func (param i31ref)))', "sys.millis of the type (i31ref) -> ()"),
        ('(import "sys" "millis" (global v128))', "the global sys.millis"),
        ('(func (export "alloc") (param v128))', "alloc of the type (v128) -> ()"),
        ("(memory 1) (memory 1)", "the module has 2 memories"),
        ("(memory 1 2 shared)", "threads must be enabled"),
    ],
)
def test_what_no_device_could_run_is_refused(app, client, wasm, wat, words):
    """In the words of a device; nothing is kept."""
    response = client.post(
        "/modules", data=wasm(f"(module {wat})"), content_type="application/wasm"
    )
    assert (response.status_code, words in response.text) == (422, True), response.text
    assert stored_files(app) == set()


def test_functions_of_other_types_are_no_actions(client, wasm):
    """A module with `v128` and references beside its functions of numbers is taken without them."""
    binary = wasm(
        """(module (type $s (struct)) (func (export "f") (param f32) (result f32) local.get 0)
        (func (export "v") (result v128) v128.const i32x4 1 2 3 4)
        (func (export "g") (result (ref null $s)) ref.null $s))"""
    )
    response = client.post("/modules", data=binary, content_type="application/wasm")
    assert (response.status_code, list(response.json["actions"])) == (201, ["f"])
