"""A document read back out of its graph: the same graph, a valid document."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rdflib
from rdflib import Graph

from wasmiot_td.errors import DocumentError, ValidationError
from wasmiot_td.graph_reader import expanded_graph
from wasmiot_td.jsonld import document_base, expand
from wasmiot_td.literals import coerced_datatypes
from wasmiot_td.n_triples import n_quads, triples, with_blank_nodes
from wasmiot_td.namespaces import CANONICAL_CONTEXT, TD, WASMIOT
from wasmiot_td.thing_description import load

CORPUS = os.environ.get("WASMIOT_CORPUS")
ID = "urn:x:1"
BASE = document_base(ID)
LAMP: dict[str, Any] = {
    "@context": list(CANONICAL_CONTEXT),
    "id": ID,
    "@type": "wasmiot:Supervisor",
    "title": "lamp",
    "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
    "security": "nosec_sc",
    "schemaDefinitions": {"fault": {"type": "string"}, "busy": {"type": "null"}},
    "wasmiot:memoryBytes": 1024,
    "properties": {
        "level": {
            "type": "array",
            "items": {"type": "number", "minimum": 0.5, "maximum": 100},
            "forms": [{"href": f"level/{n}", "op": ["readproperty"]} for n in range(12)],
        },
        "empty": {"items": {}, "forms": [{"href": "empty"}]},
    },
}


@pytest.fixture(autouse=True)
def literals_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep rdflib from rewriting dates and numbers as it parses them."""
    monkeypatch.setattr(rdflib, "NORMALIZE_LITERALS", False)


def graph_of(n_triples: bytes) -> Graph:
    """Return the graph of N-Triples."""
    return Graph().parse(data=n_triples, format="nt")


def read_back(document: Any, *, blank: bool = False) -> list[dict[str, Any]]:
    """Return a document as read out of its graph."""
    written = triples(expand(document, base=BASE), ID).n_triples
    return expanded_graph(graph_of(with_blank_nodes(written, ID) if blank else written), ID)


def canonical(n_triples: bytes, document_id: str) -> Any:
    """Return the graph of a document, its parts blank, in canonical form."""
    oxigraph = pytest.importorskip("pyoxigraph")
    blank = with_blank_nodes(n_triples, document_id)
    dataset = oxigraph.Dataset(oxigraph.parse(blank, oxigraph.RdfFormat.N_TRIPLES))
    dataset.canonicalize(oxigraph.CanonicalizationAlgorithm.RDFC_1_0)
    return dataset


def test_document_read_back_is_the_same() -> None:
    """With its parts named, and no arrays of scalars, the document comes back as it was."""
    assert load(json.dumps(read_back(LAMP))).document == load(LAMP).document


def test_blank_parts_lose_order_and_keys_alone() -> None:
    """The standard's graph gives a valid document with the same graph."""
    again = load(json.dumps(read_back(LAMP, blank=True)))
    assert sorted(again.document["schemaDefinitions"]) == ["0", "1"]
    assert canonical(again.n_triples, ID) == canonical(load(LAMP).n_triples, ID)


def test_a_graph_is_loaded_like_a_text() -> None:
    """What `load` gives as a graph, it takes; nothing is lost here, nor rewritten by rdflib."""
    dated = {**LAMP, "created": "2026-01-31T12:00:00Z"}
    first = load(dated)
    again = load(first.graph)
    assert again.document == first.document
    assert sorted(again.n_triples.splitlines()) == sorted(first.n_triples.splitlines())


def test_a_graph_of_blank_nodes_is_given_an_id() -> None:
    """Its root is found by what is said of it."""
    anonymous = {name: value for name, value in LAMP.items() if name != "id"}
    graph = Graph().parse(data=with_blank_nodes(load(LAMP).n_triples, ID), format="nt")
    assert load(graph).id == ID
    renamed = Graph()
    for s, p, o in graph:
        renamed.add((rdflib.BNode("root") if s == rdflib.URIRef(ID) else s, p, o))
    assert "id" not in load(renamed).document
    loaded = load(renamed, id="urn:x:2")
    assert loaded.document["id"] == "urn:x:2"
    assert loaded.document.keys() - {"id"} == anonymous.keys()


def test_a_graph_that_is_no_document_is_refused() -> None:
    """No Thing, two Things, or no end to what is inside of it."""
    two = load(LAMP).graph + load({**LAMP, "id": "urn:x:2"}).graph
    deep = graph_of(b"".join(b"_:n%d <urn:p> _:n%d .\n" % (n, n + 1) for n in range(3000)))
    (start,) = set(deep.subjects()) - set(deep.objects())
    deep.add((start, rdflib.RDF.type, TD.Thing))
    for graph in (Graph(), two, deep):
        with pytest.raises(ValidationError):
            load(graph)


def test_placeholders_are_read_back_as_they_were() -> None:
    """In RDF they are percent-encoded, as IRIs may not hold braces."""
    model = {
        "@context": list(CANONICAL_CONTEXT),
        "@type": "tm:ThingModel",
        "id": "urn:x:model",
        "securityDefinitions": {"s": {"scheme": "{{SCHEME}}"}},
    }
    assert load(load(model).graph).document == model


def corpus() -> Iterator[bytes]:
    """Return the documents that name themselves and no language of their own."""
    for path in sorted(Path(str(CORPUS)).glob("[rt]*/*.json")):
        text = path.read_bytes()
        if b'"@language"' not in text and {"id", "@id"} & set(json.loads(text)):
            yield text


@pytest.mark.skipif(not CORPUS, reason="WASMIOT_CORPUS names no folder of documents")
def test_corpus_read_back_has_the_same_graph() -> None:
    """Every real document that names itself is read back valid, with an equal graph."""
    compared = 0
    for text in corpus():
        try:
            loaded = load(text)
        except DocumentError:
            continue
        nodes = expanded_graph(graph_of(loaded.n_triples), loaded.id)
        again = load(json.dumps(nodes))
        assert canonical(again.n_triples, again.id) == canonical(loaded.n_triples, loaded.id)
        compared += 1
    assert compared > 50


def test_lists_are_read_back_in_order() -> None:
    """An RDF list is a list again, with the nodes in it."""
    document = {"@id": ID, "urn:p": {"@list": ["b", {"urn:q": 1}, {"@list": []}, "a"]}}
    for blank in (False, True):
        (node,) = read_back(document, blank=blank)
        assert node == expand(document, base=BASE).nodes[0]


def test_circle_of_nodes_ends() -> None:
    """Two blank nodes that refer to each other are each written once."""
    text = b"_:a <urn:p> _:b .\n_:b <urn:p> _:a .\n<urn:x:1> <urn:q> _:a .\n"
    nodes = expanded_graph(graph_of(text), ID)
    assert json.dumps(nodes).count('"urn:p"') == 2


def test_circular_list_ends() -> None:
    """A list that never ends is cut where it began."""
    first, rest = rdflib.RDF.first.n3(), rdflib.RDF.rest.n3()
    text = f"<{ID}> <urn:p> _:a . _:a {first} 1 . _:a {rest} _:a ."
    assert expanded_graph(Graph().parse(data=text, format="turtle"), ID)[0]["@id"] == ID


def test_numbers_are_json_numbers_where_the_contexts_expect_them() -> None:
    """A coerced property keeps its datatype, any other becomes the JSON value."""
    (node,) = read_back(LAMP)
    assert coerced_datatypes()[str(WASMIOT.memoryBytes)] == {str(rdflib.XSD.integer)}
    assert node[str(WASMIOT.memoryBytes)] == [{"@value": 1024, "@type": str(rdflib.XSD.integer)}]
    assert '#minimum": [{"@value": 0.5}]' in json.dumps(node)


def test_other_nodes_of_a_graph_stand_beside_the_root() -> None:
    """What the root does not lead to is not lost."""
    graph = graph_of(b'<urn:x:1> <urn:p> "a" .\n<urn:other> <urn:p> "b"@fi .\n')
    assert [node["@id"] for node in expanded_graph(graph, ID)] == [ID, "urn:other"]


def test_n_quads_name_the_graph() -> None:
    """Each triple is written into the named graph; a name that is no IRI is refused."""
    line = f'<{ID}> <{TD.title}> "a . <urn:b> ."@en .\n'
    assert n_quads(line.encode(), "urn:g").decode() == f"{line[:-3]} <urn:g> .\n"
    with pytest.raises(ValueError, match="not an IRI"):
        n_quads(line.encode(), "urn:g> .")
