"""Loading: what is rejected, at which place and for which reason."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_documents import LAMP, MANIFEST, outcome_of

from wasmiot_td import thing_description
from wasmiot_td.errors import (
    ContextNotAvailable,
    DocumentError,
    JsonLdError,
    JsonSyntaxError,
    ValidationError,
)
from wasmiot_td.namespaces import CANONICAL_CONTEXT, TD_CONTEXT
from wasmiot_td.thing_description import load


def violations_of(source: Any) -> dict[str, str]:
    """Return the messages of a rejected document by pointer."""
    with pytest.raises(ValidationError) as caught:
        load(source)
    return {finding.pointer: finding.message for finding in caught.value.report.violations}


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


@settings(max_examples=150)
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
