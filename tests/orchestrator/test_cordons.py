"""Devices on which an operator wants no new work."""

import json

import pytest
from flask.testing import FlaskClient

MODULE = """(module (memory (export "memory") 1)
  (func (export "one") (result i32) (i32.const 1)))"""
MANIFEST = {"name": "count", "sequence": [{"module": "count", "entrypoint": "one"}]}


@pytest.fixture
def fleet(client: FlaskClient, supervisor, wasm) -> FlaskClient:
    """Return an orchestrator that knows two devices, and a module that both could run."""
    for name in ("a", "b"):
        assert client.put(f"/things/urn:ex:{name}", json=supervisor(name)).status_code == 201
    answer = client.post("/modules?name=count", data=wasm(MODULE), content_type="application/wasm")
    assert answer.status_code == 201, answer.text
    return client


def solution(client: FlaskClient, **step: str):
    """Solve the manifest without keeping anything."""
    manifest = {**MANIFEST, "sequence": [MANIFEST["sequence"][0] | step]}
    return client.post("/manifests?dry-run=true", data=json.dumps(manifest))


def test_a_cordoned_device_does_not_count(fleet):
    """It is rejected with the reason, and counts again when it is let free."""
    assert fleet.put("/cordons/urn:ex:a").status_code == 201
    assert fleet.put("/cordons/urn:ex:a").status_code == 204
    assert [c["device"] for c in fleet.get("/cordons").json] == ["urn:ex:a"]
    placed = solution(fleet).json["placements"][0]
    assert placed["device"] == "urn:ex:b"
    assert [(r["device"], r["filter"]) for r in placed["rejections"]] == [("urn:ex:a", "cordoned")]
    assert fleet.delete("/cordons/urn:ex:a").status_code == 204
    assert solution(fleet).json["placements"][0]["rejections"] == []


def test_what_is_pinned_to_a_cordoned_device_stays(fleet):
    """As what runs there stays."""
    fleet.put("/cordons/urn:ex:a")
    assert solution(fleet, device="urn:ex:a").json["placements"][0]["device"] == "urn:ex:a"


def test_where_all_are_cordoned_there_is_no_solution(fleet):
    """The answer says so of each."""
    for name in ("a", "b"):
        fleet.put(f"/cordons/urn:ex:{name}")
    answer = solution(fleet)
    assert answer.status_code == 422
    assert "cordoned" in answer.text


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_what_is_no_device_cannot_be_cordoned(client, method):
    """404 with problem details, and nothing is kept."""
    answer = client.open("/cordons/urn:ex:nobody", method=method)
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert client.get("/cordons").json == []


def test_the_graph_knows_of_it(fleet):
    """It is a statement about the device, to be asked for."""
    fleet.put("/cordons/urn:ex:b")
    query = "ASK { <urn:ex:b> <https://wetware.fi/2023/wasmiot/v1.0#isCordoned> true }"
    assert fleet.get("/sparql", query_string={"query": query}).json["boolean"] is True
