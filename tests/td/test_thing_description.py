"""Loading: what comes in, and what every loaded document can do."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from rdflib import Graph, Literal, URIRef
from small_documents import LAMP, MANIFEST, outcome_of

from wasmiot_td.contexts import ContextRegistry
from wasmiot_td.errors import ContextNotAvailable, DocumentError, JsonSyntaxError
from wasmiot_td.jsonld import document_base, expand
from wasmiot_td.namespaces import CANONICAL_CONTEXT, TD, TD_CONTEXT, WASMIOT
from wasmiot_td.thing_description import load

SOURCE_FORMAT: dict[str, Any] = {
    "@context": [
        TD_CONTEXT,
        {"wasmiot": "https://wetware.fi/2023/wasmiot/v1.0", "saref": "https://w3id.org/saref#"},
    ],
    "@type": ["Thing", "wasmiot:Supervisor"],
    "title": "Some device",
    "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
    "security": "nosec_sc",
    "properties": {
        "status": {
            "id": "urn:wasmiot:some_device_status",
            "type": "string",
            "forms": [{"href": "https://d.example/status"}],
            "wasmiot:entrypoint": "some_function_name",
            "wasmiot:dependsOn": [
                {"id": "urn:specific_temperature_sensor", "type": "saref:TemperatureSensor"}
            ],
        }
    },
}


def test_every_valid_document_of_the_corpus_loads(corpus: Any) -> None:
    """What the official JSON Schema accepts has no violation."""
    outcomes = {document.name: outcome_of(document.source) for document in corpus.valid()}
    assert [name for name, out in outcomes.items() if isinstance(out, DocumentError)] == []


def test_the_readme_tells_the_counts(corpus: Any) -> None:
    """What is said there of the corpus is what is found in it today."""
    valid = [load(document.source) for document in corpus.valid()]
    messages = [" ".join(str(finding) for finding in each.report.findings) for each in valid]
    counts = {
        "named": sum("not available" in message for message in messages),
        "nested": sum("not in the graph" in message for message in messages),
    }
    outcomes = [outcome_of(document.source) for document in corpus.invalid()]
    broken = sum(isinstance(outcome, JsonSyntaxError) for outcome in outcomes)
    readme = Path(__file__).with_name("README.md").read_text()
    rows = [line.split("|")[2].strip() for line in readme.splitlines() if line.startswith("|")]
    assert rows[2:] == [str(len(valid)), str(len(outcomes) - broken), str(broken)]
    whole = len(valid) - counts["named"] - counts["nested"]
    assert f"Of the {len(valid)}, {whole} have all of their contexts" in readme
    assert f"not bundled ({counts['named']}), or nest JSON" in readme
    assert f"no JSON-LD ({counts['nested']})" in readme.replace("\n", " ")


def test_loading_what_was_loaded_changes_nothing(corpus: Any) -> None:
    """The canonical form is a fixed point: document, id and graph."""
    for document in corpus.valid():
        first = load(document.source)
        second = load(first.dumps())
        assert (second.document, second.id) == (first.document, first.id), document.name
        assert second.n_triples == first.n_triples, document.name


def test_a_mapping_loads_like_its_text() -> None:
    """Source may be bytes, text or what was parsed from it; it is not changed."""
    before = json.dumps(LAMP)
    loaded = [load(LAMP), load(before), load(before.encode())]
    assert loaded[0] == loaded[1] == loaded[2]
    assert json.dumps(LAMP) == before


def test_a_loaded_document_shares_nothing_with_its_source() -> None:
    """What the caller does to the mapping later does not reach the document."""
    source = json.loads(json.dumps(LAMP))
    loaded = load(source)
    source["properties"].clear()
    assert loaded.document["properties"] == LAMP["properties"]


def test_the_graph_names_every_part_by_its_pointer() -> None:
    """A node without an id is named by the document's id and the JSON pointer, encoded."""
    loaded = load(LAMP)
    form = URIRef("urn:x:lamp#/properties/on~1off/forms/0")
    assert isinstance(loaded.graph, Graph)
    assert (None, TD.hasForm, form) in loaded.graph
    assert (URIRef("urn:x:lamp"), TD.title, Literal("lamp", lang="en")) in loaded.graph


def test_an_anonymous_document_is_given_an_id() -> None:
    """The id of the caller becomes the document's; the document's own is kept."""
    anonymous = {name: value for name, value in LAMP.items() if name != "id"}
    loaded = load(anonymous, id="urn:x:given")
    assert (loaded.id, loaded.document["id"]) == ("urn:x:given", "urn:x:given")
    assert load(LAMP, id="urn:x:given").id == "urn:x:lamp"


def test_an_anonymous_document_stays_anonymous() -> None:
    """Without an id its graph is named by its content, and its JSON is left alone."""
    anonymous = {name: value for name, value in LAMP.items() if name != "id"}
    first, second = load(anonymous), load(json.dumps(anonymous))
    assert first.id.startswith("urn:uuid:")
    assert first.id == second.id
    assert "id" not in first.document


def test_an_id_with_blanks_is_encoded_in_the_graph() -> None:
    """It is no IRI: the JSON keeps it, the graph holds it percent-encoded, a warning tells."""
    loaded = load({**LAMP, "id": "urn:x:my lamp"})
    assert (loaded.document["id"], loaded.id) == ("urn:x:my lamp", "urn:x:my%20lamp")
    assert b"<urn:x:my%20lamp> <https://www.w3.org/2019/wot/td#title>" in loaded.n_triples
    assert [warning.pointer for warning in loaded.report.warnings] == ["/id"]


def test_the_source_format_is_read_with_a_warning() -> None:
    """A prefix bound to the namespace without its '#' is mended, and says so."""
    loaded = load(SOURCE_FORMAT, id="urn:x:device")
    status = URIRef("urn:wasmiot:some_device_status")
    sensor = URIRef("urn:specific_temperature_sensor")
    assert (status, WASMIOT.entrypoint, Literal("some_function_name")) in loaded.graph
    assert (status, WASMIOT.dependsOn, sensor) in loaded.graph
    assert str(WASMIOT.Supervisor) in loaded.types
    assert [w.pointer for w in loaded.report.warnings] == ["/@context/1"]
    assert loaded.document["@context"][:2] == [*CANONICAL_CONTEXT]


def test_a_manifest_is_a_document_too() -> None:
    """The kind is found by the class; the sequence keeps its order in the graph."""
    loaded = load(MANIFEST, id="urn:wasmiot:manifest:digit-reader")
    assert loaded.types == {str(WASMIOT.Manifest)}
    (head,) = loaded.graph.objects(URIRef(loaded.id), WASMIOT.sequence)
    steps = list(loaded.graph.items(head))
    names = [str(loaded.graph.value(step, WASMIOT.moduleName)) for step in steps]
    assert names == ["camera", "digits"]


def test_a_context_that_is_not_available_is_a_warning() -> None:
    """Its terms stay in the JSON and out of the graph; strict makes it an error."""
    iri = "https://nowhere.example/context"
    source = {**LAMP, "@context": [*CANONICAL_CONTEXT, iri], "colour": "red", "no:where": 1}
    loaded = load(source)
    assert loaded.document == source
    assert b"colour" not in loaded.n_triples
    assert b"no:where" not in loaded.n_triples
    (warning,) = loaded.report.warnings
    assert (warning.pointer, warning.value) == ("/@context/2", iri)
    with pytest.raises(ContextNotAvailable):
        load(source, strict=True)


def test_a_local_context_is_used() -> None:
    """A context that the user adds defines terms like any other."""
    iri = "https://nowhere.example/context"
    registry = ContextRegistry().with_document(
        iri, {"@context": {"colour": "https://nowhere.example/ns#colour"}}
    )
    source = {**LAMP, "@context": [*CANONICAL_CONTEXT, iri], "colour": "red"}
    loaded = load(source, strict=True, contexts=registry)
    assert b"<https://nowhere.example/ns#colour>" in loaded.n_triples
    assert loaded.report.findings == ()


def test_nested_junk_under_an_unknown_term_stays_out_of_the_graph() -> None:
    """What no vocabulary knows and JSON-LD cannot read is a warning, and kept in the JSON."""
    junk = {"type": "object", "properties": {"a": "no schema"}}
    level = {
        "type": "object",
        "additionalProperties": junk,
        "forms": [{"href": "https://l.example"}],
    }
    source = {**LAMP, "properties": {"level": level}}
    loaded = load(source)
    assert loaded.document["properties"]["level"] == level
    assert b"no schema" not in loaded.n_triples
    assert any("not in the graph" in warning.message for warning in loaded.report.warnings)


def test_threads_may_load_at_once() -> None:
    """Loading in eight threads gives what loading in one gives."""
    expected, found = load(LAMP), []
    threads = [
        threading.Thread(target=lambda: found.extend(load(LAMP) for _ in range(10)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80
    assert all(loaded == expected for loaded in found)


def test_parsed_expanded_json_ld_loads_too() -> None:
    """What other libraries give as a list needs no way through text."""
    lamp = {**LAMP, "security": "nosec_sc"}
    nodes = expand(lamp, base=document_base("urn:x:lamp")).nodes
    assert load(nodes).document == lamp
