"""What is a kind of what: our own statements, an operator's, and nobody else's."""

import json
from io import BytesIO

import pytest

from orchestrator_app.semantic_types import is_kind_of, subclasses_of

SAREF = "https://w3id.org/saref#"
SOSA = "http://www.w3.org/ns/sosa/"
BARN = """@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix saref: <https://w3id.org/saref#> .
<urn:barn#Thermometer> rdfs:subClassOf saref:TemperatureSensor , [ a owl:Restriction ] .
<urn:barn#Lämpömittari> owl:equivalentClass <urn:barn#Thermometer> .
saref:Sensor rdfs:subClassOf <urn:barn#Thermometer> .
"""


@pytest.fixture
def store(app):
    """The store of an orchestrator."""
    return app.extensions["wasmiot"].store


def put(client, turtle=BARN, name="barn"):
    """Put an ontology and return the answer."""
    return client.put(f"/ontologies/{name}", data=turtle, content_type="text/turtle")


def test_a_temperature_sensor_is_a_sensor(store):
    """Whoever says which: SAREF's classes are SOSA's as well."""
    assert f"{SAREF}TemperatureSensor" in subclasses_of(store, f"{SAREF}Sensor")
    assert f"{SAREF}TemperatureSensor" in subclasses_of(store, f"{SOSA}Sensor")
    assert subclasses_of(store, "urn:ex:Nothing") == {"urn:ex:Nothing"}
    assert not is_kind_of(store, [f"{SAREF}Sensor"], [f"{SAREF}TemperatureSensor"])


def test_an_uploaded_ontology_counts(client, store):
    """Subclasses, equivalents and even circles of them, until it is removed again."""
    assert put(client).status_code == 201
    assert put(client).status_code == 204
    kinds = subclasses_of(store, f"{SOSA}Sensor")
    assert {"urn:barn#Thermometer", "urn:barn#Lämpömittari", f"{SAREF}Sensor"} <= kinds
    assert client.get("/ontologies").get_json() == ["barn", "wasmiot"]
    assert client.get("/ontologies/barn").text == BARN
    assert client.delete("/ontologies/barn").status_code == 204
    assert "urn:barn#Thermometer" not in subclasses_of(store, f"{SOSA}Sensor")
    assert client.get("/ontologies/barn").status_code == 404


def test_queries_see_the_ontologies(client, thing):
    """A path over subclasses finds the Things of a wider class."""
    td = thing("t", id="urn:ex:t", **{"@type": ["Thing", f"{SAREF}TemperatureSensor"]})
    client.put("/things/urn:ex:t", json=td, content_type="application/td+json")
    query = (
        "SELECT ?thing { ?thing a/<http://www.w3.org/2000/01/rdf-schema#subClassOf>* "
        f"<{SOSA}Sensor> }}"
    )
    found = client.get("/sparql", query_string={"query": query}).get_json()
    assert [row["thing"]["value"] for row in found["results"]["bindings"]] == ["urn:ex:t"]


def test_what_a_thing_says_of_classes_is_not_believed(client, store, thing):
    """Or else any lamp would be a temperature sensor."""
    td = thing("t", id="urn:ex:t") | {
        "urn:ex:says": {
            "@id": f"{SAREF}LightSwitch",
            "http://www.w3.org/2000/01/rdf-schema#subClassOf": {"@id": f"{SAREF}Sensor"},
        }
    }
    client.put("/things/urn:ex:t", json=td, content_type="application/td+json")
    assert f"{SAREF}LightSwitch" not in subclasses_of(store, f"{SAREF}Sensor")


@pytest.mark.parametrize(
    ("name", "turtle", "status"),
    [
        ("Bad Name", BARN, 422),
        ("text", "no turtle", 422),
        ("empty", "", 422),
        ("wasmiot", BARN, 409),
        ("deep", "[] <urn:p> " + "[ <urn:p> " * 3000, 422),
    ],
)
def test_what_is_no_ontology_is_refused(client, name, turtle, status):
    """Nothing of it is kept, and our own stays as it is."""
    answer = put(client, turtle, name)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert client.get("/ontologies").get_json() == ["wasmiot"]


@pytest.mark.parametrize("kind", ["ontologies", "policies"])
def test_what_is_wrong_with_turtle_is_told_with_its_line(client, kind):
    """As a person can read it: what the parser says has bytes in it."""
    text = "<urn:a> <urn:b> <urn:c> .\nbäd"
    answer = client.put(f"/{kind}/x", data=text.encode(), content_type="text/turtle")
    told = "line 2: expected directive or statement, and there is 'bäd'"
    assert answer.get_json()["detail"].endswith(told)


def test_an_interface_implies_its_functions(client, supervisor, wasm):
    """A device that provides `camera` takes a module that imports a function of it."""
    binary = wasm(
        '(module (import "camera" "takeImage" (func)) (memory (export "memory") 1)'
        ' (func (export "f")))'
    )
    for name, interface in (("eye", "camera"), ("ear", "dht")):
        td = supervisor(name, interface)
        client.put(f"/things/{td['id']}", json=td, content_type="application/td+json")
    client.post("/modules?name=m", data=binary, content_type="application/wasm")
    step = {"module": "m", "entrypoint": "f", "requires": {"interfaces": ["camera.takeImage"]}}
    answer = client.post("/manifests?dry-run=true", json={"name": "one", "sequence": [step]})
    (placement,) = answer.get_json()["placements"]
    assert placement["device"] == "urn:ex:eye"
    assert {r["device"] for r in placement["rejections"]} == {"urn:ex:ear"}


def test_an_uploaded_class_counts_along_the_edges(client, wasm):
    """What one step gives means what the next one takes, because an ontology says so."""
    binary = wasm(
        '(module (memory (export "memory") 1) (func (export "give") (result f32) f32.const 1)'
        ' (func (export "take") (param f32)))'
    )
    reading = {"type": "number", "@type": "urn:barn#Warmth", "unit": "Cel"}
    wanted = {"type": "number", "@type": "saref:Temperature", "unit": "unit:DEG_C"}
    model = {
        "title": "m",
        "actions": {
            "give": {"wasmiot:entrypoint": "give", "output": reading},
            "take": {
                "wasmiot:entrypoint": "take",
                "input": {"type": "object", "properties": {"p0": wanted}, "required": ["p0"]},
            },
        },
    }
    parts = {"binary": (BytesIO(binary), "m.wasm"), "description": json.dumps(model)}
    uploaded = client.post("/modules", data=parts)
    assert uploaded.status_code == 201, uploaded.get_json()
    steps = [{"module": "m", "entrypoint": "give"}, {"module": "m", "entrypoint": "take"}]
    steps[1]["dependsOn"] = [{"step": "first", "input": "p0"}]
    steps[0]["id"] = "first"
    refused = client.post("/manifests?dry-run=true", json={"name": "one", "sequence": steps})
    assert "means saref:Temperature" in refused.get_json()["detail"]
    rdfs = "http://www.w3.org/2000/01/rdf-schema#subClassOf"
    known = put(client, f"<urn:barn#Warmth> <{rdfs}> <{SAREF}Temperature> .")
    assert known.status_code == 201
    answer = client.post("/manifests?dry-run=true", json={"name": "one", "sequence": steps})
    assert "no device" in answer.get_json()["detail"]
