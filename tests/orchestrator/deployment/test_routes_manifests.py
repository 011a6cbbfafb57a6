"""`/manifests`: taken in, refused with what and where, solved, deployed."""

import pytest


def test_a_manifest_needs_name_and_sequence_alone(yard):
    """Context, type and id are filled in; the name makes the URL."""
    answer = yard.submit("read", "double", name="Thermo Döuble!")
    assert answer.status_code == 201
    assert answer.headers["Location"] == "http://orchestrator/manifests/thermo-double"
    document = yard.client.get("/manifests/thermo-double").get_json()
    assert document["id"] == "urn:wasmiot:manifest:thermo-double"
    assert document["@type"] == "wasmiot:Manifest"


@pytest.mark.parametrize(
    ("body", "status", "where"),
    [
        (b"{", 400, ""),
        (b'{"name": "a", "name": "b", "sequence": []}', 422, "/name"),
        (b"[]", 422, ""),
        (b'{"name": "a"}', 422, ""),
        (b'{"name": "a", "sequence": []}', 422, "/sequence"),
        (b'{"name": "a", "sequence": [{"module": "read"}]}', 422, "/sequence/0"),
        (
            b'{"name": "a", "sequence": [{"module": "read", "entrypoint": "read", "x": 1}]}',
            422,
            "/sequence/0/x",
        ),
        (
            b'{"name": "a", "sequence": [{"module": "oracle", "entrypoint": "ask"}]}',
            422,
            "/sequence/0/module",
        ),
        (
            b'{"name": "a", "sequence": [{"module": "read", "entrypoint": "ask"}]}',
            422,
            "/sequence/0/entrypoint",
        ),
    ],
)
def test_a_bad_manifest_is_refused_with_the_place_of_the_fault(yard, body, status, where):
    """Each fault is a problem with a JSON pointer, and nothing is stored."""
    answer = yard.client.post("/manifests", data=body, content_type="application/ld+json")
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    assert where in [e["field"] for e in answer.get_json()["validationErrors"]]
    assert yard.client.get("/manifests").get_json() == []


def test_the_solution_gives_every_reason(yard):
    """For each step the device, the scores, and who was rejected for what."""
    yard.submit("read", "double")
    read, double = yard.client.get("/manifests/thermo/solution").get_json()["placements"]
    assert (read["device"], double["device"]) == ("urn:ex:sensor", "urn:ex:large")
    reasons = [r["reason"] for r in read["rejections"]]
    assert "large does not provide dht.getTemperature" in reasons
    assert {r["filter"] for r in double["rejections"]} == {"memory"}


def test_the_solution_can_be_asked_for_in_sparql(yard):
    """Why not this device? The stored solution answers as RDF."""
    yard.submit("read", "double")
    yard.client.get("/manifests/thermo/solution")
    rows = yard.parts.store.select(
        """PREFIX wasmiot: <https://wetware.fi/2023/wasmiot/v1.0#>
        SELECT ?reason { ?r wasmiot:device <urn:ex:small> ; wasmiot:reason ?reason }"""
    )
    assert "small does not provide dht.getTemperature" in {str(r["reason"]) for r in rows}


def test_a_manifest_without_solution_names_step_requirement_and_devices(yard):
    """The problem's members say which step, and for each device why not."""
    yard.client.delete("/things/urn:ex:sensor")
    yard.submit("read", "double")
    answer = yard.client.post("/manifests/thermo/deploy")
    problem = answer.get_json()
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    assert (problem["step"], problem["conflict"]) == (0, ["dht.getTemperature"])
    assert {r["device"] for r in problem["rejections"]} == {"urn:ex:large", "urn:ex:small"}
    assert yard.client.get("/deployments").get_json() == []


def test_steps_that_do_not_fit_each_other_are_refused(yard):
    """The sensor takes no input, so nothing can be passed to it."""
    yard.submit("double", "read")
    problem = yard.client.get("/manifests/thermo/solution").get_json()
    assert (problem["status"], problem["step"]) == (422, 1)
    assert problem["validationErrors"][0]["field"] == "/sequence/1"


def test_a_manifest_that_is_deployed_cannot_be_deleted(yard):
    """First undeploy, then delete."""
    yard.submit("read")
    yard.client.post("/manifests/thermo/deploy")
    assert yard.client.delete("/manifests/thermo").status_code == 409
    assert yard.client.delete("/deployments/thermo").status_code == 204
    assert yard.client.delete("/manifests/thermo").status_code == 204
    assert yard.client.get("/manifests/thermo").status_code == 404


def test_what_is_not_there_is_a_problem(yard):
    """Unknown manifests and deployments answer 404 with problem details."""
    for path in ("/manifests/x", "/manifests/x/solution", "/deployments/x"):
        answer = yard.client.get(path)
        assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


def test_a_dry_run_solves_and_keeps_nothing(yard):
    """The answer is the solution; neither it nor the manifest is stored."""
    manifest = {"name": "thermo", "sequence": [{"module": "read", "entrypoint": "read"}]}
    answer = yard.client.post("/manifests?dry-run=true", json=manifest)
    assert answer.get_json()["placements"][0]["device"] == "urn:ex:sensor"
    assert yard.client.get("/manifests").get_json() == []
    assert yard.parts.store.list("solution") == []
