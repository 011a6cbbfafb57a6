"""Loading: what comes in, what is rejected, and what every loaded document can do."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdflib import Graph, Literal, URIRef

from wasmiot_td import thing_description
from wasmiot_td.contexts import ContextRegistry
from wasmiot_td.errors import (
    ContextNotAvailable,
    DocumentError,
    JsonLdError,
    JsonSyntaxError,
    ValidationError,
)
from wasmiot_td.jsonld import document_base, expand
from wasmiot_td.namespaces import CANONICAL_CONTEXT, TD, TD_CONTEXT, WASMIOT
from wasmiot_td.thing_description import LoadedDocument, load

LAMP: dict[str, Any] = {
    "@context": [*CANONICAL_CONTEXT],
    "id": "urn:x:lamp",
    "title": "lamp",
    "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
    "security": ["nosec_sc"],
    "properties": {
        "on/off": {
            "type": "boolean",
            "forms": [{"href": "https://l.example/on", "op": ["readproperty"]}],
        }
    },
}
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
MANIFEST: dict[str, Any] = {
    "@context": [*CANONICAL_CONTEXT],
    "@type": "wasmiot:Manifest",
    "name": "digit-reader",
    "sequence": [
        {"module": "camera", "entrypoint": "takeImage"},
        {"module": "digits", "entrypoint": "classify"},
    ],
}


def violations_of(source: Any) -> dict[str, str]:
    """Return the messages of a rejected document by pointer."""
    with pytest.raises(ValidationError) as caught:
        load(source)
    return {finding.pointer: finding.message for finding in caught.value.report.violations}


def outcome_of(source: Any) -> LoadedDocument | DocumentError:
    """Return the loaded document, or why it was rejected."""
    try:
        return load(source)
    except DocumentError as error:
        return error


def test_every_valid_document_of_the_corpus_loads(corpus: Any) -> None:
    """What the official JSON Schema accepts has no violation."""
    outcomes = {document.name: outcome_of(document.source) for document in corpus.valid()}
    assert [name for name, out in outcomes.items() if isinstance(out, DocumentError)] == []


def test_every_invalid_document_of_the_corpus_is_rejected(corpus: Any) -> None:
    """What the indexes reject is rejected; broken JSON names the line and the column they name."""
    for document in corpus.invalid():
        with pytest.raises(DocumentError) as caught:
            load(document.source)
        error = caught.value
        assert error.report.violations, document.name
        if "line" in document.reason:
            assert isinstance(error, JsonSyntaxError)
            assert f"line {error.line} column {error.column}" in document.reason


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


def test_the_reason_is_at_the_place_that_the_index_names(corpus: Any) -> None:
    """The schema's own path of its first error leads to one of ours, or to its parent."""
    for document in corpus.invalid():
        path, colon, message = document.reason.partition(": ")
        if not colon or "JSON parse" in path or " " in path or "'@" in message:
            continue
        with pytest.raises(DocumentError) as caught:
            load(document.source)
        pointers = {finding.pointer for finding in caught.value.report.violations}
        expected = f"/{path}" if path else ""
        assert any(p.startswith(expected) for p in pointers), (document.name, pointers)


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


def test_a_manifest_has_no_room_for_slips() -> None:
    """Unknown members of a manifest are violations, with the nearest known term."""
    step = {"module": "camera", "entrypoint": "takeImage", "devices": "urn:x:1"}
    found = violations_of({**MANIFEST, "sequence": [step], "nam": "x"})
    assert "'device'" in found["/sequence/0/devices"]
    assert "'name'" in found["/nam"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": " "}, "/name"),
        ({"sequence": []}, "/sequence"),
        ({"sequence": [{"module": "camera"}]}, "/sequence/0"),
        ({"sequence": [{"module": 1, "entrypoint": "x"}]}, "/sequence/0/module"),
        ({"sequence": {"module": "camera", "entrypoint": "x"}}, "/sequence"),
        (
            {"sequence": [{"module": "a", "entrypoint": "b", "device": "here"}]},
            "/sequence/0/device",
        ),
    ],
)
def test_a_broken_manifest_is_rejected(change: dict[str, Any], pointer: str) -> None:
    """Each fault of a manifest is found at its place."""
    assert pointer in violations_of({**MANIFEST, **change})


def test_own_documents_are_always_strict() -> None:
    """A supervisor may not name a context that nobody here has."""
    context = [*CANONICAL_CONTEXT, "https://nowhere.example/context"]
    with pytest.raises(ContextNotAvailable):
        load({**LAMP, "@context": context, "@type": ["Thing", "wasmiot:Supervisor"]})


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


def test_all_faults_are_reported_at_once() -> None:
    """Repeated members, wrong types, crossed limits and unknown names come in one report."""
    text = json.dumps(
        {
            **LAMP,
            "title": 5,
            "security": ["nosec"],
            "properties": {"level": {"minimum": 9, "maximum": 1, "forms": []}},
        }
    )
    found = violations_of(text.replace('"id":', '"id": "urn:x:other", "id":'))
    assert {"/id", "/title", "/security/0", "/properties/level/minimum"} <= found.keys()
    assert "/properties/level/forms" in found
    assert "nosec_sc" in found["/security/0"]


@pytest.mark.parametrize("source", [b"[]", b"5", b'"x"', b"null", b"{}", b'{"title": "x"}'])
def test_what_is_no_document_is_rejected(source: bytes) -> None:
    """JSON that says nothing as JSON-LD is no Thing."""
    with pytest.raises(DocumentError) as caught:
        load(source)
    assert caught.value.report.violations


def test_two_things_at_once_are_rejected() -> None:
    """A document describes one Thing."""
    second = {**LAMP, "id": "urn:x:second"}
    with pytest.raises(ValidationError, match="2 Things"):
        load(json.dumps([LAMP, second]))


def test_a_chain_of_nodes_is_as_bounded_as_a_nested_document() -> None:
    """Nodes side by side that would nest too deep are refused, not followed."""
    chain = [{"@id": f"urn:n:{i}", "urn:p": [{"@id": f"urn:n:{i + 1}"}]} for i in range(2000)]
    with pytest.raises(ValidationError, match="deeper"):
        load(json.dumps(chain))


def test_hints_are_given_to_the_first_faults() -> None:
    """A document of nothing but slips is not searched for near names without end."""
    names = [f"titel{index}" for index in range(300)]
    loaded = load({**LAMP, **dict.fromkeys(names, 1)})
    hinted = [w for w in loaded.report.warnings if "did you mean" in w.message]
    assert len(loaded.report.warnings) == 300
    assert 0 < len(hinted) <= 50


def test_what_is_no_json_ld_is_named() -> None:
    """A context that is none ends the load with the rule that it breaks."""
    with pytest.raises(JsonLdError):
        load({**LAMP, "@context": [TD_CONTEXT, 5]})


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


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["@type", "@id", "id", "title", "forms", "@list", "@value", "x:y", "a"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from([*LAMP, "@type", "actions", "forms", "links", "@id", "@graph", "@list"]),
    value=JSON_VALUES,
)
def test_no_value_anywhere_breaks_the_loader(name: str, value: Any) -> None:
    """Whatever stands in a member, loading ends in a document or in a named error."""
    outcome = outcome_of({**LAMP, name: value})
    if isinstance(outcome, DocumentError):
        assert outcome.report.violations
    else:
        assert load(outcome.dumps()).document == outcome.document


@pytest.mark.parametrize(
    ("source", "pointer"),
    [
        ('{"id": "\ud800"}', "/id"),
        ({"@context": TD_CONTEXT, "id": "urn:\udfff"}, "/id"),
        ({"@context": TD_CONTEXT, 5: 6}, ""),
        ({"@context": TD_CONTEXT, "title": b"x"}, "/title"),
        ({"@context": TD_CONTEXT, "x:y": float("nan")}, "/x:y"),
        (b'{"x:y": ' + b"9" * 900 + b"}", "/x:y"),
        ([{"x:y": {1, 2}}], "/0/x:y"),
    ],
)
def test_what_json_cannot_carry_ends_the_load(source: Any, pointer: str) -> None:
    """Texts that are no Unicode, numbers beyond a double, values of Python alone."""
    with pytest.raises(ValidationError) as caught:
        load(source)
    assert [finding.pointer for finding in caught.value.report.violations] == [pointer]


def test_a_document_full_of_faults_is_not_explained_by_the_shapes_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They would take milliseconds for each fault, and tell little that is new."""
    monkeypatch.setattr(thing_description, "validate", lambda *_: pytest.fail("asked the shapes"))
    faults = {f"p{number}": {"type": "x", "forms": []} for number in range(600)}
    with pytest.raises(ValidationError) as caught:
        load({**LAMP, "properties": faults})
    assert len(caught.value.report.violations) == 1200


def test_parsed_expanded_json_ld_loads_too() -> None:
    """What other libraries give as a list needs no way through text."""
    lamp = {**LAMP, "security": "nosec_sc"}
    nodes = expand(lamp, base=document_base("urn:x:lamp")).nodes
    assert load(nodes).document == lamp
