"""Expansion, compaction and the graph: the standard's, every node named, nothing injected."""

import json
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyld import jsonld as pyld
from rdflib import Graph

from wasmiot_td.contexts import ContextRegistry, default_registry
from wasmiot_td.errors import ContextNotAvailable, JsonLdError
from wasmiot_td.iri import name_prefix, part_iri, pointer_of, well_formed
from wasmiot_td.jsonld import _Expander, compact, document_base, expand, mend_context
from wasmiot_td.n_triples import lexical_form, triples, with_blank_nodes
from wasmiot_td.namespaces import CANONICAL_CONTEXT, TD_CONTEXT, WASMIOT_CONTEXT
from wasmiot_td.report import Severity

CORPUS = os.environ.get("WASMIOT_CORPUS")
CONTEXT = list(CANONICAL_CONTEXT)
ID = "urn:x:1"
XSD = "http://www.w3.org/2001/XMLSchema#"

CAMERA = {
    "@context": CONTEXT,
    "@type": ["Thing", "wasmiot:Supervisor", "wasmiot:Installation"],
    "id": ID,
    "title": "camera",
    "wasmiot:provides": ["camera.takeImage", "wasi_snapshot_preview1"],
    "wasmiot:memoryBytes": 67108864,
    "wasmiot:device": "urn:uuid:1",
    "wasmiot:module": [{"id": "urn:m", "name": "camera", "binary": "http://o.example/p"}],
}
AFFORDANCE = {
    "wasmiot:module": "urn:m",
    "wasmiot:entrypoint": "takeImage",
    "wasmiot:mount": [{"path": "image.pgm", "stage": "output", "required": True}],
    "wasmiot:dataFile": [{"path": "w.bin", "href": "http://o.example/w", "byteLength": 9700}],
    "wasmiot:dependsOn": [{"id": "urn:y#/actions/a", "type": "saref:TemperatureSensor"}],
    "wasmiot:feeds": [
        {"id": "urn:z#/actions/b", "affordance": "b", "alternatives": ["urn:v", "urn:w"]}
    ],
    "forms": [{"href": "a", "op": ["invokeaction"], "htv:methodName": "POST"}],
}
MODULE = {
    "@context": CONTEXT,
    "@type": ["tm:ThingModel", "wasmiot:Module"],
    "id": ID,
    "title": "digits",
    "version": {"model": "1.0.0"},
    "wasmiot:digest": "sha256:ab",
    "wasmiot:imports": ["wasi_snapshot_preview1"],
    "wasmiot:exports": ["classify", "memory"],
    "wasmiot:requiredMemoryBytes": 2097152,
    "wasmiot:dataFile": [{"path": "weights.bin", "mediaType": "application/octet-stream"}],
    "actions": {"classify": AFFORDANCE},
}
MANIFEST = {
    "@context": CONTEXT,
    "@type": "wasmiot:Manifest",
    "id": ID,
    "name": "digit-reader",
    "sequence": [
        {"module": "camera", "entrypoint": "takeImage", "requires": {"interfaces": ["camera.x"]}},
        {"module": "digits", "entrypoint": "classify", "device": "urn:uuid:1"},
    ],
    "trigger": {"every": "PT1M"},
}
SOLUTION = {
    "@context": CONTEXT,
    "@type": ["wasmiot:Solution", "prov:Entity"],
    "id": ID,
    "manifest": "urn:manifest",
    "generatedAtTime": "2026-01-01T00:00:00Z",
    "placements": [
        {
            "step": 0,
            "module": "urn:m",
            "device": "urn:uuid:1",
            "candidates": [{"device": "urn:d", "scores": [{"name": "memory", "value": 2.5}]}],
            "rejections": [{"device": "urn:e", "filter": "interfaces", "reason": "no camera"}],
        }
    ],
}
DOCUMENTS = {
    "installation with a property": {**CAMERA, "properties": {"p": AFFORDANCE}},
    "installation with an action": {**CAMERA, "actions": {"a": AFFORDANCE}},
    "module": MODULE,
    "manifest": MANIFEST,
    "solution": SOLUTION,
}


def graph_of(document: Any, document_id: str = ID, registry: ContextRegistry | None = None) -> str:
    """Return the N-Triples of a document, which must give rise to no finding."""
    expansion = expand(document, registry, base=document_base(document_id))
    written = triples(expansion, document_id)
    assert (expansion.findings, written.findings) == ((), ())
    return written.n_triples.decode()


def standard_graph(expanded: Any, base: str, document_id: str = ID) -> str:
    """Return the N-Triples that pyld makes of an expanded document, its IRIs made well-formed.

    What is relative to the document is read as relative to its id.
    """
    dataset = pyld.to_rdf(expanded, {"base": base})
    lines = []
    for triple in dataset.get("@default", []):
        for place in ("subject", "predicate", "object"):
            term = triple[place]
            if term["type"] == "IRI":
                iri = term["value"]
                if iri.startswith(base) and iri != document_id:
                    iri = name_prefix(document_id) + iri.removeprefix(base)
                term["value"] = well_formed(iri)
        if all(triple[place]["value"] is not None for place in ("subject", "object")):
            lines.append(pyld.JsonLdProcessor.to_nquad(triple))
    return "".join(lines)


def canonical(n_triples: bytes | str) -> Any:
    """Return a graph with its blank nodes named by their place in it (RDFC-1.0)."""
    oxigraph = pytest.importorskip("pyoxigraph")
    dataset = oxigraph.Dataset(oxigraph.parse(n_triples, oxigraph.RdfFormat.N_TRIPLES))
    dataset.canonicalize(oxigraph.CanonicalizationAlgorithm.RDFC_1_0)
    return dataset


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


def test_dependency_means_the_same_in_properties_and_actions() -> None:
    """`id` and `type` inside `wasmiot:dependsOn` are the node's, whatever `type` is around it."""
    for kind in ("properties", "actions"):
        graph = graph_of({**CAMERA, kind: {"a": AFFORDANCE}})
        assert "<urn:y#/actions/a> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> " in graph
        assert f"<{ID}#/{kind}/a> <{WASMIOT_CONTEXT}#dependsOn> <urn:y#/actions/a> ." in graph


def test_host_interfaces_are_iris_of_their_own_namespace() -> None:
    """`camera.takeImage` names an interface that can be asked for in a query."""
    interface = f"<{WASMIOT_CONTEXT}/host#camera.takeImage>"
    assert f"<{ID}> <{WASMIOT_CONTEXT}#provides> {interface} ." in graph_of(CAMERA)


def test_nodes_are_named_by_their_json_pointer() -> None:
    """A form is the document's id with the pointer as fragment, escaped where it must be."""
    form = {"href": "x", "op": ["readproperty"]}
    document = {"@context": TD_CONTEXT, "title": "t", "properties": {"a/b c": {"forms": [form]}}}
    name = f"{ID}#/properties/a~1b%20c/forms/0"
    assert f"<{name}> <https://www.w3.org/2019/wot/hypermedia#hasTarget>" in graph_of(document)
    assert pointer_of(ID, name) == "/properties/a~1b c/forms/0"
    assert part_iri(ID, "/properties/a~1b c/forms/0") == name


@pytest.mark.parametrize("pointer", ["", "/a", "/a~1b/ä €/0", '/"<>%{}', "/%20", "/#/\\", "/日本"])
@pytest.mark.parametrize("document_id", ["urn:x", "https://x.example/y#z"])
def test_pointers_survive_as_iris(document_id: str, pointer: str) -> None:
    """Every JSON pointer can be read back from the IRI, which is well-formed."""
    iri = part_iri(document_id, pointer)
    assert pointer_of(document_id, iri) == pointer
    assert well_formed(iri) == iri


def test_pointer_of_another_document_is_none() -> None:
    """Only the names of this document's parts are read back."""
    assert pointer_of("urn:x", "urn:xy#/a") is None
    assert pointer_of("urn:x", "urn:x#section") is None


def test_root_without_id_is_named_by_the_document() -> None:
    """An anonymous document gets the id it is stored under."""
    assert graph_of({"@context": TD_CONTEXT, "title": "t"}) == (
        f'<{ID}> <https://www.w3.org/2019/wot/td#title> "t"@en .\n'
    )


def test_list_cells_point_to_their_items() -> None:
    """The sequence is an RDF list whose cells lead back to the JSON pointers of the steps."""
    graph = graph_of(MANIFEST)
    assert f"<{ID}> <{WASMIOT_CONTEXT}#sequence> <{ID}#list:/sequence/0> ." in graph
    assert pointer_of(ID, f"{ID}#list:/sequence/1") == "/sequence/1"


def test_lists_of_scalars_have_cells_of_their_own() -> None:
    """Lists under properties alike, in lists, or beside lists share no cell."""
    twice = [{"@list": [1, {"@list": [2]}]}, {"@list": [3, {"@list": []}]}]
    document = {"@id": ID, "urn:a#p": twice, "urn:b#p": twice, "urn:b": {"@id": ID, "urn:c": twice}}
    assert_standard(document)
    cell = next(line for line in graph_of(document).split() if line.startswith(f"<{ID}#list:"))
    assert pointer_of(ID, cell.strip("<>")) == ""


def test_names_are_stable() -> None:
    """The same document gives the same triples again, so that a replacement writes nothing."""
    assert graph_of(MODULE) == graph_of(json.loads(json.dumps(MODULE)))


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_graph_of_own_documents_is_the_standards(document: dict[str, Any]) -> None:
    """Turned back into blank nodes, the graph is what pyld makes of the document."""
    assert_standard(document)


@pytest.mark.parametrize(
    ("own_id", "name"), [("urn:x:1", "urn:x:1#basic"), ("urn:x:1#part", "urn:x:1#part:basic")]
)
def test_names_of_definitions_are_relative_to_the_document(own_id: str, name: str) -> None:
    """A form's security is asked for by the document's id and the name, not by an invented base."""
    document = {
        "@context": CONTEXT,
        "id": own_id,
        "securityDefinitions": {"basic": {"scheme": "basic"}},
        "security": ["basic"],
        "forms": [{"href": "http://h/", "op": "readallproperties", "security": ["basic"]}],
    }
    query = """PREFIX td: <https://www.w3.org/2019/wot/td#>
        SELECT ?name { ?thing td:hasForm/td:hasSecurityConfiguration ?name .
                       ?thing td:definesSecurityScheme/td:hasInstanceConfiguration ?name }"""
    graph = Graph().parse(data=graph_of(document, own_id), format="nt")
    assert [str(row.name) for row in graph.query(query)] == [name]
    assert ".invalid" not in graph_of(document, own_id)


def assert_standard(document: Any) -> None:
    """Compare a document's graph with pyld's, but for the name of a root without id."""
    own_id = document.get("id") or document.get("@id")
    document_id = own_id or ID
    if well_formed(document_id) != document_id:
        return
    base = document_base(document_id)
    expansion = expand(document, base=base)
    written = triples(expansion, document_id)
    blank = with_blank_nodes(written.n_triples, document_id)
    if own_id is None:
        blank = blank.replace(f"<{ID}>".encode(), b"_:root")
    assert canonical(blank) == canonical(standard_graph(expansion.nodes, base, document_id))


@pytest.mark.skipif(not CORPUS, reason="WASMIOT_CORPUS names no folder of documents")
@pytest.mark.parametrize("folder", ["real", "tms", "w3c-valid", "edge", "invalid"])
def test_graph_of_the_corpus_is_the_standards(folder: str) -> None:
    """Every document that is JSON-LD has the graph of the standard."""
    for path in sorted((Path(str(CORPUS)) / folder).glob("*.json")):
        try:
            assert_standard(json.loads(path.read_bytes()))
        except (JsonLdError, json.JSONDecodeError):
            continue


@pytest.mark.parametrize(
    ("value", "datatype", "expected"),
    [
        (1, None, ("1", "integer")),
        (1.0, None, ("1", "integer")),
        (1.5, None, ("1.5E0", "double")),
        (0.1, None, ("1.0E-1", "double")),
        (-2.5e-7, None, ("-2.5E-7", "double")),
        (10**21, None, ("1.0E21", "double")),
        (10**20, None, ("1" + "0" * 20, "integer")),
        (3, f"{XSD}double", ("3.0E0", "double")),
        ("3", f"{XSD}double", ("3.0E0", "double")),
        ("x", f"{XSD}double", ("x", "double")),
        (5, f"{XSD}unsignedInt", ("5", "unsignedInt")),
        (True, None, ("true", "boolean")),
        ("a", None, ("a", "string")),
    ],
)
def test_numbers_have_their_canonical_form(
    value: Any, datatype: str | None, expected: tuple[str, str]
) -> None:
    """JSON numbers become XSD literals as JSON-LD says."""
    assert lexical_form(value, datatype) == (expected[0], XSD + expected[1])


def test_json_literals_are_kept_as_json() -> None:
    """A value of type @json becomes one literal with its members sorted."""
    context = {"p": {"@id": "urn:p", "@type": "@json"}}
    graph = graph_of({"@context": context, "@id": ID, "p": {"b": 1, "a": [None]}})
    assert r'"{\"a\":[null],\"b\":1}"^^' in graph


def test_text_is_escaped() -> None:
    """Quotes, line ends and backslashes in a text stay inside its literal."""
    title = 'a "b" \\ \n c\r. <urn:x> <urn:y> <urn:z> .'
    graph = Graph().parse(data=graph_of({"@context": TD_CONTEXT, "title": title}), format="nt")
    assert [str(text) for text in graph.objects()] == [title]


@pytest.mark.parametrize(
    "iri", ["urn:o><urn:othergraph", 'urn:o"', "urn:o\n<urn:a> <urn:b> <urn:c> .", "urn:\\u003E"]
)
@pytest.mark.parametrize("place", ["id", "type", "key", "reference"])
def test_iris_cannot_write_other_triples(iri: str, place: str) -> None:
    """An IRI with delimiters of N-Triples is a violation, and not in the graph."""
    member = {
        "id": ("@id", iri),
        "type": ("@type", iri),
        "key": (iri, 1),
        "reference": ("urn:p", {"@id": iri}),
    }
    key, value = member[place]
    document = {"@id": ID, "urn:q": 1, key: value}
    written = triples(expand(document, base=document_base(ID)), ID)
    assert b"othergraph" not in written.n_triples
    assert len(Graph().parse(data=written.n_triples, format="nt")) == (0 if place == "id" else 1)
    if " " not in iri:
        assert [finding.severity for finding in written.findings] == [Severity.VIOLATION]


def test_blank_in_an_iri_is_a_warning() -> None:
    """The slip is named, and the rest of the node is kept."""
    document = {"@context": CONTEXT, "@type": ["saref:Temperature sensor"], "title": "t"}
    written = triples(expand(document, base=document_base(ID)), ID)
    assert [finding.severity for finding in written.findings] == [Severity.WARNING]
    assert b"td#title" in written.n_triples


@pytest.mark.parametrize(
    ("iri", "expected"),
    [
        ("urn:{{NAME}}", "urn:%7B%7BNAME%7D%7D"),
        ("https://x.example/%", "https://x.example/%25"),
        ("https://x.example/%41", "https://x.example/%41"),
        ("https://[::1]:80/a[0]", "https://[::1]:80/a%5B0%5D"),
        ("https://x.example/ä", "https://x.example/ä"),
        ("urn:a#b#c", "urn:a#b%23c"),
        ("https://x.example:{{PORT}}/", None),
        ("relative", None),
        ("urn:a b", None),
    ],
)
def test_iris_are_made_well_formed(iri: str, expected: str | None) -> None:
    """Placeholders and stray characters are encoded; what stays ambiguous is no IRI."""
    assert well_formed(iri) == expected


def test_bad_language_tags_are_left_out() -> None:
    """A tag that RDF does not know leaves its text out of the graph, with a warning."""
    document = {"@context": TD_CONTEXT, "titles": {"en_US": "a", "fi": "b"}}
    written = triples(expand(document, base=document_base(ID)), ID)
    assert written.n_triples.count(b"\n") == 1
    assert [finding.severity for finding in written.findings] == [Severity.WARNING]


def test_named_graphs_are_refused() -> None:
    """A document cannot name a graph of its own."""
    document = {"@id": ID, "urn:p": {"@id": "urn:g", "@graph": [{"@id": "urn:a", "urn:b": 1}]}}
    written = triples(expand(document, base=document_base(ID)), ID)
    assert any("named graph" in finding.message for finding in written.findings)


def test_reverse_and_included_nodes_are_written() -> None:
    """The rarer forms of JSON-LD give the triples of the standard."""
    document = {
        "@id": ID,
        "id": ID,
        "@reverse": {"urn:p": [{"@id": "urn:a", "urn:q": 1}]},
        "@included": [{"@id": "urn:b", "urn:r": {"@list": [1, {"@list": []}]}}],
    }
    assert_standard(document)


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


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    st.sampled_from(["urn:a", "_:b", "http://x/[", "saref:A B", "en", "en_US", "urn:<>", "object"]),
)
KEYWORDS = "@id @type @list @set @value @language @index @reverse @included @nest"
TERMS = """
    id type title titles properties actions forms href op unit const security securityDefinitions
    schemaDefinitions uriVariables wasmiot:provides wasmiot:dependsOn wasmiot:mount wasmiot:feeds
    urn:p x:y _:b {{T}} a/b ä€
"""
MEMBERS = st.sampled_from((KEYWORDS + TERMS).split())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None, max_examples=200, suppress_health_check=list(HealthCheck))
@given(document=st.dictionaries(MEMBERS, VALUES, max_size=5))
def test_any_json_is_refused_or_has_the_standards_graph(document: dict[str, Any]) -> None:
    """Whatever the JSON, the triples are well-formed and, where nothing was left out, complete."""
    document = {**document, "@context": CONTEXT}
    base = document_base(ID)
    try:
        expansion = expand(document, base=base)
    except JsonLdError:
        return
    written = triples(expansion, ID)
    blank = with_blank_nodes(written.n_triples, ID).replace(f"<{ID}>".encode(), b"_:root")
    found, wanted = canonical(blank), None
    if len(expansion.nodes) == 1 and not written.findings:
        with suppress(pyld.JsonLdError, TypeError):  # pyld cannot number nodes that share an id
            wanted = canonical(standard_graph(expansion.nodes, base))
    assert wanted in (None, found)


@settings(
    deadline=None,
    max_examples=300,
    suppress_health_check=list(HealthCheck),
)
@given(document=st.dictionaries(MEMBERS, VALUES, max_size=5))
def test_the_quick_way_expands_as_pyld_does(document: dict[str, Any]) -> None:
    """Any JSON comes out the same, in the same order, or is refused by both."""
    document = {**document, "@context": CONTEXT}
    quick = _expanded_or_refused(document)
    with pytest.MonkeyPatch.context() as slow:
        slow.setattr(_Expander, "_quick_object", lambda *_: {})
        assert quick == _expanded_or_refused(document)


def _expanded_or_refused(document: dict[str, Any]) -> list[dict[str, Any]] | str:
    try:
        return expand(document, base=document_base(ID)).nodes
    except JsonLdError as error:
        return str(error)


@pytest.mark.skipif(not CORPUS, reason="WASMIOT_CORPUS names no folder of documents")
def test_expansion_of_the_corpus_is_pylds() -> None:
    """The shortcuts through pyld change nothing."""
    registry = default_registry()

    def load(iri: str, _: Any) -> dict[str, Any]:
        return {"contextUrl": None, "documentUrl": iri, "document": registry.document(iri)}

    for path in sorted(Path(str(CORPUS)).glob("[!o]*/*.json")):
        try:
            document = json.loads(path.read_bytes())
            nodes = expand(document, base="https://base.invalid/", strict=True).nodes
        except (JsonLdError, ContextNotAvailable, json.JSONDecodeError):
            continue
        options = {"documentLoader": load, "base": "https://base.invalid/"}
        assert nodes == pyld.expand(document, options), path


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
