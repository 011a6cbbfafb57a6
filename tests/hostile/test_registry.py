"""A registry that says that a module is huge, or sends more of it than it said."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from wasmtime import wat2wasm

from orchestrator_app.app import create_app
from orchestrator_app.settings import Settings

BINARY = bytes(wat2wasm("(module)"))
BINARY_SIZE = len(BINARY)
CHUNK = b"x" * 65536
MOST_CHUNKS = 2000  # 125 MiB: who takes all of it fails the test, and harms nobody
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DATA = "sha256:" + "0" * 64
MODEL = b'{"title": "large", "version": {"model": "1.0.0"}}'


def digest_of(content: bytes) -> str:
    """Return the digest of bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def layer(media_type: str, digest: str, size: Any, title: str = "") -> dict[str, Any]:
    """Return what a manifest says of a layer."""
    described = {"mediaType": media_type, "digest": digest, "size": size}
    return {**described, "annotations": {"org.opencontainers.image.title": title}}


class Registry(ThreadingHTTPServer):
    """A registry with one module, whose data file does not end.

    Attributes:
        documents: what is answered, by the last part of the path.
        n_sent: how many chunks of the data file were taken.
    """

    daemon_threads = True
    n_sent = 0

    def __init__(self, binary_size: Any, data_size: Any) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        wasm = layer("application/wasm", digest_of(BINARY), binary_size)
        about = [
            layer("application/tm+json", digest_of(MODEL), len(MODEL)),
            layer("application/octet-stream", DATA, data_size, "data.bin"),
        ]
        first, second = (json.dumps({"layers": each}).encode() for each in ([wasm], about))
        artifact = {"artifactType": "application/vnd.wasmiot.module.v1+json"}
        index = {"manifests": [{**artifact, "digest": digest_of(second)}]}
        self.documents = {
            "1.0.0": first,
            digest_of(first): json.dumps(index).encode(),
            **{digest_of(each): each for each in (second, MODEL, BINARY)},
        }


class Answers(BaseHTTPRequestHandler):
    """What the registry answers."""

    server: Registry

    def do_GET(self) -> None:
        """Give a document, or begin with what does not end."""
        name = self.path.rpartition("/")[2]
        self.send_response(200)
        self.send_header("Content-Type", MANIFEST)
        self.end_headers()
        self.wfile.write(self.server.documents.get(name, b""))
        while name == DATA and self.server.n_sent < MOST_CHUNKS:
            try:
                self.wfile.write(CHUNK)
            except ConnectionError:
                return
            self.server.n_sent += 1

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def registry(binary_size: Any = BINARY_SIZE, data_size: Any = 5) -> Iterator[Registry]:
    """Run a registry."""
    with Registry(binary_size, data_size) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("sizes", "status"),
    [
        ({"binary_size": 10**12}, 413),
        ({"data_size": 10**12}, 413),
        ({"data_size": 1000}, 413),
        ({"data_size": "5"}, 422),
        ({"data_size": -1}, 422),
        ({"binary_size": None}, 422),
    ],
)
def test_no_more_is_taken_than_is_said_and_allowed(
    tmp_path: Path, sizes: dict[str, Any], status: int
) -> None:
    """Refused before it is asked for, or as soon as it is longer than was said; nothing is kept."""
    with registry(**sizes) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        app = create_app(Settings(data_dir=tmp_path, oci_registry=url, max_upload_bytes=2**20))
        client = app.test_client()
        answer = client.post("/modules", json={"reference": "large:1.0.0"})
        kept = client.get("/modules").get_json()
        app.extensions["wasmiot"].close()
        assert server.n_sent < MOST_CHUNKS
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert kept == []
    assert [each.name for each in (tmp_path / "packages").rglob("*")] == ["incoming"]
