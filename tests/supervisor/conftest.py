"""Supervisors in this process, with modules written as WAT text."""

import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import wasmtime
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from supervisor_app.app import create_app
from supervisor_app.settings import Settings
from wasmiot_td import serving
from wasmiot_td.consumed_thing import WsgiTransport

CONTEXT = ["https://www.w3.org/2022/wot/td/v1.1", "https://wetware.fi/2023/wasmiot/v1.0"]
DEVICE_ID = "urn:uuid:6f1d2a58-3f0e-4b51-8a53-6f8d90c0a001"


@dataclass
class Device:
    """One supervisor under test."""

    settings: Settings
    client: FlaskClient
    app: Any
    url: str = ""

    def place(self, content: bytes) -> str:
        """Put a package on the device beforehand, and return its digest."""
        digits = hashlib.sha256(content).hexdigest()
        (self.settings.data_dir / "packages" / digits).write_bytes(content)
        return f"sha256:{digits}"

    def put(self, slug: str, wat: str, **members: Any) -> Any:
        """Install a module written as text with affordances; return the response."""
        return self.put_digest(slug, self.place(wasmtime.wat2wasm(wat)), **members)

    def put_digest(self, slug: str, digest: str, **members: Any) -> Any:
        """Install a module that is on the device already; return the response."""
        return self.client.put(f"/deployments/{slug}", json=installation(digest, **members))

    def invoke(self, slug: str, action: str, **request: Any) -> dict[str, Any]:
        """Invoke an action and return the status with which it ended."""
        response = self.client.post(f"/deployments/{slug}/actions/{action}", **request)
        assert response.status_code == 201, response.text
        return self.ended(response.headers["Location"])

    def ended(self, href: str) -> dict[str, Any]:
        """Ask for a status until the invocation has ended."""
        while True:
            status: dict[str, Any] = self.client.get(href).json
            if status["status"] in ("completed", "failed"):
                return status
            time.sleep(0.01)


def installation(
    digest: str, *, is_stateful: bool = False, limits: Any = None, **members: Any
) -> dict[str, Any]:
    """Return an installation TD as it is put to a supervisor, with one module."""
    module: dict[str, Any] = {"id": "urn:wasmiot:module:m:1.0.0", "name": "m", "digest": digest}
    if is_stateful:
        module["stateful"] = True
    if limits is not None:
        module["limits"] = limits
    return {
        "@context": CONTEXT,
        "@type": ["Thing", "wasmiot:Supervisor", "wasmiot:Installation"],
        "title": "test",
        "wasmiot:module": [module],
        **members,
    }


@pytest.fixture
def make_device(tmp_path: Path) -> Iterator[Callable[..., Device]]:
    """Return a function that starts a supervisor with some settings."""
    made: list[Device] = []

    def make(transport: Any = None, **changes: Any) -> Device:
        data_dir = tmp_path / f"data-{len(made)}"
        settings = replace(Settings(data_dir, device_id=DEVICE_ID, slots=2), **changes)
        app = create_app(settings, transport)
        made.append(Device(settings, app.test_client(), app))
        return made[-1]

    yield make
    for device in made:
        device.app.extensions["supervisor"].close()


@pytest.fixture
def fleet(make_device: Callable[..., Device]) -> Callable[..., Device]:
    """Return a function that starts a device which reaches the others by its name."""
    apps: dict[str, Any] = {}

    def start(name: str, **settings: Any) -> Device:
        base = f"http://{name}/"
        device = make_device(WsgiTransport(apps), name=name, public_url=base, **settings)
        apps[base] = device.app
        return device

    start.apps = apps  # type: ignore[attr-defined]
    return start


@pytest.fixture
def device(make_device: Callable[..., Device]) -> Device:
    """A supervisor as it is by default."""
    return make_device()


@pytest.fixture
def served_device(make_device: Callable[..., Device]) -> Iterator[Device]:
    """A supervisor on a real socket, quick to see changes, for two who observe."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    device = make_device(port=port, observe_seconds=0.02, streams=2)
    server = make_server("127.0.0.1", port, device.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    device.url = f"http://127.0.0.1:{port}/"
    yield device
    serving.stopping.set()
    server.shutdown()
    thread.join()
    server.server_close()
    serving.stopping.clear()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A directory with two pictures and something else."""
    directory = tmp_path / "pictures"
    directory.mkdir()
    for name, content in (("b.png", b"second"), ("a.png", b"one"), ("labels.csv", b"x")):
        (directory / name).write_bytes(content)
    return directory


@pytest.fixture(scope="session")
def check_td() -> Callable[[Any], None]:
    """Return what validates a TD against the official JSON Schema of TD 1.1."""
    corpus = os.environ.get("WASMIOT_CORPUS")
    if not corpus:
        pytest.skip("WASMIOT_CORPUS is not set: the official TD schema is not here")
    text = Path(corpus, "official", "td-json-schema-validation.json").read_text()
    validator = jsonschema.Draft7Validator(json.loads(text))

    def check(document: Any) -> None:
        errors = [f"{list(e.absolute_path)}: {e.message}" for e in validator.iter_errors(document)]
        assert not errors

    return check
