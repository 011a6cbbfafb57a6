"""Solutions of compositions that are graphs: documents, graph, reasons, suppositions."""

import pytest
from rdflib import URIRef

from orchestrator_app.solver.queries import query

WAT = """(module (memory (export "memory") 1)
  (func (export "source") (result f32) (f32.const 1))
  (func (export "twice") (param f32) (result f32) (local.get 0))
  (func (export "add") (param f32 f32) (result f32) (local.get 0)))"""
MANIFEST = {
    "name": "diamond",
    "sequence": [
        {"id": "s", "module": "m", "entrypoint": "source"},
        {"id": "a", "module": "m", "entrypoint": "twice", "dependsOn": [{"step": "s"}]},
        {"id": "b", "module": "m", "entrypoint": "twice", "dependsOn": [{"step": "s"}]},
        {
            "module": "m",
            "entrypoint": "add",
            "dependsOn": [{"step": "a", "input": "p0"}, {"step": "b", "input": "p1"}],
        },
        {"thing": "urn:ex:lamp", "affordance": "dim"},
    ],
}
YAML = """
name: diamond
sequence:
  - {id: s, module: m, entrypoint: source}
  - {id: a, module: m, entrypoint: twice, dependsOn: [{step: s}]}
  - {id: b, module: m, entrypoint: twice, dependsOn: [{step: s}]}
  - module: m
    entrypoint: add
    dependsOn:
      - {step: a, input: p0}
      - {step: b, input: p1}
  - {thing: "urn:ex:lamp", affordance: dim}
"""
FORM = [{"href": "http://lamp.example/dim"}]


@pytest.fixture
def diamond(client, supervisor, thing, wasm):
    """An orchestrator with two devices in two zones, a lamp, and a manifest that is a graph."""
    for name in ("hall", "yard"):
        td = supervisor(name) | {"wasmiot:zone": name}
        client.put(f"/things/{td['id']}", json=td, content_type="application/td+json")
    dim = {"input": {"type": "number"}, "forms": FORM}
    td = thing("lamp", id="urn:ex:lamp", actions={"dim": dim})
    client.put("/things/urn:ex:lamp", json=td, content_type="application/td+json")
    client.post("/modules?name=m", data=wasm(WAT), content_type="application/wasm")
    assert client.post("/manifests", json=MANIFEST).status_code == 201
    return client


def test_which_step_feeds_which_is_one_query(diamond):
    """The kept solution has the edges, as PROV-O says what informs what."""
    assert diamond.get("/manifests/diamond/solution").status_code == 200
    store = diamond.application.extensions["wasmiot"].store
    rows = store.select(query("feeds"), solution=URIRef("urn:wasmiot:solution:diamond"))
    found = sorted((str(r["from"]), str(r["to"]), str(r.get("input", ""))) for r in rows)
    assert found == [
        ("a", "add", "p0"),
        ("add", "dim", ""),
        ("b", "add", "p1"),
        ("s", "a", ""),
        ("s", "b", ""),
    ]


def test_a_graph_in_yaml_has_the_same_solution(diamond):
    """The same document, the same devices, the same edges."""
    as_json = diamond.post("/manifests?dry-run=true", json=MANIFEST).get_json()
    as_yaml = diamond.post(
        "/manifests?dry-run=true", data=YAML, content_type="application/ld+yaml"
    ).get_json()
    assert as_yaml["placements"] == as_json["placements"]
    assert as_json["isOptimal"] is True
    again = diamond.post("/manifests", data=YAML, content_type="application/ld+yaml")
    assert again.get_json() == diamond.get("/manifests/diamond").get_json()
    assert again.status_code == 200


def test_neighbours_in_the_graph_are_near(diamond):
    """Every step is scored by all that it takes from and gives to."""
    placements = diamond.get("/manifests/diamond/solution").get_json()["placements"]
    assert {p["device"] for p in placements} == {"urn:ex:hall"}
    weights = [
        {s["name"]: s["weight"] for s in p["candidates"][0]["scores"]}["locality"]
        for p in placements
    ]
    assert weights == [1.0, 1.0, 1.0, 1.5, 0.5]


def test_one_device_is_explained_for_every_step_of_a_graph(diamond):
    """Also for the one that only speaks for a Thing."""
    answer = diamond.get("/manifests/diamond/solution?device=urn:ex:yard").get_json()
    names = [p["name"] for p in answer["placements"]]
    assert names == ["s", "a", "b", "add", "dim"]
    assert all(p["candidates"][0]["device"] == "urn:ex:yard" for p in answer["placements"])
    assert "module" not in answer["placements"][4]


def test_one_device_is_explained_where_a_thing_is_missing(diamond):
    """What the device lacks does not depend on what else is not there."""
    diamond.delete("/things/urn:ex:lamp")
    assert diamond.get("/manifests/diamond/solution").status_code == 422
    answer = diamond.get("/manifests/diamond/solution?device=urn:ex:yard")
    assert len(answer.get_json()["placements"]) == 5


def test_a_supposition_moves_a_whole_graph(diamond):
    """Without a device its steps go elsewhere, and so does what stands for a Thing."""
    answer = diamond.post("/manifests/diamond/what-if", json={"remove": ["urn:ex:hall"]})
    changes = answer.get_json()["changes"]
    assert [c["step"] for c in changes] == [0, 1, 2, 3, 4]
    assert {c["to"] for c in changes} == {"urn:ex:yard"}
    last = answer.get_json()["placements"][4]
    assert last["uses"]["op"] == "invokeaction"


def test_steps_of_things_need_some_device(diamond):
    """Where there is none, the step that has no candidate is named."""
    gone = {"remove": ["urn:ex:hall", "urn:ex:yard"]}
    problem = diamond.post("/manifests/diamond/what-if", json=gone).get_json()["problem"]
    assert problem["title"] == "No device can take a step"


def test_the_context_of_a_step_of_a_thing_may_be_pinned(diamond):
    """The device that speaks for the Thing can be named as for any step."""
    steps = [*MANIFEST["sequence"][:4], {**MANIFEST["sequence"][4], "device": "urn:ex:yard"}]
    solved = diamond.post("/manifests?dry-run=true", json={**MANIFEST, "sequence": steps})
    devices = [p["device"] for p in solved.get_json()["placements"]]
    assert devices[4] == "urn:ex:yard"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("wasmiot:uses ; sh:maxCount 0", 422),
        ("prov:wasInformedBy ; sh:maxCount 1", 422),
        ("prov:wasInformedBy ; sh:maxCount 2", 200),
    ],
)
def test_policies_see_edges_and_things(diamond, path, status):
    """An operator may forbid what uses Things, or what joins too much."""
    policy = f"""@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix prov: <http://www.w3.org/ns/prov#> .
@prefix wasmiot: <https://wetware.fi/2023/wasmiot/v1.0#> .
[] a sh:NodeShape ; sh:targetSubjectsOf wasmiot:stepIndex ;
    sh:property [ sh:path {path} ; sh:message "not so" ] ."""
    put = diamond.put("/policies/p", data=policy, content_type="text/turtle")
    assert put.status_code == 201
    assert diamond.get("/manifests/diamond/solution").status_code == status


def test_a_manifest_has_no_more_edges_than_can_be_solved(diamond):
    """A graph that is too dense is refused before anything is looked for."""
    dense = {"module": "m", "entrypoint": "add", "dependsOn": [{"step": "s"}] * 301}
    answer = diamond.post("/manifests", json={**MANIFEST, "sequence": [dense]})
    assert (answer.status_code, answer.get_json()["title"]) == (422, "Too many edges")
