"""Whatever a document holds, it writes into its own graph, and comes back as it was."""

import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdflib import Literal

from orchestrator_app.store import KindConflictError, UnstorableDocumentError, ground_triples
from orchestrator_app.store.ground_triples import read_triples, string_term
from wasmiot_td.errors import DocumentError
from wasmiot_td.iri import well_formed
from wasmiot_td.thing_description import load

OTHER = "urn:ex:other"
OTHER_TRIPLE = f'<{OTHER}> <urn:ex:p> "untouched" .'.encode()

BREAKING = [
    "> <urn:ex:other> . <urn:ex:a",
    '" } } ; DROP ALL ; INSERT DATA { GRAPH <urn:ex:other> { <urn:a> <urn:b> "',
    "} GRAPH <urn:ex:other> { <urn:a> <urn:b> <urn:c>",
    "\\u003E <urn:ex:other> \\u003C",
    '\\u0022 . <urn:ex:other> <urn:ex:p> "',
    "\n<urn:ex:other> <urn:ex:p> <urn:ex:o> .\n",
    "{{placeholder}}",
    '\r\t\b\f\\"\'\'\'""" # ?x $y',
    "\u2028\x85\U0001f4a1\ufffe",
]


def without_nul(text: str) -> str:
    """Return a text without what is refused in triples."""
    return text.replace("\0", "")


texts = st.lists(st.sampled_from(BREAKING) | st.text(max_size=8), max_size=3).map("".join)
FEW = settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def guarded(store, make_document):
    """A store with a document that must not change."""
    store.put(make_document(OTHER, OTHER_TRIPLE, {"id": OTHER}), kind="thing")
    return store


def graphs_of(store):
    """Return the names of all graphs with the number of their triples."""
    rows = store.select("SELECT ?g (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g")
    return {str(row["g"]): int(row["n"]) for row in rows}


def put_and_compare(store, document):
    """Put a document; return the names of the graphs that changed, and remove it again."""
    before = graphs_of(store)
    with contextlib.suppress(UnstorableDocumentError, KindConflictError):
        store.put(document, kind="thing")
    after = graphs_of(store)
    store.delete(document.id)
    return {name for name in before | after if before.get(name) != after.get(name)}


@FEW
@given(name=texts, iri=texts, text=texts)
def test_no_text_in_triples_leaves_the_graph(guarded, make_document, name, iri, text):
    """Ids, IRIs and literals with delimiters and escapes are kept inside, or refused."""
    own = f"urn:ex:{name}"
    line = f'<urn:ex:s{iri}> <urn:ex:p> "{text}" .'
    document = make_document(own, line.encode("utf-8", "replace"), {"id": own, "title": text})
    assert put_and_compare(guarded, document) <= {own, "urn:wasmiot:store"}
    assert guarded.get(OTHER).document == {"id": OTHER}
    assert guarded.select("SELECT ?o { GRAPH <urn:ex:other> { ?s ?p ?o } }") == [
        {"o": Literal("untouched")}
    ]


@FEW
@given(name=texts, title=texts, key=texts, href=texts)
def test_no_thing_description_leaves_its_graph(guarded, name, title, key, href):
    """What the loader lets through stays in the document's graph, and comes back unchanged."""
    source = {
        "@context": ["https://www.w3.org/2022/wot/td/v1.1", {"x": f"urn:ex:{href}"}],
        "id": f"urn:ex:{name}",
        "title": title,
        "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
        "security": ["nosec_sc"],
        "properties": {key: {"type": "string", "forms": [{"href": f"http://h/{href}"}]}},
    }
    try:
        loaded = load(json.dumps(source).encode())
    except DocumentError:
        return
    assert put_and_compare(guarded, loaded) <= {loaded.id, "urn:wasmiot:store"}


@FEW
@given(text=(st.text(max_size=60) | texts).map(without_nul))
def test_every_text_comes_back(store, make_document, text):
    """JSON text and literals are given back character by character."""
    triple = f"<urn:ex:a> <urn:ex:p> {string_term(text)} ."
    document = make_document("urn:ex:a", triple.encode(), {"id": "urn:ex:a", "title": text})
    store.put(document, kind="thing")
    assert store.get("urn:ex:a").document["title"] == text
    assert store.select("SELECT ?o { <urn:ex:a> <urn:ex:p> ?o }") == [{"o": Literal(text)}]


@given(text=texts)
def test_an_iri_is_read_as_it_is_or_refused(text):
    """Escapes are decoded before an IRI is judged, so none can hide a delimiter."""
    line = f"<urn:ex:a{text}> <urn:ex:p> <urn:ex:o> .".encode("utf-8", "replace")
    try:
        found = read_triples(line, "urn:ex:d")
    except UnstorableDocumentError:
        return
    for triple in found:
        assert all(well_formed(term[1:-1]) == term[1:-1] for term in triple)


_TERMS = st.sampled_from(
    [
        "<urn:a>",
        "<a>",
        "<urn:a\\u003E>",
        "_:b",
        '"x"',
        '"x"@en',
        '"x"^^<urn:t>',
        '"a b . "',
        '"\\t"',
    ]
)
_GAPS = st.sampled_from([" ", " ", " ", "  ", "", "\t", ' "', " <urn:p> "])
_ENDS = st.sampled_from([" .", " .", ".", " . ", "", " . # said", " . <urn:p> ."])
_LINES = st.tuples(_TERMS, _GAPS, _TERMS, _GAPS, _TERMS, _ENDS).map("".join)


@settings(max_examples=500)
@given(line=_LINES)
def test_a_line_as_it_is_usual_is_read_as_any_other(line):
    """The short way of reading reads no other triple, and refuses nothing else."""
    either = [_read(line, ground_triples._usual), _read(line, lambda _line, _terms: None)]
    assert either[0] == either[1]


def _read(line, usual):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ground_triples, "_usual", usual)
        try:
            return read_triples(line.encode(), "urn:ex:d")
        except UnstorableDocumentError:
            return None


@pytest.mark.parametrize(
    "line",
    [
        b"<urn:ex:a> <urn:ex:p> <urn:ex:o\\u003E> .",
        b'<urn:ex:a> <urn:ex:p> "x"^^<urn:ex:o\\u007D> .',
        b'<urn:ex:a> <urn:ex:p> "\\uD800" .',
        b'<urn:ex:a> <urn:ex:p> "\\UFFFFFFFF" .',
        b'<urn:ex:a> <urn:ex:p> "\xff" .',
        b'<urn:ex:a> <urn:ex:p> "\\u0000" .',
        b"<a> <urn:ex:p> <urn:ex:o> .",
        b'"a" <urn:ex:p> <urn:ex:o> .',
        b"<urn:ex:a> <urn:ex:p> <urn:ex:o>",
    ],
)
def test_what_is_no_triple_is_refused(line):
    """Escaped delimiters, lone surrogates, relative IRIs and halves are no triples."""
    with pytest.raises(UnstorableDocumentError):
        read_triples(line, "urn:ex:d")
