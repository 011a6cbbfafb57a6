"""Versions are ordered, ranges hold what they say, and a manifest means what it pins."""

import hashlib
import json
from io import BytesIO

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


WAT = """(module (memory (export "memory") 1)
  (func (export "f") (param i32) (result i32) local.get 0 i32.const {} i32.add))"""
VERSIONS = ("1.0.0", "1.2.0", "2.0.0")


@pytest.fixture
def binaries(client, supervisor, wasm):
    """Upload three versions of a module, each of its own bytes; return these by version."""
    client.put("/things/urn:ex:a", json=supervisor("a"), content_type="application/td+json")
    made = {version: wasm(WAT.format(n)) for n, version in enumerate(VERSIONS)}
    for version, binary in made.items():
        model = json.dumps({"title": "m", "version": {"model": version}})
        parts = {"binary": (BytesIO(binary), "m.wasm", "application/wasm"), "description": model}
        assert client.post("/modules", data=parts).status_code == 201
    return made


def digest_of(binary):
    """Return the digest of a package, taken from its bytes here."""
    return f"sha256:{hashlib.sha256(binary).hexdigest()}"


def posted(client, reference):
    """Return the answer to a manifest whose second step names a module by a reference."""
    first = {"module": "m", "entrypoint": "f"}
    manifest = {"name": "pin", "sequence": [first, {"module": reference, "entrypoint": "f"}]}
    return client.post("/manifests", json=manifest)


@pytest.mark.parametrize(
    ("reference", "pinned", "meant"),
    [
        ("m", None, "2.0.0"),
        ("m:1.0.0", None, "1.0.0"),
        ("m:^1", None, "1.2.0"),
        ("m:>=1.0.0 <1.2.0", None, "1.0.0"),
        ("m", "1.0.0", "1.0.0"),
        ("m:1.2.0", "1.2.0", "1.2.0"),
        ("m:^1", "1.0.0", "1.0.0"),
    ],
)
def test_a_manifest_means_the_upload_that_it_pins(client, binaries, reference, pinned, meant):
    """By version, range, digest, or both; the solution names the version and leads to the bytes."""
    pin = f"@{digest_of(binaries[pinned])}" if pinned else ""
    answer = posted(client, reference + pin)
    assert answer.status_code == 201, answer.get_json()
    _, placement = client.get("/manifests/pin/solution").get_json()["placements"]
    assert placement["module"] == f"urn:wasmiot:module:m:{meant}"
    digest = client.get(f"/modules/m:{meant}").get_json()["wasmiot:digest"]
    with client.get(f"/packages/{digest}") as package:
        assert package.data == binaries[meant]


@pytest.mark.parametrize(
    ("version", "digest"),
    [
        ("", "sha256:" + "0" * 64),
        ("1.2.0", "1.0.0"),
        ("^2", "1.2.0"),
        ("1.2.0", "sha256:short"),
        ("", ""),
        ("3.0.0", None),
        ("^1.3", None),
    ],
)
def test_a_pin_that_nothing_meets_is_named(client, binaries, version, digest):
    """Another version's digest is no better than a made-up one; nothing is kept."""
    pin = "" if digest is None else f"@{digest}"
    if digest in binaries:
        pin = f"@{digest_of(binaries[digest])}"
    reference = f"m:{version}{pin}" if version else f"m{pin}"
    answer = posted(client, reference)
    assert answer.status_code == 422
    (fault,) = answer.get_json()["validationErrors"]
    assert fault["field"] == "/sequence/1/module"
    assert reference in json.dumps(answer.get_json())
    assert client.get("/manifests/pin").status_code == 404
