"""What a step asks of the graph: classes, quantities, shapes and patterns."""

import pytest

WAT = '(module (memory (export "memory") 1) (func (export "f")))'
QUDT = "http://qudt.org/schema/qudt/"
PROPERTY = "[] a sh:NodeShape ; sh:property [ sh:path wasmiot:zone ; {} ] ."


def battery(hours):
    """Return a quantity value: a charge."""
    unit = {"@id": "http://qudt.org/vocab/unit/A-HR"}
    return {f"{QUDT}numericValue": hours, f"{QUDT}hasUnit": unit}


DEVICES = {
    "arm": {"@type": ["Thing", "wasmiot:Supervisor", "saref:TemperatureSensor"]},
    "big": {"wasmiot:memory": {"value": 512, "unit": "unit:MebiBYTE"}, "wasmiot:zone": "hall"},
    "car": {"urn:ex:battery": battery(3.2), "wasmiot:zone": "yard"},
}


@pytest.fixture
def place(client, supervisor, wasm):
    """Return what solves a manifest of one step with some more members."""
    for name, members in DEVICES.items():
        td = supervisor(name) | members
        if "wasmiot:memory" in members:
            del td["wasmiot:memoryBytes"]
        put = client.put(f"/things/{td['id']}", json=td, content_type="application/td+json")
        assert put.status_code == 201, put.get_json()
    client.post("/modules?name=m", data=wasm(WAT), content_type="application/wasm")

    def solved(**members):
        manifest = {"name": "one", "sequence": [{"module": "m", "entrypoint": "f", **members}]}
        return client.post("/manifests?dry-run=true", json=manifest)

    return solved


def quantity(property, **members):
    """Return a requirement of one quantity."""
    return {"quantities": [{"property": property, **members}]}


@pytest.mark.parametrize(
    ("requires", "device", "requirement", "offered"),
    [
        ({"type": "saref:Sensor"}, "arm", "type https://w3id.org/saref#Sensor", "Supervisor"),
        (
            quantity("wasmiot:memoryBytes", atLeast=0.25, unit="unit:GibiBYTE"),
            "big",
            "memoryBytes at least 0.25 GibiBYTE",
            "1000000 BYTE",
        ),
        ({"memoryBytes": 2**28}, "big", "268435456 bytes of memory", "1000000 bytes of memory"),
        (
            quantity("urn:ex:battery", atLeast=3000, atMost=4000, unit="mA.h"),
            "car",
            "at least 3000 and at most 4000 MilliA-HR",
            "none",
        ),
        ({"shape": PROPERTY.format('sh:hasValue "yard"')}, "car", "zone hasValue yard", "hall"),
        (
            {"shape": '[] a sh:NodeShape ; sh:class saref:Sensor ; sh:message "a sensor" .'},
            "arm",
            "a sensor",
            "Supervisor",
        ),
        (
            {
                "shape": "[] a sh:NodeShape ; sh:property [ "
                f"sh:path ( <urn:ex:battery> <{QUDT}numericValue> ) ; sh:minInclusive 3 ; "
                "sh:minCount 1 ] ."
            },
            "car",
            "battery / numericValue minCount 1, minInclusive 3",
            "none",
        ),
        (
            {"pattern": "?device wasmiot:zone ?zone FILTER (?zone > 'i')"},
            "car",
            "pattern ?device wasmiot:zone ?zone FILTER (?zone > 'i')",
            "no match",
        ),
        (
            {"pattern": "?device a/rdfs:subClassOf* sosa:Sensor"},
            "arm",
            "pattern ?device a/rdfs:subClassOf* sosa:Sensor",
            "no match",
        ),
    ],
)
def test_what_the_graph_says_is_judged(place, requires, device, requirement, offered):
    """The others are rejected by condition, with what they have instead."""
    answer = place(requires=requires)
    assert answer.status_code == 200, answer.get_json()
    (placement,) = answer.get_json()["placements"]
    assert placement["device"] == f"urn:ex:{device}"
    assert len(placement["rejections"]) == 2
    assert {r["filter"] for r in placement["rejections"]} == {"requires"}
    assert all(requirement in r["requirement"] for r in placement["rejections"])
    assert any(offered in r["offered"] for r in placement["rejections"])


def test_conditions_of_a_shape_are_judged_one_by_one(place):
    """So that the conflict can name the two that nobody meets together."""
    shape = (
        '[] a sh:NodeShape ; sh:property [ sh:path wasmiot:zone ; sh:hasValue "hall" ] , '
        "[ sh:path <urn:ex:battery> ; sh:minCount 1 ] ."
    )
    answer = place(requires={"shape": shape})
    assert answer.status_code == 422
    assert answer.get_json()["conflict"] == ["urn:ex:battery minCount 1", "zone hasValue hall"]


def test_what_is_preferred_may_be_a_question_too(place):
    """The part that is met is the score; nobody is rejected."""
    answer = place(prefers={"type": "saref:Sensor", "pattern": "?device wasmiot:zone 'hall'"})
    (placement,) = answer.get_json()["placements"]
    assert placement["rejections"] == []
    scores = {
        c["device"]: {s["name"]: s["value"] for s in c["scores"]}["preferred"]
        for c in placement["candidates"]
    }
    assert scores == {"urn:ex:arm": 50, "urn:ex:big": 50, "urn:ex:car": 0}


@pytest.mark.parametrize(
    ("requires", "place_of_fault", "word"),
    [
        ({"type": "no class"}, "type", "class"),
        (quantity("wasmiot:memoryBytes", atLeast=1, unit="bushels"), "quantities", "bushels"),
        (quantity("wasmiot:memoryBytes", unit="By"), "quantities", "at least"),
        (quantity("memory", atLeast=1), "quantities", "property"),
        ({"shape": "no turtle"}, "shape", "Turtle"),
        ({"shape": "[] a sh:NodeShape ; sh:targetClass wasmiot:X ."}, "shape", "targetClass"),
        ({"shape": PROPERTY.format('sh:pattern "(a+)+$"')}, "shape", "pattern is not taken"),
        ({"shape": "[] a sh:NodeShape ; sh:sparql [ sh:select '' ] ."}, "shape", "select"),
        ({"shape": "[] a sh:NodeShape ."}, "shape", "constraints"),
        ({"shape": "[ sh:path [ sh:zeroOrMorePath <urn:p> ] ] ."}, "shape", "zeroOrMorePath"),
        ({"pattern": "?thing a ?type"}, "pattern", "?device"),
        ({"pattern": "SERVICE <urn:x> { ?device a ?t }"}, "pattern", "SERVICE"),
        ({"pattern": "{" * 5000 + "?device a ?t"}, "pattern", "nested"),
    ],
)
def test_what_could_not_be_asked_is_refused(place, requires, place_of_fault, word):
    """Before anything is solved, with the place and the reason."""
    answer = place(requires=requires)
    assert answer.status_code == 422
    (error,) = answer.get_json()["validationErrors"]
    assert error["field"].startswith(f"/sequence/0/requires/{place_of_fault}")
    assert word in error["description"]


def test_a_pattern_with_a_slip_is_named(place):
    """Only a worker process parses it; its words come back."""
    answer = place(requires={"pattern": "?device wasmiot:zone FILTER"})
    assert answer.status_code == 422
    assert "FILTER" in answer.get_json()["detail"]


def test_an_endless_pattern_ends(client, app, place):
    """At the time limit of all queries of strangers; the server goes on."""
    service = app.extensions["wasmiot"].queries
    service._timeout_seconds = 1.0
    numbers = " ".join(map(str, range(40)))
    values = " ".join(f"VALUES ?v{n} {{ {numbers} }}" for n in range(8))
    answer = place(requires={"pattern": f"?device a ?t . {values} FILTER (?v0 + ?v7 > 1000)"})
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert place(requires={"pattern": "?device wasmiot:zone 'hall'"}).status_code == 200


def test_supposed_devices_are_as_those_they_are_like(client, place):
    """A device that is added in a supposition has what its model has."""
    step = {"module": "m", "entrypoint": "f", "requires": {"type": "saref:Sensor"}}
    client.post("/manifests", json={"name": "one", "sequence": [step]})
    wish = {"remove": ["urn:ex:big"], "add": {"urn:ex:arm": 2}}
    supposed = client.post("/manifests/one/what-if", json=wish).get_json()
    (placement,) = supposed["placements"]
    assert placement["candidateCount"] == 3


def test_a_shape_over_many_devices_asks_each_kind_once(client, supervisor, place):
    """Thousands that say the same cost as much as one."""
    store = client.application.extensions["wasmiot"].store
    from orchestrator_app.matching import device_shapes
    from orchestrator_app.solver.requirement import ShapeQuestion

    for number in range(20):
        td = supervisor(f"n{number}") | {"wasmiot:zone": "hall"}
        client.put(f"/things/{td['id']}", json=td, content_type="application/td+json")
    seen = []

    def counted(data, shapes):
        seen.append(len(set(data.subjects(device_shapes.CONSIDERED))))
        return original(data, shapes)

    original, device_shapes.results_of = device_shapes.results_of, counted
    try:
        question = ShapeQuestion(
            "@prefix sh: <http://www.w3.org/ns/shacl#> . "
            "[] a sh:NodeShape ; sh:property [ sh:path "
            '<https://wetware.fi/2023/wasmiot/v1.0#zone> ; sh:hasValue "hall" ] .'
        )
        (answer,) = device_shapes.answer_shape(store, question)
    finally:
        device_shapes.results_of = original
    assert (len(answer.met), seen) == (21, [3])
