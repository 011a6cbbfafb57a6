"""Expansion and compaction: nothing is lost, changed or shared, and what is wrong is refused."""

import gc
import json
import threading
import weakref
from contextlib import suppress
from typing import Any

import pytest
from standard_graphs import CAMERA, CONTEXT, DOCUMENTS, ID, graph_of

from wasmiot_td.contexts import ContextRegistry, default_registry
from wasmiot_td.errors import ContextNotAvailable, JsonLdError
from wasmiot_td.expansion import document_base
from wasmiot_td.jsonld import compact, expand
from wasmiot_td.located_copy import mend_context
from wasmiot_td.n_triples import triples
from wasmiot_td.namespaces import TD_CONTEXT, WASMIOT_CONTEXT
from wasmiot_td.report import Severity


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_own_documents_expand_without_loss(document: dict[str, Any]) -> None:
    """Every member of this project's documents has a term, in properties and actions alike."""
    text = json.dumps(expand(document, base=document_base(ID), strict=True).nodes)
    for value in leaves({**document, "@context": []}):
        assert json.dumps(value).strip('"') in text or value in ("output", "invokeaction")
    assert '"https://www.w3.org/2019/wot/td#wasmiot' not in text


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_own_documents_survive_compaction(document: dict[str, Any]) -> None:
    """The compacted document has the same expansion and the JSON names of the contexts."""
    base = document_base(ID)
    nodes = expand(document, base=base, strict=True).nodes
    compacted = compact(nodes, CONTEXT, base=base)
    assert compacted["@context"] == CONTEXT
    assert expand(compacted, base=base, strict=True).nodes == nodes
    assert set(keys(compacted)) == set(keys(document))


def leaves(value: Any) -> list[Any]:
    """Return the scalars in a JSON value, but for type names and links that are shortened."""
    if isinstance(value, dict):
        return [leaf for k, v in value.items() if k not in ("@type", "type") for leaf in leaves(v)]
    return [leaf for v in value for leaf in leaves(v)] if isinstance(value, list) else [value]


def keys(value: Any) -> list[str]:
    """Return the member names in a JSON value."""
    if isinstance(value, dict):
        return [*value, *(key for member in value.values() for key in keys(member))]
    return [key for item in value for key in keys(item)] if isinstance(value, list) else []


def test_document_is_not_changed() -> None:
    """Loading leaves the caller's object as it was."""
    before = json.dumps(CAMERA)
    expand(CAMERA, base=document_base(ID))
    assert json.dumps(CAMERA) == before


def test_missing_context_is_left_out_with_what_it_defines() -> None:
    """Neither its unprefixed nor its prefixed terms reach the graph; the rest does."""
    iri = "https://missing.example/context"
    document = {
        "@context": [TD_CONTEXT, iri],
        "@type": ["Thing", "Light", "m:Lamp"],
        "title": "t",
        "m:colour": "red",
        "brightness": {"deep": 1},
        "actions": {"a": {"@type": "m:Toggle", "shade": 1, "safe": True}},
    }
    expansion = expand(document, base=document_base(ID))
    graph = triples(expansion, ID).n_triples.decode()
    for left_out in ("Light", "Lamp", "colour", "brightness", "Toggle", "shade"):
        assert left_out not in graph
    for kept in ("td#Thing", "td#title", "td#isSafe", 'td#name> "a"'):
        assert kept in graph
    (finding,) = expansion.findings
    assert (finding.pointer, finding.value) == ("/@context/1", iri)
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize("more", [[], ["https://missing.example/context"]], ids=["", "missing"])
def test_a_type_of_null_beside_a_class_is_none(more: list[str]) -> None:
    """A schema that says `"type": null` has its class alone, whatever contexts are missing."""
    schema = {"type": None, "@type": "saref:Sensor", "title": "t"}
    document = {"@context": [TD_CONTEXT, WASMIOT_CONTEXT, *more], "properties": {"p": schema}}
    graph = triples(expand(document, base=document_base(ID)), ID).n_triples.decode()
    assert [line for line in graph.splitlines() if "rdf-syntax-ns#type" in line] == [
        f"<{ID}#/properties/p> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
        " <https://w3id.org/saref#Sensor> ."
    ]


def test_missing_context_is_an_error_in_strict_mode() -> None:
    """The error carries the IRI and where it stands."""
    iri = "https://missing.example/context"
    with pytest.raises(ContextNotAvailable) as caught:
        expand({"@context": [TD_CONTEXT, iri]}, base=document_base(ID), strict=True)
    assert caught.value.iri == iri
    assert caught.value.report.findings[0].pointer == "/@context/1"


def test_added_context_is_used_and_does_not_leak_into_other_registries() -> None:
    """Two registries may give one IRI different documents."""
    document = {"@context": "urn:c", "lamp": "on"}
    first = ContextRegistry().with_document("urn:c", {"@context": {"lamp": "urn:first"}})
    second = ContextRegistry().with_document("urn:c", {"@context": {"lamp": "urn:second"}})
    assert "urn:first" in graph_of(document, registry=first)
    assert "urn:second" in graph_of(document, registry=second)
    assert "urn:first" in graph_of(document, registry=first)


def test_base_in_a_context_is_resolved_anew_for_each_document() -> None:
    """A cached context carries no other document's base."""
    document = {"@context": {"@base": "sub/"}, "@id": "a", "urn:p": 1}
    for base in ("https://one.example/", "https://two.example/"):
        assert expand(document, base=base).nodes[0]["@id"] == f"{base}sub/a"


@pytest.mark.parametrize("name", ["@vocab", "@language", "@direction"])
def test_a_default_that_nobody_set_may_be_unset(name: str) -> None:
    """`null` takes away what may be there, at the top and where a context was given up."""
    context = {"p": "urn:p", name: None}
    wanted = [{"urn:p": [{"@value": "a"}]}]
    for each in (context, [None, context], [TD_CONTEXT, None, context]):
        nodes = expand({"@context": each, "p": "a"}, base=document_base(ID)).nodes
        assert nodes == wanted
        assert compact(nodes, context, base=document_base(ID))["p"] == "a"


SLIPS: dict[str, Any] = {
    "string": {"wasmiot": WASMIOT_CONTEXT},
    "object": {"wasmiot": {"@id": WASMIOT_CONTEXT, "@prefix": True}},
    "other name": {"w": WASMIOT_CONTEXT},
}


@pytest.mark.parametrize("context", SLIPS.values(), ids=SLIPS.keys())
def test_prefix_without_hash_is_mended(context: dict[str, Any]) -> None:
    """A prefix bound to the namespace without its `#` works, and a warning says so."""
    prefix = next(iter(context))
    document = {"@context": [TD_CONTEXT, context], f"{prefix}:entrypoint": "f"}
    expansion = expand(document, base=document_base(ID))
    assert list(expansion.nodes[0]) == [f"{WASMIOT_CONTEXT}#entrypoint"]
    (finding,) = expansion.findings
    assert (finding.pointer, finding.severity) == ("/@context", Severity.WARNING)
    assert mend_context(context) != context


def test_named_wasmiot_context_is_not_mended() -> None:
    """The IRI without `#` is right where it names the context itself."""
    assert mend_context(CONTEXT) == CONTEXT


NOT_JSON_LD: dict[str, Any] = {
    "context is a number": {"@context": 5},
    "context maps to a number": {"@context": {"a": 5}},
    "cyclic terms": {"@context": {"a": "b:x", "b": "a:x"}},
    "id is an object": {"@id": {}},
    "type is a number": {"@type": 5},
    "two ids": {"@context": {"id": "@id"}, "id": "urn:a", "@id": "urn:b"},
    "value with members": {"@id": ID, "urn:p": {"@value": 1, "urn:q": 2}},
    "index map of a number": {"@context": TD_CONTEXT, "properties": {"a": 5}},
    "language map of a number": {"@context": TD_CONTEXT, "titles": {"en": 5}},
    "version": {"@context": {"@version": 2}},
    "keyword redefined": {"@context": {"@id": "urn:x"}},
}


@pytest.mark.parametrize("document", NOT_JSON_LD.values(), ids=NOT_JSON_LD.keys())
def test_what_is_not_json_ld_is_refused(document: Any) -> None:
    """The error is the library's own, with a sentence in it."""
    with pytest.raises(JsonLdError) as caught:
        expand(document, base=document_base(ID))
    assert len(str(caught.value)) > 20


@pytest.mark.parametrize("document", [5, "text", None, [], {}, True], ids=repr)
def test_json_without_nodes_expands_to_nothing(document: Any) -> None:
    """There is nothing to say about a scalar."""
    assert expand(document, base=document_base(ID)).nodes == []


def test_deep_nesting_is_refused() -> None:
    """A document nested beyond the interpreter's stack is an error, not a crash."""
    document: dict[str, Any] = {"urn:p": 1}
    for _ in range(3000):
        document = {"urn:p": document}
    with pytest.raises(JsonLdError):
        expand(document, base=document_base(ID))


def test_threads_expand_alike() -> None:
    """Eight threads that expand at once get what one gets."""
    documents = list(DOCUMENTS.values())
    expected = [graph_of(document) for document in documents]
    registry = ContextRegistry()
    wrong: list[str] = []

    def work() -> None:
        for _ in range(5):
            for document, graph in zip(documents, expected, strict=True):
                if graph_of(document, registry=registry) != graph:
                    wrong.append(document["@type"])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_contexts_are_not_read_again_for_each_document(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once processed, a context is taken from the cache of its registry (a pyld internal)."""
    graph_of(CAMERA)

    def read_again(self: ContextRegistry, iri: str) -> Any:
        raise AssertionError(f"{iri} was read again")

    monkeypatch.setattr(ContextRegistry, "document", read_again)
    graph_of(CAMERA, registry=default_registry())


BASE = document_base("x")
OWN = "urn:ex:own"
IMPORTING = {"@import": OWN, "title": "urn:ex:stolen"}


@pytest.fixture
def registry() -> ContextRegistry:
    """Contexts that others use, and one that imports another."""
    known = default_registry().with_document(OWN, {"@context": {"title": "urn:ex:title"}})
    return known.with_document("urn:ex:importing", {"@context": IMPORTING})


@pytest.mark.parametrize("context", [IMPORTING, [IMPORTING], [OWN, IMPORTING], "urn:ex:importing"])
def test_an_import_changes_a_context_for_nobody_else(
    registry: ContextRegistry, context: Any
) -> None:
    """What a document, or a context, adds to a context by `@import` counts there alone."""
    lamp = {"@context": OWN, "title": "lamp"}
    before = expand(lamp, registry, base=BASE).nodes
    theirs = expand({"@context": context, "title": "theirs"}, registry, base=BASE).nodes
    assert theirs == [{"urn:ex:stolen": [{"@value": "theirs"}]}]
    compact(theirs, context, registry, base=BASE)
    assert expand(lamp, registry, base=BASE).nodes == before
    assert expand({**lamp, "@context": [OWN]}, registry, base=BASE).nodes == before
    mine = {"@context": {"@import": OWN}, "title": "lamp"}
    assert expand(mine, registry, base=BASE).nodes == before


def test_an_import_that_fails_leaves_nothing_behind() -> None:
    """The context of Thing Descriptions, which pyld cannot import, is afterwards as it was."""
    lamp = {"@context": TD_CONTEXT, "id": "urn:ex:lamp", "title": "lamp"}
    before = expand(lamp, base=BASE).nodes
    importing = {"@import": TD_CONTEXT, "ex:p": {"@id": "ex:q"}, "title": "urn:ex:stolen"}
    with suppress(JsonLdError):
        expand({"@context": importing, "title": "theirs"}, base=BASE)
    with suppress(JsonLdError):
        compact(before, importing, base=BASE)
    assert expand(lamp, base=BASE).nodes == before
    again = {**lamp, "@context": [TD_CONTEXT, {"@language": "en"}]}
    assert "urn:ex:stolen" not in json.dumps(expand(again, base=BASE).nodes)


def test_a_registry_that_nobody_uses_any_more_is_forgotten() -> None:
    """What was processed for its contexts does not keep it."""
    registry = ContextRegistry().with_document("urn:c", {"@context": {"lamp": "urn:lamp"}})
    expand({"@context": "urn:c", "lamp": "on"}, registry, base=BASE)
    known = weakref.ref(registry)
    del registry
    gc.collect()
    assert known() is None
