"""The triples of `n_triples.py` as an rdflib graph.

rdflib's own reader takes N-Triples of anybody; it needs a time that grows with the square of a
line's length, and rewrites literals (`2026-01-31T12:00:00Z`, `1E2`) as it reads them. What this
library writes has one form, and is read as it was written.
"""

import re

from rdflib import Graph, Literal, URIRef

_LINE = re.compile(
    r"<(?P<subject>[^>]*)> <(?P<predicate>[^>]*)> "
    r'(?:<(?P<iri>[^>]*)>|"(?P<text>[^"\\]*(?:\\.[^"\\]*)*)"'
    r"(?:@(?P<language>[A-Za-z0-9-]+)|\^\^<(?P<datatype>[^>]*)>)?) \."
)
_ESCAPED = re.compile(r"\\(.)")
_CHARACTERS = {"n": "\n", "r": "\r"}


def graph_of(n_triples: bytes, identifier: str | None = None) -> Graph:
    """Return the graph of triples that `n_triples.triples` wrote.

    Args:
        n_triples: one triple a line, without blank nodes.
        identifier: what the graph is called.

    Raises:
        ValueError: a line has another form.
    """
    graph = Graph(identifier=identifier)
    for line in n_triples.decode().split("\n"):
        if line:
            _add(graph, line)
    return graph


def _add(graph: Graph, line: str) -> None:
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError(f"not a triple of this library: {line[:80]!r}")
    iri = found["iri"]
    term = URIRef(iri) if iri is not None else _literal(found)
    graph.add((URIRef(found["subject"]), URIRef(found["predicate"]), term))


def _literal(found: re.Match[str]) -> Literal:
    text = found["text"]
    if "\\" in text:
        text = _ESCAPED.sub(lambda match: _CHARACTERS.get(match[1], match[1]), text)
    datatype = found["datatype"]
    return Literal(
        text,
        lang=found["language"],
        datatype=URIRef(datatype) if datatype is not None else None,
        normalize=False,
    )
