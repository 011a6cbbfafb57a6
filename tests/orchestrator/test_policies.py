"""What an operator demands binds every solution."""

import pytest

WAT = '(module (memory (export "memory") 1) (func (export "f")))'
PREFIXES = """@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix wasmiot: <https://wetware.fi/2023/wasmiot/v1.0#> .
"""
IN_THE_HALL = (
    PREFIXES
    + """[] a sh:NodeShape ; sh:targetSubjectsOf wasmiot:stepIndex ; sh:property [
    sh:path ( wasmiot:device wasmiot:zone ) ; sh:hasValue "hall" ; sh:message "stay in the hall"
] ."""
)
ONE_STEP = (
    PREFIXES
    + """[] a sh:NodeShape ; sh:targetClass wasmiot:Solution ; sh:property [
    sh:path ( wasmiot:placement <http://www.w3.org/1999/02/22-rdf-syntax-ns#rest> ) ;
    sh:hasValue <http://www.w3.org/1999/02/22-rdf-syntax-ns#nil> ; sh:message "one step only"
] ."""
)


@pytest.fixture
def hall(client, supervisor, wasm):
    """Three devices of which the last one is in the hall, and two equal steps."""
    for name, zone in (("a", "yard"), ("b", "street"), ("c", "hall")):
        td = supervisor(name) | {"wasmiot:zone": zone}
        client.put(f"/things/{td['id']}", json=td, content_type="application/td+json")
    client.post("/modules?name=m", data=wasm(WAT), content_type="application/wasm")
    step = {"module": "m", "entrypoint": "f"}
    client.post("/manifests", json={"name": "two", "sequence": [step, step]})
    return client


def put(client, name, turtle):
    """Put a policy and return the answer."""
    return client.put(f"/policies/{name}", data=turtle, content_type="text/turtle")


def test_a_policy_binds(hall):
    """What it forbids is rejected by its words, and what conforms says to what."""
    before = hall.get("/manifests/two/solution").get_json()
    assert [p["device"] for p in before["placements"]] == ["urn:ex:a", "urn:ex:a"]
    assert put(hall, "zones", IN_THE_HALL).status_code == 201
    after = hall.get("/manifests/two/solution").get_json()
    assert [p["device"] for p in after["placements"]] == ["urn:ex:c", "urn:ex:c"]
    assert after["policies"] == ["urn:wasmiot:policy:zones"]
    reasons = {r["device"]: r["reason"] for r in after["placements"][0]["rejections"]}
    assert reasons["urn:ex:a"] == "a is against a policy: stay in the hall"
    explained = hall.get("/manifests/two/solution?device=urn:ex:a").get_json()["placements"][1]
    assert [r["filter"] for r in explained["rejections"]] == ["within_policy"]
    supposed = hall.post("/manifests/two/what-if", json={"remove": ["urn:ex:c"]}).get_json()
    assert (supposed["placements"], supposed["problem"]["status"]) == (None, 422)


def test_what_no_device_conforms_to_has_no_solution(hall):
    """Every rejection names the policy's message."""
    put(hall, "zones", IN_THE_HALL)
    hall.delete("/things/urn:ex:c")
    problem = hall.post("/manifests/two/deploy").get_json()
    assert problem["status"] == 422
    assert {r["filter"] for r in problem["rejections"]} == {"within_policy"}


def test_a_policy_about_the_whole_can_forbid_every_solution(hall):
    """The problem carries what the policy says."""
    put(hall, "short", ONE_STEP)
    problem = hall.get("/manifests/two/solution").get_json()
    assert (problem["status"], problem["breaches"]) == (422, ["one step only"])


def test_policies_are_kept_and_removed(hall):
    """They are listed, given back as they came, replaced and removed."""
    put(hall, "zones", IN_THE_HALL)
    assert put(hall, "zones", IN_THE_HALL).status_code == 204
    assert hall.get("/policies").get_json() == ["zones"]
    assert hall.get("/policies/zones").text == IN_THE_HALL
    assert hall.delete("/policies/zones").status_code == 204
    assert hall.get("/policies/zones").status_code == 404
    assert "policies" not in hall.get("/manifests/two/solution").get_json()


@pytest.mark.parametrize(
    ("name", "turtle"),
    [
        ("Bad Name", IN_THE_HALL),
        ("empty", ""),
        ("text", "this is no turtle"),
        ("binary", b"\xff\xfe"),
        ("deep", "[] <urn:p> " + "[ <urn:p> " * 3000),
        ("code", PREFIXES + '[] a sh:NodeShape ; sh:sparql [ sh:select "SELECT" ] .'),
    ],
)
def test_what_is_no_policy_is_refused(hall, name, turtle):
    """Nothing of it is kept."""
    answer = put(hall, name, turtle)
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    assert hall.get("/policies").get_json() == []
