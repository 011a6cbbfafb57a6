"""Modules in an OCI registry: Debian's `docker-registry`, as a process of its own."""

import hashlib
import json
import socket
from contextlib import contextmanager
from io import BytesIO
from urllib.request import Request, urlopen

import pytest

from orchestrator_app.app import create_app
from orchestrator_app.settings import Settings

WAT = '(module (memory (export "memory") 1) (func (export "f") (result i32) i32.const {}))'
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@contextmanager
def orchestrator(tmp_path, name, registry):
    """Run an orchestrator with a registry, and lend a client of it."""
    app = create_app(Settings(data_dir=tmp_path / name, oci_registry=registry))
    try:
        yield app.test_client()
    finally:
        app.extensions["wasmiot"].close()


def upload(client, binary, name, weights=b"w" * 1000):
    """Upload a module with a description and a data file."""
    mount = {"path": "weights.bin", "stage": "deployment", "mediaType": "application/x-weights"}
    action = {"wasmiot:entrypoint": "f", "output": {"type": "integer"}, "wasmiot:mount": [mount]}
    description = {"title": name, "version": {"model": "2.1.0+x"}, "actions": {"f": action}}
    parts = {
        "binary": (BytesIO(binary), "m.wasm", "application/wasm"),
        "description": json.dumps(description),
        "weights": (BytesIO(weights), "weights.bin", "application/x-weights"),
    }
    return client.post("/modules", data=parts)


def get(registry, path):
    """Return what the registry answers to somebody else's client."""
    root = registry.removesuffix("/wasmiot")
    with urlopen(Request(f"{root}/v2/wasmiot/{path}", headers={"Accept": MANIFEST})) as answer:
        return answer.read()


def test_two_orchestrators_see_the_same_module(registry, tmp_path, wasm):
    """One pushes on upload, the other pulls by tag: binary, description and files are the same."""
    binary = wasm(WAT.format(1))
    with orchestrator(tmp_path, "a", registry) as first:
        uploaded = upload(first, binary, "shared")
        assert uploaded.status_code == 201, uploaded.get_json()
        model = uploaded.get_json()
        assert upload(first, binary, "shared").status_code == 200
    with orchestrator(tmp_path, "b", registry) as second:
        pulled = second.post("/modules", json={"reference": "shared:2.1.0+x"})
        assert pulled.status_code == 201, pulled.get_json()
        assert pulled.get_json() == model
        for digest in (model["wasmiot:digest"], model["wasmiot:dataFile"][0]["digest"]):
            with second.get(f"/packages/{digest}") as answer:
                assert f"sha256:{hashlib.sha256(answer.data).hexdigest()}" == digest


def test_the_layout_is_that_of_wasm_artifacts(registry, tmp_path, wasm):
    """Any client finds the config, and the binary as the one layer; a pull by digest works too."""
    binary = wasm(WAT.format(2))
    with orchestrator(tmp_path, "a", registry) as client:
        assert upload(client, binary, "Layout").status_code == 201
    text = get(registry, "layout/manifests/2.1.0_x")
    manifest = json.loads(text)
    assert manifest["config"]["mediaType"] == "application/vnd.wasm.config.v0+json"
    (layer,) = manifest["layers"]
    assert layer["mediaType"] == "application/wasm"
    assert get(registry, f"layout/blobs/{layer['digest']}") == binary
    config = json.loads(get(registry, f"layout/blobs/{manifest['config']['digest']}"))
    assert (config["architecture"], config["os"]) == ("wasm", "wasip1")
    assert config["layerDigests"] == [layer["digest"]]
    host = registry.removeprefix("http://")
    reference = f"oci://{host}/layout@sha256:{hashlib.sha256(text).hexdigest()}"
    with orchestrator(tmp_path, "b", registry) as client:
        pulled = client.post("/modules", json={"reference": reference})
        assert (pulled.status_code, pulled.get_json()["title"]) == (201, "Layout")


def test_a_version_in_the_registry_does_not_change(registry, tmp_path, wasm):
    """Another orchestrator cannot give the name and version to another binary."""
    with orchestrator(tmp_path, "a", registry) as client:
        assert upload(client, wasm(WAT.format(3)), "fixed").status_code == 201
    with orchestrator(tmp_path, "b", registry) as client:
        refused = upload(client, wasm(WAT.format(4)), "fixed")
        assert (refused.status_code, refused.get_json()["title"]) == (409, "Version exists")
        assert client.get("/modules").get_json() == []


@pytest.mark.parametrize(
    ("reference", "status"),
    [
        ("nobody:1.0.0", 404),
        ("oci://example.com/x:1.0.0", 422),
        ("../../etc", 422),
        ("x@sha256:12", 422),
        (5, 422),
    ],
)
def test_what_is_not_there_is_said(registry, tmp_path, reference, status):
    """Only this orchestrator's registry is asked, and only by well-formed references."""
    with orchestrator(tmp_path, "a", registry) as client:
        answer = client.post("/modules", json={"reference": reference})
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")


def test_a_registry_that_is_away_is_named(tmp_path, wasm):
    """Neither upload nor pull leaves anything behind."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{probe.getsockname()[1]}/wasmiot"
    with orchestrator(tmp_path, "a", nobody) as client:
        refused = upload(client, wasm(WAT.format(5)), "lost")
        pulled = client.post("/modules", json={"reference": "lost:1.0.0"})
        assert (refused.status_code, pulled.status_code) == (502, 502)
        assert "does not answer" in refused.get_json()["detail"]
        assert client.get("/modules").get_json() == []
        assert [p.name for p in (tmp_path / "a" / "packages").iterdir()] == ["incoming"]


def test_without_a_registry_a_pull_is_refused(client):
    """The problem says which setting is missing."""
    answer = client.post("/modules", json={"reference": "x:1.0.0"})
    assert (answer.status_code, answer.get_json()["title"]) == (409, "No registry")
