"""Why this device and not that one, also where there are far too many to name."""

import pytest
from rdflib import URIRef

from orchestrator_app.solver.queries import query

CAMERA = """(module (import "camera" "takeImage" (func))
  (memory (export "memory") 4) (func (export "take")))"""
DEVICES = 40


@pytest.fixture
def crowd(client, supervisor, wasm):
    """An orchestrator with three cameras, many that are none, and a manifest."""
    for number in range(DEVICES):
        provides = ["camera.takeImage"] if number < 3 else ["dht.getHumidity"]
        td = supervisor(f"d{number:02}", *provides)
        td["wasmiot:memoryBytes"] = 1000 if number > 20 else 10_000_000 + number
        client.put(f"/things/{td['id']}", json=td, content_type="application/td+json")
    binary = wasm(CAMERA)
    client.post("/modules?name=eye", data=binary, content_type="application/wasm")
    manifest = {"name": "look", "sequence": [{"module": "eye", "entrypoint": "take"}]}
    assert client.post("/manifests", json=manifest).status_code == 201
    return client


def test_a_rejection_that_many_share_is_recorded_once(crowd):
    """It says how many fail, names ten, and the profile that they have in common."""
    placement = crowd.get("/manifests/look/solution").get_json()["placements"][0]
    lacking, small = sorted(placement["rejections"], key=lambda r: -r["count"])
    assert (lacking["filter"], lacking["requirement"]) == ("provides_imports", "camera.takeImage")
    assert (lacking["count"], len(lacking["device"])) == (DEVICES - 3, 10)
    assert lacking["profile"].startswith("urn:wasmiot:capability-profile:")
    assert lacking["reason"] == "d03 does not provide camera.takeImage; 36 others fail the same"
    assert (small["filter"], small["count"]) == ("memory", DEVICES - 21)
    assert (placement["candidateCount"], len(placement["candidates"])) == (3, 3)


def test_any_one_device_is_explained(crowd):
    """A device that no rejection names gets its own reasons, and a candidate its scores."""
    answer = crowd.get("/manifests/look/solution?device=urn:ex:d39").get_json()
    (placement,) = answer["placements"]
    assert [r["reason"] for r in placement["rejections"]] == [
        "d39 does not provide camera.takeImage",
        "d39 has 1000 bytes; 262144 bytes are needed",
    ]
    answer = crowd.get("/manifests/look/solution?device=urn:ex:d02").get_json()
    (placement,) = answer["placements"]
    assert (placement["rejections"], placement["device"]) == ([], "urn:ex:d00")
    (candidate,) = placement["candidates"]
    assert (candidate["device"], candidate["scores"][0]["name"]) == ("urn:ex:d02", "least_load")


def test_what_is_no_device_cannot_be_explained(crowd):
    """The answer is 404, and a manifest that is not there as well."""
    assert crowd.get("/manifests/look/solution?device=urn:ex:none").status_code == 404
    assert crowd.get("/manifests/other/solution?device=urn:ex:d01").status_code == 404


def test_the_graph_knows_why_not(crowd, app):
    """One query over the kept solution gives the same reasons for any device."""
    crowd.get("/manifests/look/solution")
    store = app.extensions["wasmiot"].store
    found = {
        name: {
            (str(row["filter"]), str(row["requirement"]))
            for row in store.select(query("why_not"), device=URIRef(f"urn:ex:{name}"))
        }
        for name in ("d01", "d15", "d39")
    }
    lacks, small = ("provides_imports", "camera.takeImage"), ("memory", "262144 bytes")
    assert found == {"d01": set(), "d15": {lacks}, "d39": {lacks, small}}
