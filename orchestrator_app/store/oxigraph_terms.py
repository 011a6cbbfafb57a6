"""Oxigraph's terms and quads: to and from rdflib's, out of N-Triples, into SPARQL."""

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import pyoxigraph as ox
from rdflib import XSD
from rdflib.term import BNode, Identifier, Literal, URIRef

from orchestrator_app.store.errors import UnstorableDocumentError
from wasmiot_td.iri import part_iri

_XSD_STRING = str(XSD.string)

#: Literals of fewer characters come again: numbers, names.
_SHORT = 64


def to_rdflib(term: Any) -> Identifier:
    """Return the rdflib term of an Oxigraph term."""
    if isinstance(term, ox.NamedNode):
        return str.__new__(URIRef, term.value)  # its own constructor would look for blanks in it
    if isinstance(term, ox.BlankNode):
        return BNode(term.value)
    if isinstance(term, ox.Literal):
        value, language, datatype = term.value, term.language, term.datatype.value
        make = _remembered_literal if len(value) < _SHORT else _literal
        return make(value, language, datatype)
    raise ValueError(f"Unexpected term {term!r}")


def term_text(term: Any) -> str:
    """Return the bare text of a term."""
    return str(term.value)


def _literal(value: str, language: str | None, datatype: str) -> Literal:
    if language or datatype == _XSD_STRING:
        return Literal(value, lang=language)
    return Literal(value, datatype=URIRef(datatype))


_remembered_literal = lru_cache(4096)(_literal)


def to_oxigraph(term: Identifier) -> Any:
    """Return the Oxigraph term of an rdflib term."""
    if isinstance(term, URIRef):
        return ox.NamedNode(str(term))
    if isinstance(term, BNode):
        return ox.BlankNode(str(term))
    if isinstance(term, Literal):
        if term.language:
            return ox.Literal(str(term), language=term.language)
        return ox.Literal(str(term), datatype=ox.NamedNode(str(term.datatype or XSD.string)))
    raise ValueError(f"Unexpected term {term!r}")


def parsed_triples(n_triples: bytes, graph: str) -> list[ox.Quad]:
    """Parse triples, not quads: whatever the text holds, it goes where its reader says.

    Returns:
        Quads of the default graph, so of the merge.
    """
    try:
        triples = list(ox.parse(n_triples, format=ox.RdfFormat.N_TRIPLES))
        if b"_:" not in n_triples:
            return triples
        return [
            ox.Quad(_ground(t.subject, graph), t.predicate, _ground(t.object, graph))
            for t in triples
        ]
    except (SyntaxError, ValueError) as error:
        raise UnstorableDocumentError(f"the graph of {graph} cannot be kept: {error}") from error


def ground_text(n_triples: bytes, graph: str) -> bytes:
    """Return triples as N-Triples without blank nodes, each at the beginning of a line.

    So they can stand in a graph's braces in TriG: there is no brace, prefix or label in them that
    would mean more there.

    Raises:
        UnstorableDocumentError: they are malformed.
    """
    triples = parsed_triples(n_triples, graph)
    if not _is_unusual(n_triples):
        return n_triples
    return "".join(f"{quad.triple} .\n" for quad in triples).encode()


def _is_unusual(text: bytes) -> bool:
    """Return whether N-Triples hold what this program does not write.

    That is labels, escapes of characters, lines that end otherwise or begin with a blank. One
    search a mark: a pattern of all takes ten times as long; one byte is found soonest.
    """
    return (
        text.startswith((b" ", b"\t"))
        or b"\r" in text
        or (b"\\" in text and (b"\\u" in text or b"\\U" in text))
        or (b"\t" in text and b"\n\t" in text)
        or b"_:" in text
        or b"\n " in text
    )


def quads_in(graph: ox.NamedNode, triples: Iterable[ox.Quad]) -> set[ox.Quad]:
    """Return triples as quads of a graph."""
    return {ox.Quad(t.subject, t.predicate, t.object, graph) for t in triples}


def _ground(term: Any, graph: str) -> Any:
    """Name a blank node as a part of its document: fresh ones at each put would pile up."""
    if isinstance(term, ox.BlankNode):
        return ox.NamedNode(part_iri(graph, f"_:{term.value}"))
    return term


def blocks(quads: Iterable[ox.Quad]) -> str:
    """Return quads as SPARQL's QuadData; a term's own form is N-Triples, so already escaped."""
    by_graph = defaultdict[str, list[str]](list)
    for quad in quads:
        by_graph[str(quad.graph_name)].append(str(quad.triple))
    return " ".join(f"GRAPH {graph} {{ {' . '.join(own)} }}" for graph, own in by_graph.items())
