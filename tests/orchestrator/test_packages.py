"""The bytes of modules and of their data files: kept by digest, fetched whole or in part."""

import io
import subprocess
import sys

import pytest

from orchestrator_app.app import create_app
from orchestrator_app.settings import Settings

WASM = "application/wasm"
ADD = """(module (memory (export "memory") 1)
  (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))"""


def description(version="1.0.0", **action):
    """Return a Thing Model of the module `ADD`."""
    members = {"a": {"type": "integer"}, "b": {"type": "integer"}}
    given = {"wasmiot:entrypoint": "add", "input": {"type": "object", "properties": members}}
    model = {"title": "adder", "version": {"model": version}}
    return {**model, "actions": {"add": {**given, **action}}}


def fetched(client, url):
    """Return the bytes of a package."""
    with client.get(url) as response:
        return response.data


def stored_files(app):
    """Return the names of all files that are kept."""
    root = app.extensions["wasmiot"].settings.data_dir / "packages"
    return {path.name for path in root.rglob("*") if path.is_file()}


def test_a_data_file_becomes_a_package(client, wasm, upload):
    """It is listed with digest and length, and can be fetched."""
    mount = {"path": "data.bin", "stage": "deployment", "mediaType": "x/y", "required": True}
    model = upload(wasm(ADD), description(**{"wasmiot:mount": [mount]}), data=b"weights").json
    [file] = model["wasmiot:dataFile"]
    assert (file["path"], file["byteLength"]) == ("data.bin", 7)
    assert model["wasmiot:requiredMemoryBytes"] == 65536 + 7
    assert fetched(client, file["href"]) == b"weights"


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


def test_a_deleted_module_takes_its_packages_along(app, client, wasm, upload):
    """Unless another version has the same bytes."""
    upload(wasm(ADD), description("1.0.0"))
    upload(wasm(ADD), description("2.0.0"))
    assert client.delete("/modules/adder:1.0.0").status_code == 204
    assert len(stored_files(app)) == 1
    assert client.delete("/modules/adder").status_code == 204
    assert stored_files(app) == set()
    assert client.get("/modules/adder").status_code == 404


def test_links_follow_the_orchestrators_url(tmp_path, wasm):
    """After a restart elsewhere, packages are fetched from there."""
    first = create_app(Settings(data_dir=tmp_path, port=5001))
    model = first.test_client().post("/modules?name=a", data=wasm(ADD), content_type=WASM).json
    first.extensions["wasmiot"].close()
    second = create_app(Settings(data_dir=tmp_path, port=5002))
    moved = second.test_client().get("/modules/a").json["wasmiot:binary"]
    assert moved == model["wasmiot:binary"].replace(":5001/", ":5002/")
    second.extensions["wasmiot"].close()


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
