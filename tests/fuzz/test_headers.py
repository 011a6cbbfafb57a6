"""No header, credential or body of a call ends in a fault of the server."""

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asking import ask
from bounds import fuzzed
from flask import Flask
from flask.testing import FlaskClient
from fuzzed_documents import CONTEXT, VALUES, mutated
from fuzzed_headers import HEADERS, SAID
from hypothesis import given, note
from hypothesis import strategies as st
from wasmtime import wat2wasm

from orchestrator_app.app import create_app
from orchestrator_app.settings import Settings
from supervisor_app.app import create_app as create_device
from supervisor_app.settings import Settings as DeviceSettings
from wasmiot_td.access.tokens import make_token

MODULE = """(module (memory (export "memory") 1)
  (func (export "f") (param i32 f64) (result f64) local.get 1)
  (func (export "alloc") (param i32) (result i32) i32.const 64)
  (func (export "t") (param i32 i32) (result i32) local.get 1)
  (func (export "g") (result i32) i32.const 7) (func (export "p") (param i32)))"""
NUMBER, FRACTION = {"type": "integer"}, {"type": "number"}
PAIR = {"type": "object", "properties": {"a": {**NUMBER, "maximum": 9}, "b": FRACTION}}
SUM = {"wasmiot:entrypoint": "f", "input": PAIR, "output": FRACTION}
INSTALLED = {
    "@context": CONTEXT,
    "@type": ["Thing", "wasmiot:Supervisor", "wasmiot:Installation"],
    "title": "called",
    "properties": {"p": {**NUMBER, "wasmiot:entrypoint": "g", "wasmiot:writeEntrypoint": "p"}},
    "actions": {
        "f": {**SUM, "synchronous": True},
        "later": SUM,
        "t": {
            "wasmiot:entrypoint": "t",
            "synchronous": True,
            "input": {"type": "string"},
            "output": NUMBER,
        },
    },
}
CALLS = (
    ("POST", "actions/f"),
    ("POST", "actions/later"),
    ("POST", "actions/t"),
    ("PUT", "properties/p"),
    ("PUT", "properties"),
    ("GET", "properties"),
)
TOKENS = ({"alg": "EdDSA", "kid": "x"}, {"alg": "none"}, {"sub": "x", "exp": 9**9, "aud": "y"})


@pytest.fixture(scope="module")
def orchestrator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An orchestrator."""
    app = create_app(Settings(data_dir=tmp_path_factory.mktemp("orchestrator")))
    yield app
    app.extensions["wasmiot"].close()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """An orchestrator with a token that nobody knows."""
    folder = tmp_path_factory.mktemp("guarded")
    make_token(folder / "access", "somebody", "administer")
    app = create_app(Settings(data_dir=folder))
    yield app.test_client()
    app.extensions["wasmiot"].close()


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """A device with a module whose functions take and give numbers and text."""
    folder: Path = tmp_path_factory.mktemp("device")
    app = create_device(DeviceSettings(folder, device_id="urn:ex:device"))
    binary = bytes(wat2wasm(MODULE))
    digits = hashlib.sha256(binary).hexdigest()
    (folder / "packages" / digits).write_bytes(binary)
    module = {"id": "urn:m", "name": "m", "digest": f"sha256:{digits}"}
    client = app.test_client()
    put = client.put("/deployments/x", json={**INSTALLED, "wasmiot:module": [module]})
    assert put.status_code == 201, put.text
    yield client
    app.extensions["supervisor"].close()


def paths(app: Flask) -> list[str]:
    """Return the paths of GET that need no name, and that end and are offered."""
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    endless = ("/events", "/ui/changes", "/search/xpath")
    return sorted({r.rule for r in rules if not r.arguments and r.rule not in endless})


@fuzzed(100)
@given(data=st.data(), headers=HEADERS)
def test_headers(orchestrator: Flask, data: st.DataObject, headers: dict[str, str]) -> None:
    """Any headers at any path of an orchestrator."""
    path = data.draw(st.sampled_from(paths(orchestrator)))
    note(f"{path} {headers}")
    ask(orchestrator.test_client(), "GET", path, headers=headers)


@pytest.mark.parametrize("name", ["0", "-1", "x:5", "é", "9" * 5000])
@pytest.mark.parametrize("path", ["/events", "/events/thing_created", "/events/x"])
def test_places_in_a_stream(orchestrator: Flask, path: str, name: str) -> None:
    """A stream begins wherever a client says it was, or is refused."""
    headers = {"Last-Event-ID": name}
    answer = orchestrator.test_client().get(f"{path}?diff=x", headers=headers, buffered=False)
    assert answer.status_code in (200, 404)
    answer.close()


@fuzzed(80)
@given(data=st.data(), headers=HEADERS)
def test_calls(device: FlaskClient, data: st.DataObject, headers: dict[str, str]) -> None:
    """Any value, or anything else, for actions and properties, with any headers."""
    method, path = data.draw(st.sampled_from(CALLS))
    pair = st.fixed_dictionaries({}, optional={"a": VALUES, "b": VALUES, "p": VALUES})
    text = data.draw((VALUES | pair).map(lambda v: json.dumps(v).encode()) | st.binary(max_size=9))
    headers = {"Content-Type": "application/json", **headers}
    note(f"{method} {path} {text!r} {headers}")
    if headers.get("Accept") != "text/event-stream":
        ask(device, method, f"/deployments/x/{path}", data=text, headers=headers)


def part(value: Any) -> str:
    """Return a part of a JSON Web Token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@fuzzed(60)
@given(
    parts=st.lists(mutated(TOKENS).map(part) | SAID, max_size=3),
    scheme=st.sampled_from(["Bearer", "bearer", "Basic", ""]),
)
def test_credentials(guarded: FlaskClient, parts: list[str], scheme: str) -> None:
    """Nobody comes in with something that looks like a token."""
    said = f"{scheme} {'.'.join(parts)}".strip()
    note(said)
    answer = ask(guarded, "GET", "/things", headers={"Authorization": said})
    assert answer.status_code in (400, 401)
