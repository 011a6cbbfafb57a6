"""The graph of a document: the standard's, every node named, nothing injected."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from rdflib import Graph
from standard_graphs import (
    AFFORDANCE,
    CAMERA,
    CONTEXT,
    DOCUMENTS,
    ID,
    MANIFEST,
    MODULE,
    assert_standard,
    graph_of,
)

from wasmiot_td.errors import JsonLdError
from wasmiot_td.expansion import document_base
from wasmiot_td.iri import part_iri, pointer_of, well_formed
from wasmiot_td.jsonld import expand
from wasmiot_td.n_triples import lexical_form, triples
from wasmiot_td.namespaces import TD_CONTEXT, WASMIOT_CONTEXT
from wasmiot_td.report import Severity

CORPUS = os.environ.get("WASMIOT_CORPUS")
XSD = "http://www.w3.org/2001/XMLSchema#"


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
