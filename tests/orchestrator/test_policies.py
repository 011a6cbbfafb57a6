"""What an operator demands binds every solution."""

import json
from io import BytesIO

import pytest
from rdflib import Graph

from orchestrator_app.certificates import keep_certificate
from orchestrator_app.placement import place

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
    assert reasons["urn:ex:a"] == "a is against policy zones: stay in the hall"
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
    assert (problem["status"], problem["breaches"]) == (
        422,
        [{"policy": "urn:wasmiot:policy:short", "message": "one step only"}],
    )


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


RISK = (
    PREFIXES
    + """[] a sh:NodeShape ; sh:targetSubjectsOf wasmiot:stepIndex ;
    sh:property [ sh:path wasmiot:riskLimit ; sh:minCount 1 ; sh:message "no limit is known" ] ,
    [ sh:path wasmiot:inputRisk ; sh:lessThanOrEquals wasmiot:riskLimit ; sh:message "too risky" ] ,
    [ sh:path wasmiot:outputRisk ; sh:lessThanOrEquals wasmiot:riskLimit ;
      sh:message "too risky" ] ."""
)


@pytest.fixture
def street(client, supervisor, wasm):
    """Two devices with limits, and a module that raises, hands on and lowers the risk of data."""
    for name, limit in (("a", 1), ("b", 3)):
        td = supervisor(name) | {"wasmiot:riskLimit": limit}
        put = client.put(f"/things/{td['id']}", json=td, content_type="application/td+json")
        assert put.status_code == 201, put.get_json()
    functions = " ".join(
        f'(func (export "{name}") (param i32) (result i32) i32.const 1)'
        for name in ("see", "resize", "blur", "count")
    )
    binary = wasm(f'(module (memory (export "memory") 1) {functions})')
    number = {"type": "integer", "minimum": 0, "maximum": 9}
    given = {"type": "object", "properties": {"p0": number}, "required": ["p0"]}
    risks = {"see": {"wasmiot:outputRisk": 3}, "blur": {"wasmiot:outputRisk": 0}}
    actions = {
        name: {"wasmiot:entrypoint": name, "input": given, "output": number, **risks.get(name, {})}
        for name in ("see", "resize", "blur", "count")
    }
    description = json.dumps({"title": "eye", "actions": actions})
    parts = {"binary": (BytesIO(binary), "eye.wasm"), "description": description}
    uploaded = client.post("/modules", data=parts)
    assert uploaded.status_code == 201, uploaded.get_json()
    steps = [{"module": "eye", "entrypoint": n} for n in ("see", "resize", "blur", "count")]
    for step in steps[1:]:
        step["dependsOn"] = [{"step": "", "input": "p0"}]
    for number, step in enumerate(steps):
        step["id"] = f"s{number}"
        if number:
            step["dependsOn"][0]["step"] = f"s{number - 1}"
    posted = client.post("/manifests", json={"name": "street", "sequence": steps})
    assert posted.status_code == 201, posted.get_json()
    return client


def test_risk_is_carried_along_the_edges(street):
    """What takes risky data is as risky, until a function declares that its output is not."""
    before = street.get("/manifests/street/solution").get_json()
    assert {p["device"] for p in before["placements"]} == {"urn:ex:a"}
    assert put(street, "risk", RISK).status_code == 201
    after = street.get("/manifests/street/solution").get_json()
    devices = [p["device"].removeprefix("urn:ex:") for p in after["placements"]]
    assert devices[:3] == ["b", "b", "b"]
    barred = [
        [r["reason"] for r in p["rejections"] if r["filter"] == "within_policy"]
        for p in after["placements"]
    ]
    assert barred == [["a is against policy risk: too risky"]] * 3 + [[]]


def test_a_device_that_was_never_the_best_is_asked_too(street):
    """Policies are asked of what is chosen; who asks about another device is told all the same."""
    td = street.get("/things/urn:ex:b").get_json() | {"wasmiot:memoryBytes": 10**9}
    assert street.put("/things/urn:ex:b", json=td).status_code == 204
    put(street, "risk", RISK)
    chosen = street.get("/manifests/street/solution").get_json()["placements"]
    assert {p["device"] for p in chosen} == {"urn:ex:b"}
    kept = [[r["reason"] for r in p["rejections"]] for p in chosen]
    assert kept == [["a is against policy risk: too risky"]] * 3 + [[]]
    told = street.get("/manifests/street/solution?device=urn:ex:a").get_json()["placements"]
    barred = [[r["reason"] for r in p["rejections"]] for p in told]
    assert barred == [["a is against policy risk: too risky"]] * 3 + [[]]


def test_a_refusal_names_policy_and_device(street):
    """Where no device is left, each is named with the policy that forbids it."""
    put(street, "risk", RISK)
    street.delete("/things/urn:ex:b")
    problem = street.get("/manifests/street/solution").get_json()
    assert (problem["status"], problem["step"]) == (422, 0)
    assert problem["rejections"][0]["reason"] == "a is against policy risk: too risky"


def test_a_certificate_says_what_was_checked(street):
    """The report is RDF: who conforms to which policy, with which shapes, and where the data is."""
    services = street.application.extensions["wasmiot"]
    put(street, "risk", RISK)
    solved = place(services.store, services.manifests.require("street"))
    keep_certificate(services.store, "street", solved.steps, solved.solution)
    answer = street.get("/deployments/street/certificate")
    assert (answer.status_code, answer.mimetype) == (200, "text/turtle")
    report = Graph().parse(data=answer.text, format="turtle")
    assert len(report) > 20
    query = """PREFIX sh: <http://www.w3.org/ns/shacl#>
    PREFIX wasmiot: <https://wetware.fi/2023/wasmiot/v1.0#>
    SELECT ?policy ?step ?in ?out {
      ?report a sh:ValidationReport ; sh:conforms true ; wasmiot:conformsToPolicy ?policy .
      ?policy wasmiot:digest ?digest .
      ?placement wasmiot:stepIndex ?step ; wasmiot:inputRisk ?in ; wasmiot:outputRisk ?out .
    } ORDER BY ?step"""
    found = street.get("/sparql", query_string={"query": query}).get_json()["results"]["bindings"]
    assert {row["policy"]["value"] for row in found} == {"urn:wasmiot:policy:risk"}
    risks = [(row["in"]["value"], row["out"]["value"]) for row in found]
    assert risks == [("0", "3"), ("3", "3"), ("3", "0"), ("0", "0")]
    assert street.get("/deployments/other/certificate").status_code == 404
