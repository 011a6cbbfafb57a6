"""What is no installation is refused as a whole, with the reason, and nothing of it is kept."""

import json

import pytest
import wasmtime
from small_installations import ONE, F, everything_on_disk, on_disk

TAKES_TEXT = '(module (memory (export "memory") 1) (func (export "f") (param i32 i32)))'
NO_ROOM = "f: the input needs the module to export alloc(i32) -> i32"


@pytest.mark.parametrize(
    ("wat", "actions", "expected"),
    [
        ('(module (import "camera" "takeImage" (func (param i32 i32))))', {}, "camera.takeImage"),
        ('(module (import "sys" "millis" (func)))', {}, "sys"),
        ('(module (import "env" "memory" (memory 1)))', {}, "env.memory"),
        (ONE, {"f": {"wasmiot:entrypoint": "g"}}, "'g'"),
        (ONE, {"f": {"wasmiot:entrypoint": "f", "input": {"type": "integer"}}}, "parameters"),
        (TAKES_TEXT, {"f": {"wasmiot:entrypoint": "f", "input": {"type": "string"}}}, NO_ROOM),
        (
            ONE,
            {"f": {**F["f"], "wasmiot:mount": [{"path": "w", "stage": "deployment"}]}},
            "required at deployment",
        ),
    ],
    ids=["interface", "signature", "memory", "entrypoint", "arity", "alloc", "mount"],
)
def test_what_does_not_fit(device, wat, actions, expected):
    """What cannot work is refused when it is installed, by name, and nothing is left behind."""
    response = device.put("a", wat, actions=actions)
    assert (response.status_code, response.content_type) == (422, "application/problem+json")
    assert expected in response.json["detail"]
    assert device.client.get("/deployments").json == []
    assert on_disk(device) == []


def test_no_module(device):
    """A package that is no wasm is refused with the reason, and not kept."""
    digest = device.place(b"(module)")
    module = {"id": "urn:wasmiot:module:m:1.0.0", "name": "m", "digest": digest}
    document = {"title": "x", "wasmiot:module": [module], "actions": F}
    response = device.client.put("/deployments/a", json=document)
    assert response.status_code == 422
    assert "not a WebAssembly binary" in response.json["detail"]
    assert on_disk(device) == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"title": "a", "title": "b"}', b"\xff"])
def test_no_td(device, body):
    """What is no TD is refused, and nothing is kept."""
    response = device.client.put("/deployments/a", data=body)
    assert response.status_code in (400, 422)
    assert response.content_type == "application/problem+json"
    assert on_disk(device) == []


TAKEN = ("application/td+json", "application/ld+json", "application/json")


def put_as(device, content_type):
    """Put an installation that is called something; return the response."""
    digest = device.place(wasmtime.wat2wasm(ONE))
    module = {"id": "urn:m", "name": "m", "digest": digest}
    text = json.dumps({"title": "x", "wasmiot:module": [module], "actions": F})
    return device.client.put("/deployments/a", data=text, content_type=content_type)


@pytest.mark.parametrize("content_type", [None, *TAKEN, "application/td+json; charset=utf-8"])
def test_media_types_of_a_td(device, content_type):
    """A TD is JSON by any of its names, or says nothing of what it is."""
    answer = put_as(device, content_type)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream", "json"])
def test_what_is_called_something_else_is_no_td(device, content_type):
    """It is refused whatever it holds, and told what a TD may be called; nothing is kept."""
    answer = put_as(device, content_type)
    assert (answer.status_code, answer.mimetype) == (415, "application/problem+json")
    assert all(name in answer.json["detail"] for name in TAKEN)
    assert device.client.get("/deployments").json == []
    described = device.client.get("/openapi.json").json["paths"]["/deployments/{slug}"]["put"]
    assert described["requestBody"]["content"].keys() == set(TAKEN)


@pytest.mark.parametrize("slug", ["A", "..", "a%2Fb", "-", "x" * 200])
def test_names(device, slug):
    """A name that could be something else in a path or a URL is refused, whatever comes with it."""
    digest = device.place(wasmtime.wat2wasm(ONE))
    before = everything_on_disk(device)
    assert device.put_digest(slug, digest, actions=F).status_code in (400, 404, 405)
    assert everything_on_disk(device) == before
    assert device.put_digest("a", digest, actions=F).status_code == 201


MEMBERS = (
    ("@type",),
    ("title",),
    ("wasmiot:module",),
    ("wasmiot:module", 0),
    ("wasmiot:module", 0, "digest"),
    ("actions",),
    ("actions", "f"),
    ("actions", "f", "wasmiot:entrypoint"),
    ("actions", "f", "wasmiot:module"),
    ("actions", "f", "wasmiot:mount"),
    ("actions", "f", "wasmiot:feeds"),
    ("actions", "f", "input"),
    ("actions", "f", "output"),
    ("actions", "f", "uriVariables"),
    ("actions", "f", "synchronous"),
)


@pytest.mark.parametrize("value", [None, 1, "x", [1], {"a": 1}, [[]]], ids=repr)
@pytest.mark.parametrize("place", MEMBERS, ids=lambda p: "/".join(map(str, p)))
def test_any_value_in_any_place(device, place, value):
    """Whatever stands where, a TD is served or refused with problem details, never a 500."""
    digest = device.place(wasmtime.wat2wasm(ONE))
    module = {"id": "urn:m", "name": "m", "digest": digest}
    document = {"title": "x", "wasmiot:module": [module], "actions": {"f": dict(F["f"])}}
    parent = document
    for name in place[:-1]:
        parent = parent[name]
    parent[place[-1]] = value
    response = device.client.put("/deployments/a", json=document)
    assert response.status_code in (201, 400, 422), response.text
    if response.status_code != 201:
        assert response.content_type == "application/problem+json"
        assert on_disk(device) == [] or digest.endswith(on_disk(device)[0])


@pytest.mark.parametrize("value", [None, 1, "x", [1]], ids=repr)
def test_variables_that_are_no_object(device, value):
    """A Thing with properties, whose own variables stand beside ours, is refused as well."""
    document = {"title": "x", "uriVariables": value, "properties": {"p": {"type": "string"}}}
    assert device.client.put("/deployments/a", json=document).status_code == 422


@pytest.mark.parametrize(
    "media_type", ["x\r\nset-cookie: a", "text", "日本/x", "a/b; \x00"], ids=ascii
)
def test_what_no_header_can_carry_is_no_media_type(device, media_type):
    """The type of a file is told in a header: what cannot stand there is refused beforehand."""
    output = {"type": "string", "contentMediaType": media_type}
    refused = device.put("a", ONE, actions={"f": {"wasmiot:entrypoint": "f", "output": output}})
    assert refused.status_code == 422
    fields = [error["field"] for error in refused.json["validationErrors"]]
    assert "/actions/f/output/contentMediaType" in fields


WATCHED = {"wasmiot:entrypoint": "f", "uriVariables": {"a": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("members", "pointer", "expected"),
    [
        ({"@context": {"x": "urn:x"}}, "/@context", "begins with https://www.w3.org/2022/wot/td"),
        ({"properties": {"a/b": F["f"]}}, "/properties/a~1b", "no part of an address"),
        ({"actions": {"..": F["f"]}}, "/actions/..", "no part of an address"),
        ({"properties": {"p": {**WATCHED, "observable": True}}}, "/properties/p/uriVariables", "a"),
        ({"events": {"e": WATCHED}}, "/events/e/uriVariables", "cannot be watched"),
        (
            {"actions": {"a": {"output": {"type": "integer"}}}},
            "/actions/a",
            "nothing stands behind",
        ),
    ],
    ids=["context", "slash", "dots", "watched property", "watched event", "unbound"],
)
def test_what_no_client_could_use(device, members, pointer, expected):
    """A TD that would be served in vain is refused with the place and what to do."""
    response = device.put("a", ONE, **members)
    assert response.status_code == 422
    (found,) = response.json["validationErrors"]
    assert (found["field"], expected in found["description"]) == (pointer, True), found
    assert device.client.get("/deployments").json == []


def test_a_watched_affordance_whose_variables_have_defaults(device):
    """It can be watched: they are what its function is given."""
    wat = '(module (func (export "f") (param i32) (result i32) local.get 0))'
    variables = {"uriVariables": {"a": {"type": "integer", "default": 4}}}
    event = {"wasmiot:entrypoint": "f", "data": {"type": "integer"}, **variables}
    assert device.put("a", wat, events={"e": event}).status_code == 201
