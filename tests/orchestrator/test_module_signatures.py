"""What the input of an affordance makes of arguments must be what its function takes.

The rule is that of the devices: what is taken here can be run there.
"""

import pytest

NUMBER, TEXT = {"type": "integer"}, {"type": "string"}
TWO_NUMBERS = {"type": "object", "properties": {"a": NUMBER, "b": NUMBER}}
NESTED = {"type": "object", "properties": {"a": NUMBER, "place": TWO_NUMBERS}}


ADD = """(module (memory (export "memory") 1)
  (func (export "alloc") (param i32) (result i32) i32.const 0)
  (func (export "none")) (func (export "one") (param i32))
  (func (export "two") (param i32 i32)) (func (export "three") (param i32 i32 i32))
  (func (export "four") (param i32 i32 i32 i32)) (func (export "get") (result i32) i32.const 0))"""
UNIT = {"uriVariables": {"unit": NUMBER}}


@pytest.mark.parametrize(
    ("kind", "entrypoint", "members", "is_taken"),
    [
        ("actions", "two", {"input": TWO_NUMBERS}, True),
        ("actions", "two", {"input": NUMBER}, False),
        ("actions", "two", {"input": TEXT}, True),
        ("actions", "two", {"input": TEXT, "output": None}, False),
        ("actions", "one", {"input": TEXT}, False),
        ("actions", "three", {"input": TWO_NUMBERS, **UNIT}, True),
        ("actions", "two", {"input": TWO_NUMBERS, **UNIT}, False),
        ("actions", "one", UNIT, True),
        ("actions", "none", UNIT, False),
        ("actions", "three", {"input": NESTED}, True),
        ("actions", "four", {"input": NESTED}, False),
        ("actions", "two", {"input": {"type": "object"}}, True),
        ("actions", "none", {"input": {"type": "object"}}, False),
        ("actions", "one", {"input": {"type": "array"}}, False),
        ("actions", "one", {"input": TEXT, "wasmiot:buffer": "get"}, True),
        ("actions", "two", {"input": TEXT, "wasmiot:buffer": "get"}, False),
        ("properties", "get", {**NUMBER, "wasmiot:writeEntrypoint": "one"}, True),
        ("properties", "get", {**NUMBER, "wasmiot:writeEntrypoint": "two"}, False),
        ("properties", "get", {**NUMBER, "wasmiot:writeEntrypoint": "gone"}, False),
        ("properties", "get", {**NUMBER, **UNIT}, False),
    ],
)
def test_arguments_fill_the_function(wasm, upload, kind, entrypoint, members, is_taken):
    """Variables of the URL count, and what is JSON inside of an object is one text."""
    affordance = {"wasmiot:entrypoint": entrypoint, **members}
    answer = upload(wasm(ADD), {"title": "m", kind: {"f": affordance}})
    assert answer.status_code == (201 if is_taken else 422), answer.text


WITHOUT_ALLOC = """(module (memory (export "memory") 1)
  (func (export "add") (param i32 i32) (result i32) i32.const 0)
  (func (export "get") (result i32) i32.const 0) (func (export "set") (param i32 i32))
  (func (export "take") (param i32 i32)) (func (export "room") (result i32) i32.const 0)
  (func (export "size") (param i32)))"""
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
        ("actions", {"wasmiot:entrypoint": "size", "input": TEXT, "wasmiot:buffer": "room"}, None),
        ("actions", {"wasmiot:entrypoint": "get", "output": TEXT}, None),
        ("properties", {"wasmiot:entrypoint": "get", **TEXT}, None),
    ],
)
def test_text_needs_room_in_the_module(wasm, upload, kind, members, needing):
    """The module gives it by `alloc`, or has it; else no device would take the description."""
    answer = upload(wasm(WITHOUT_ALLOC), {"title": "m", kind: {"f": members}})
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
    model = {"title": "m", "actions": {"f": {k: v for k, v in given.items() if v is not None}}}
    files = {"data": b"model"} if MODEL in members.get("wasmiot:mount", ()) else {}
    assert upload(wasm(BY_POINTER), model, **files).status_code == code
