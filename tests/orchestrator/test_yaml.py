"""Manifests in YAML-LD: the same documents, and no more than JSON can say."""

import json

import pytest

from orchestrator_app.yaml_text import to_json
from wasmiot_td.errors import DocumentError

BOMB = b"\n".join(
    [b"a0: &a0 [1,1,1,1,1,1,1,1,1,1]"]
    + [b"a%d: &a%d [%s]" % (i, i, b",".join([b"*a%d" % (i - 1)] * 10)) for i in range(1, 12)]
)


def test_scalars_mean_what_they_mean_in_json():
    """Only null, truth values and numbers are other than text; aliases are what they stand for."""
    text = b"a: [yes, 2026-01-01, 0x1F, 1_000]\nb: [~, true, -1, 2.5e3]\nc: &c {d: 1}\ne: *c\n"
    assert json.loads(to_json(text)) == {
        "a": ["yes", "2026-01-01", "0x1F", "1_000"],
        "b": [None, True, -1, 2500.0],
        "c": {"d": 1},
        "e": {"d": 1},
    }


@pytest.mark.parametrize(
    "text",
    [
        b"a: 1\na: 2",
        b"a: [",
        b"a: !!python/object/apply:os.system [ls]",
        b"a: !!set {b}",
        b"a: &a [*a]",
        b"? [1]\n: 2",
        b"a: 1\n---\na: 2",
        b"[" * 5000,
        b"- a\n" * 40_000,
        b"\x80",
        BOMB,
    ],
)
def test_what_json_cannot_say_is_refused(text):
    """No objects, no cycles, no key twice, no second document, nothing without bounds."""
    with pytest.raises(DocumentError):
        to_json(text)


def test_a_manifest_in_yaml_has_the_same_solution(client, supervisor, wasm):
    """YAML-LD and JSON-LD of one manifest become one document with one solution."""
    client.put("/things/urn:ex:a", json=supervisor("a"), content_type="application/td+json")
    text = '(module (memory (export "memory") 1) (func (export "f")))'
    client.post("/modules?name=m", data=wasm(text), content_type="application/wasm")
    as_json = {"name": "same", "sequence": [{"module": "m:1.0.0", "entrypoint": "f"}]}
    as_yaml = "name: same\nsequence:\n  - module: m:1.0.0\n    entrypoint: f\n"
    first = client.post("/manifests", json=as_json)
    placed = client.get("/manifests/same/solution").get_json()["placements"]
    again = client.post("/manifests", data=as_yaml, content_type="application/ld+yaml")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.get_json() == again.get_json()
    assert client.get("/manifests/same/solution").get_json()["placements"] == placed


def test_a_fault_in_yaml_is_named_with_its_place(client):
    """The problem says in which line the fault is; other types are refused."""
    answer = client.post("/manifests", data="name: a\nsequence: [", content_type="application/yaml")
    assert answer.status_code == 400
    assert answer.json["title"] == "Not YAML"
    assert "line 2" in answer.text
    assert client.post("/manifests", data="a", content_type="text/plain").status_code == 415
