"""Clients that do not read, send too many headers, or ask for too much at once."""

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from wasmtime import wat2wasm

pytestmark = pytest.mark.usefixtures("bounded")

TD = "https://www.w3.org/2022/wot/td/v1.1"
JSON_TD = {"Content-Type": "application/td+json"}
CLOSE = b"Connection: close\r\n\r\n"
BYTES_OF_CHANGE = 2_000_000
N_CHANGES = 45
"""So many changes of so many bytes, both descriptions together, are more than is kept."""

NOSEC = {"security": "n", "securityDefinitions": {"n": {"scheme": "nosec"}}}


@pytest.mark.parametrize("name", ["orchestrator", "supervisor"])
def test_headers_and_addresses_without_end(orchestrator: Any, supervisor: Any, name: str) -> None:
    """They are refused before anything is made of them."""
    target = {"orchestrator": orchestrator, "supervisor": supervisor}[name]
    many = {f"X-{number}": "v" * 100 for number in range(2000)}
    assert target.ask("GET", "/healthz", headers=many).status == 431
    assert target.ask("GET", "/healthz", headers={"X": "v" * 2_000_000}).status == 431
    assert target.ask("GET", f"/healthz?x={'a' * 300_000}").status == 414
    arguments = "&".join(f"a{number}=1" for number in range(5000))
    assert target.ask("GET", f"/healthz?{arguments}").status == 200


@pytest.mark.parametrize("argument", ["limit", "offset"])
def test_numbers_without_end(orchestrator: Any, argument: str) -> None:
    """A number that no directory could have is no number."""
    answer = orchestrator.ask("GET", f"/things?{argument}={'9' * 5000}")
    assert answer.status == 400
    assert "whole number" in answer.problem["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/packages/..%2f..%2f..%2fetc%2fpasswd",
        f"/packages/sha256:{'../' * 10}etc/passwd",
        "/static/../../../../etc/passwd",
        "/contexts/..%2f..%2fpyproject",
        "/things/urn:x%00%0a",
        "/things/urn:x%22%20%7D%20DROP%20ALL",
        "/modules/..%2f..%2fid",
        "/ontologies/..%2fx",
        "/policies/%2e%2e%2fx",
    ],
)
def test_paths_that_lead_out(orchestrator: Any, path: str) -> None:
    """Nothing is there."""
    assert orchestrator.ask("GET", path).status == 404


@pytest.mark.parametrize(
    "thing_id", ["urn:x%3E%20%3Curn:y%3E%20.%20%3Curn:a", "urn:x%7F", "no%20iri"]
)
def test_ids_that_break_out(orchestrator: Any, thing_id: str) -> None:
    """An id that is no IRI is refused, before any query holds it."""
    text = json.dumps({"@context": TD, "title": "x", **NOSEC}).encode()
    headers = {"Content-Type": "application/td+json"}
    answer = orchestrator.ask("PUT", f"/things/{thing_id}", text, headers)
    assert answer.status == 400
    assert "is no IRI" in answer.problem["detail"]
    assert orchestrator.things() == []


BREAKING_OUT = ("x> } DROP ALL #", "urn:x> } DROP ALL #", 'x" } } ; DROP ALL #')
MODULE = bytes(wat2wasm('(module (func (export "f") (result i32) i32.const 1))'))


def asked(target: Any, query: str) -> Any:
    """Return what the graph says."""
    answer = target.ask("GET", f"/sparql?query={quote(query)}")
    assert answer.status == 200
    return json.loads(answer.body)["results"]["bindings"]


@pytest.fixture
def bystander(orchestrator: Any) -> Iterator[Any]:
    """Return how a Thing looks that nobody means, and its graph."""
    thing = json.dumps({"@context": TD, "id": "urn:ex:by", "title": "by", **NOSEC}).encode()
    put = orchestrator.ask("PUT", "/things/urn:ex:by", thing, JSON_TD)
    assert put.status == 201

    def looked_at() -> Any:
        graph = "SELECT (COUNT(*) AS ?count) { GRAPH <urn:ex:by> { ?s ?p ?o } }"
        return orchestrator.things(), asked(orchestrator, graph)

    yield looked_at
    assert orchestrator.ask("DELETE", "/things/urn:ex:by").status == 204


@pytest.mark.parametrize("name", BREAKING_OUT)
def test_names_of_modules_that_break_out(orchestrator: Any, bystander: Any, name: str) -> None:
    """A module and a manifest may be called so: it is a text, in the graph too, and no more."""
    before = bystander()
    path, binary = f"/modules?name={quote(name)}", {"Content-Type": "application/wasm"}
    uploaded = orchestrator.ask("POST", path, MODULE, binary)
    assert uploaded.status == 201
    model = json.loads(uploaded.body)
    manifest = {
        "name": name,
        "sequence": [{"module": model["id"].split(":", 3)[3], "entrypoint": "f"}],
    }
    text, about = json.dumps(manifest).encode(), {"Content-Type": "application/json"}
    made = orchestrator.ask("POST", "/manifests", text, about)
    assert (made.status, json.loads(made.body)["name"]) == (201, name)
    title = f"{{ GRAPH <{model['id']}> {{ ?m <https://www.w3.org/2019/wot/td#title> ?title }} }}"
    texts = asked(orchestrator, f"SELECT ?title {title}")
    assert [found["title"]["value"] for found in texts] == [name] == [model["title"]]
    assert bystander() == before
    for listed in ("/manifests", "/modules"):
        (kept,) = json.loads(orchestrator.ask("GET", listed).body)
        gone = orchestrator.ask("DELETE", f"{listed}/{kept['id'].split(':', 3)[3]}")
        assert gone.status == 204


@pytest.mark.parametrize("name", BREAKING_OUT)
def test_names_of_devices_that_break_out(orchestrator: Any, bystander: Any, name: str) -> None:
    """No step is for such a device, and none is cordoned."""
    before = bystander()
    binary = {"Content-Type": "application/wasm"}
    assert orchestrator.ask("POST", "/modules?name=plain", MODULE, binary).status == 201
    step = {"device": name, "module": "plain", "entrypoint": "f"}
    text = json.dumps({"name": "pinned", "sequence": [step]}).encode()
    answer = orchestrator.ask("POST", "/manifests", text, {"Content-Type": "application/json"})
    assert answer.status == 422
    assert "/sequence/0/device" in answer.problem["detail"]
    for method in ("PUT", "DELETE"):
        assert orchestrator.ask(method, f"/cordons/{quote(name)}").status == 404
    for listed in ("/manifests", "/cordons"):
        assert json.loads(orchestrator.ask("GET", listed).body) == []
    assert bystander() == before
    assert orchestrator.ask("DELETE", "/modules/plain").status == 204


def test_who_never_reads_events(orchestrator: Any) -> None:
    """Listeners that take nothing hold neither memory nor those who work.

    Each of their streams ends, and the log tells of each.
    """
    listeners, log = [], orchestrator.server.log
    n_before = log.read_text().count("listener_dropped")
    try:
        for _ in range(6):
            connection = orchestrator.connect()
            listeners.append(connection)
            connection.sendall(b"GET /events?diff=true HTTP/1.1\r\nHost: x\r\n" + CLOSE)
        headers = {"Content-Type": "application/td+json"}
        for number in range(10, 10 + N_CHANGES):
            title = f"{number}" * (BYTES_OF_CHANGE // 4)
            described = {"@context": TD, "id": "urn:ex:a", "title": title, **NOSEC}
            text = json.dumps(described).encode()
            assert orchestrator.ask("PUT", "/things/urn:ex:a", text, headers).status in (201, 204)
        assert orchestrator.ask("GET", "/healthz").status == 200
        for connection in listeners:
            with contextlib.suppress(ConnectionResetError):  # after half a minute
                while connection.recv(2**20):  # what was sent before, and then the end
                    pass
        deadline = time.monotonic() + 60
        while log.read_text().count("listener_dropped") < n_before + len(listeners):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        for connection in listeners:
            connection.close()
        assert orchestrator.ask("DELETE", "/things/urn:ex:a").status == 204
