"""Clients that do not read, send too many headers, or ask for too much at once."""

import json
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("bounded")

TD = "https://www.w3.org/2022/wot/td/v1.1"
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


def test_who_never_reads_events(orchestrator: Any) -> None:
    """Listeners that take nothing hold neither memory nor those who work."""
    listeners = []
    try:
        for _ in range(6):
            connection = orchestrator.connect()
            listeners.append(connection)
            connection.sendall(b"GET /events?diff=true HTTP/1.1\r\nHost: x\r\n\r\n")
        headers = {"Content-Type": "application/td+json"}
        for number in range(60):
            described = {"@context": TD, "id": "urn:ex:a", "title": f"{number}" * 50_000, **NOSEC}
            text = json.dumps(described).encode()
            assert orchestrator.ask("PUT", "/things/urn:ex:a", text, headers).status in (201, 204)
        assert orchestrator.ask("GET", "/healthz").status == 200
    finally:
        for connection in listeners:
            connection.close()
        assert orchestrator.ask("DELETE", "/things/urn:ex:a").status == 204
