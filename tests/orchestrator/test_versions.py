"""Versions are ordered, and ranges hold what they say."""

import pytest

from orchestrator_app.solver.versions import newest, parse_range, version_key

HERE = ("0.2.9", "0.3.0", "1.0.0", "1.2.3", "1.2.9", "1.10.0", "2.0.0-rc.1", "2.0.0")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", "2.0.0"),
        ("^1.2.3", "1.10.0"),
        ("~1.2.3", "1.2.9"),
        ("~1", "1.10.0"),
        ("^0.2.1", "0.2.9"),
        ("1", "1.10.0"),
        ("1.2", "1.2.9"),
        ("=1.2.3", "1.2.3"),
        (">=1.0.0 <1.2.9", "1.2.3"),
        (">=1.0.0, <1.10.0", "1.2.9"),
        ("<=2.0.0-rc.1", "2.0.0-rc.1"),
        ("<2.0.0", "1.10.0"),
        (">2.0.0", None),
        ("latest", None),
        ("^", None),
    ],
)
def test_a_range_means_its_newest_version(text, meant):
    """Pre-releases are left out unless the range names one."""
    assert newest(HERE, text) == meant


def test_precedence_is_that_of_semantic_versioning():
    """The order of clause 11's own example."""
    order = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2"]
    order += ["1.0.0-beta.11", "1.0.0-rc.1", "1.0.0"]
    assert sorted({*order}, key=version_key) == order


def test_what_is_no_range_is_none():
    """Words, and texts that are too long, are no ranges."""
    assert parse_range("not a range") is None
    assert parse_range(">1.0.0 " * 100) is None


def test_a_manifest_may_ask_for_a_range(client, supervisor, wasm):
    """The solution names the version that was meant; a range without any is refused."""
    client.put("/things/urn:ex:a", json=supervisor("a"), content_type="application/td+json")
    text = '(module (memory (export "memory") 1) (func (export "f")))'
    client.post("/modules?name=m", data=wasm(text), content_type="application/wasm")
    manifest = {"name": "ranged", "sequence": [{"module": "m:^1.0", "entrypoint": "f"}]}
    assert client.post("/manifests", json=manifest).status_code == 201
    (placement,) = client.get("/manifests/ranged/solution").get_json()["placements"]
    assert placement["module"] == "urn:wasmiot:module:m:1.0.0"
    manifest["sequence"][0]["module"] = "m:^2"
    refused = client.post("/manifests", json=manifest).get_json()
    assert refused["validationErrors"][0]["field"] == "/sequence/0/module"
