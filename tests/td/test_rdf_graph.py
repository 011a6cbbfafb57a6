"""What this library writes as N-Triples, as an rdflib graph: every term as it was written."""

from typing import Any

import pytest
from rdflib import RDF, XSD, Graph, Literal, URIRef

from wasmiot_td.rdf_graph import graph_of
from wasmiot_td.thing_description import load


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("<urn:o>", URIRef("urn:o")),
        ('"a"', Literal("a")),
        ('""', Literal("")),
        ('"a"@fi-FI', Literal("a", lang="fi-FI")),
        (f'"1E2"^^<{XSD.double}>', Literal("1E2", datatype=XSD.double, normalize=False)),
        (f'"x"^^<{XSD.integer}>', Literal("x", datatype=XSD.integer, normalize=False)),
        (r'"a\"b\\n\nc\r . <urn:x> ."', Literal('a"b\\n\nc\r . <urn:x> .')),
        ('"\x00\x85\u2028\x1c\U0001f4a1"', Literal("\x00\x85\u2028\x1c\U0001f4a1")),
        (f'"{"x" * 5_000_000}"', Literal("x" * 5_000_000)),
    ],
)
@pytest.mark.filterwarnings("error")
def test_each_term_is_read_as_it_was_written(text: str, term: Any) -> None:
    """Escapes are undone, nothing is normalised, and a long text takes no longer than it is."""
    (found,) = graph_of(f"<urn:s> <urn:p> {text} .\n".encode(), "urn:g").objects()
    assert found == term
    assert type(found) is type(term)
    assert str(found) == str(term)


def test_a_graph_has_its_name() -> None:
    """An empty one too."""
    assert graph_of(b"", "urn:g").identifier == URIRef("urn:g")


@pytest.mark.parametrize("line", ["_:a <urn:p> <urn:o> .", "<urn:s> <urn:p> 5 .", "text"])
def test_what_the_library_does_not_write_is_refused(line: str) -> None:
    """Not skipped in silence."""
    with pytest.raises(ValueError, match="not a triple"):
        graph_of(line.encode())


def test_rdflib_reads_the_same_graph(corpus: Any) -> None:
    """But for what it rewrites, on every document of the corpus."""
    for document in corpus.valid():
        loaded = load(document.source)
        expected = Graph().parse(data=loaded.n_triples, format="nt")
        normal = [(s, p, _normal(o)) for s, p, o in graph_of(loaded.n_triples)]
        assert set(normal) == set(expected), document.name


def _normal(term: Any) -> Any:
    if isinstance(term, Literal) and term.datatype not in (None, RDF.langString):
        return Literal(str(term), datatype=term.datatype)
    return term
