"""Documents of compositions that are more than a list: manifests, installations, solutions."""

import json
from typing import Any

import pytest
from rdflib import RDF, Literal, URIRef

from wasmiot_td.errors import ValidationError
from wasmiot_td.jsonld import expand
from wasmiot_td.models.installation import Installation
from wasmiot_td.namespaces import CANONICAL_CONTEXT, WASMIOT
from wasmiot_td.thing_description import load

CONTEXT = [*CANONICAL_CONTEXT]
BASE = "https://base.example/"
MANIFEST: dict[str, Any] = {
    "@context": CONTEXT,
    "id": "urn:wasmiot:manifest:alarm",
    "@type": "wasmiot:Manifest",
    "name": "alarm",
    "forEach": {"zone": "hall"},
    "sequence": [
        {"id": "shot", "module": "camera", "entrypoint": "takeImage", "dependsOn": []},
        {
            "id": "edges",
            "module": "edges",
            "entrypoint": "detect",
            "arguments": {"threshold": 3, "size": {"x": [1, None, True]}},
        },
        {
            "module": "merge",
            "entrypoint": "merge",
            "dependsOn": [
                {"step": "shot", "input": "left"},
                {"step": "edges", "input": "right"},
                {"type": "saref:TemperatureSensor", "input": "temperature"},
            ],
        },
        {"thing": "urn:dev:lamp", "affordance": "toggle"},
        {"dependsOn": [{"id": "urn:dev:sensor", "affordance": "temperature"}]},
    ],
    "trigger": {"every": "PT10S"},
}
INSTALLATION: dict[str, Any] = {
    "@context": CONTEXT,
    "@type": ["Thing", "wasmiot:Supervisor", "wasmiot:Installation"],
    "id": "urn:wasmiot:installation:1",
    "title": "alarm on a device",
    "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
    "security": ["nosec_sc"],
    "wasmiot:device": "urn:dev:1",
    "wasmiot:trigger": {
        "event": "urn:dev:door#/events/opened",
        "thing": "http://door.example/td",
        "affordance": "opened",
        "feeds": [{"id": "urn:i#/actions/shot", "thing": "http://a.example/td"}],
    },
    "actions": {
        "merge": {
            "wasmiot:module": "urn:m",
            "wasmiot:entrypoint": "merge",
            "wasmiot:arguments": {"k": 1},
            "wasmiot:dependsOn": [{"id": "urn:i#/actions/edges", "step": "edges", "input": "left"}],
            "wasmiot:feeds": [{"id": "urn:j#/actions/z", "input": "right", "alternatives": []}],
            "forms": [{"href": "http://a.example/merge"}],
        },
        "toggle": {
            "wasmiot:uses": {
                "id": "urn:dev:lamp#/actions/toggle",
                "thing": "http://lamp.example/td",
                "affordance": "toggle",
                "op": "invokeaction",
            },
            "forms": [{"href": "http://a.example/toggle"}],
        },
    },
}


@pytest.mark.parametrize("document", [MANIFEST, INSTALLATION])
def test_compositions_load_unchanged(document: dict[str, Any]) -> None:
    """Nothing is lost, nothing is warned of; given expanded, the graph is the same."""
    loaded = load(document, strict=True)
    assert loaded.document == document
    assert loaded.report.findings == ()
    expanded = json.dumps(expand(document, base=BASE).nodes)
    assert load(expanded, strict=True).n_triples == loaded.n_triples


def test_steps_are_named_and_arguments_are_json_in_the_graph() -> None:
    """A step's id is a name, and not an IRI that another manifest could have too."""
    graph = load(MANIFEST).graph
    shot, edges = (URIRef(f"{MANIFEST['id']}#/sequence/{index}") for index in (0, 1))
    assert str(graph.value(shot, WASMIOT.stepName)) == "shot"
    constants = graph.value(edges, WASMIOT.arguments)
    assert isinstance(constants, Literal)
    assert constants.datatype == RDF.JSON
    assert json.loads(str(constants)) == MANIFEST["sequence"][1]["arguments"]


def test_an_installation_is_typed() -> None:
    """The trigger, what a step uses and its constants are attributes of the model."""
    model = load(INSTALLATION).model
    assert isinstance(model, Installation)
    assert model.trigger is not None
    assert model.trigger.event == "urn:dev:door#/events/opened"
    actions = model.to_document()["actions"]
    assert actions == INSTALLATION["actions"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"trigger": {}}, "/trigger"),
        ({"trigger": {"every": "PT1S", "cron": "* * * * *"}}, "/trigger"),
        ({"trigger": {"evry": "PT1S"}}, "/trigger/evry"),
        ({"trigger": {"event": "no iri"}}, "/trigger/event"),
        ({"forEach": {"zoen": "hall"}}, "/forEach/zoen"),
        ({"sequence": [{"affordance": "toggle"}]}, ""),
        ({"sequence": [{"id": "a b", "module": "m", "entrypoint": "e"}]}, "/sequence/0/id"),
        (
            {"sequence": [{"module": "m", "entrypoint": "e", "thing": "urn:x"}]},
            "/sequence/0/thing",
        ),
        (
            {"sequence": [{"module": "m", "entrypoint": "e", "arguments": [1]}]},
            "/sequence/0/arguments",
        ),
        ({"sequence": [{"dependsOn": {"step": "a"}}]}, "/sequence/0/dependsOn"),
        ({"sequence": [{"dependsOn": [{"stap": "a"}]}]}, "/sequence/0/dependsOn/0/stap"),
    ],
)
def test_slips_in_compositions_are_refused(change: dict[str, Any], pointer: str) -> None:
    """Each is found at its JSON pointer."""
    with pytest.raises(ValidationError) as caught:
        load({**MANIFEST, **change}, strict=True)
    assert pointer in [finding.pointer for finding in caught.value.report.findings]
