"""Read a document back out of RDF, as far as RDF holds it.

What comes out is expanded JSON-LD, to be loaded like any other document. Where the parts are named
by their JSON pointers, these give back the order of forms and links and the keys of
`schemaDefinitions`. Lost are

- the order of arrays of scalars (`op`, `security`, `enum`), and of all arrays where the parts are
  blank nodes; repetitions in them;
- the keys of `schemaDefinitions`, where the parts are blank nodes;
- the order of members, and which of two equal spellings the author chose (`1` or `1.0`, a string
  or an array of one, `title` or `td:title`);
- members that the contexts give no meaning, empty objects and arrays, prefixes of the author,
  which become whole IRIs.

rdflib, for its part, rewrites dates and numbers as it parses them (`rdf_graph.py` does not).
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from rdflib import RDF, XSD, BNode, Graph, Literal, URIRef
from rdflib.term import Node

from wasmiot_td.errors import ValidationError
from wasmiot_td.expanded import ROOT_CLASSES, ROOT_PROPERTIES
from wasmiot_td.iri import part_prefix, pointer_of
from wasmiot_td.literals import value_object
from wasmiot_td.namespaces import TD, WASMIOT
from wasmiot_td.report import Finding, Report

ExpandedNode = dict[str, Any]
_PLACEHOLDER = re.compile("%7B%7B.+?%7D%7D")
#: The properties whose JSON form is a map with keys that are not in the graph.
_INDEXED = frozenset((URIRef(str(TD["schemaDefinitions"])),))
_ROOT_PROPERTIES = tuple(map(URIRef, ROOT_PROPERTIES))
_ROOT_CLASSES = tuple(
    map(URIRef, (*ROOT_CLASSES, WASMIOT["Manifest"], WASMIOT["Solution"], WASMIOT["Decision"]))
)


def document_of(graph: Graph, document_id: str | None = None) -> list[ExpandedNode]:
    """Return the document that a graph holds, as expanded JSON-LD.

    Args:
        graph: the graph of one document.
        document_id: the IRI of its root, where that is a node of the graph.

    Raises:
        ValidationError: the graph does not tell what its root is, or is nested too deeply.
    """
    named = URIRef(document_id) if document_id is not None else None
    root = named if named and (named, None, None) in graph else root_of(graph)
    try:
        return expanded_graph(graph, root)
    except RecursionError as error:
        raise _refused("is nested too deeply") from error


def root_of(graph: Graph) -> Node:
    """Return the one node of a graph that is a Thing, a Thing Model or another document.

    Raises:
        ValidationError: there is none, or there are several.
    """
    found = {node for name in _ROOT_PROPERTIES for node in graph.subjects(name)}
    found |= {node for name in _ROOT_CLASSES for node in graph.subjects(RDF.type, name)}
    if graph.identifier in found:
        return graph.identifier
    if len(found) == 1:
        return found.pop()
    raise _refused(f"describes {len(found)} Things; a document is about one")


def _refused(message: str) -> ValidationError:
    return ValidationError(Report((Finding("", f"the graph {message}"),)))


def expanded_graph(graph: Graph, document_id: str | Node) -> list[ExpandedNode]:
    """Return a graph as expanded JSON-LD, each part inside the node that it belongs to.

    Args:
        graph: the graph of one document, its parts blank nodes or named by their JSON pointers.
        document_id: the IRI of its root, or the root itself.
    """
    root = document_id if isinstance(document_id, BNode) else URIRef(str(document_id))
    reader = _Reader(graph, root)
    nodes = [reader.node(root)]
    for subject in sorted(set(graph.subjects()), key=str):
        if subject not in reader.written:
            nodes.append(reader.node(subject))
    return nodes


class _Reader:
    """Each subject is written out where it is met first, and referred to elsewhere."""

    def __init__(self, graph: Graph, root: URIRef | BNode) -> None:
        self.graph = graph
        self.root = root
        self.prefix = part_prefix(str(root))
        self.written: set[Node] = set()

    def node(self, subject: Node) -> ExpandedNode:
        """Return a node object with all that is said of it."""
        self.written.add(subject)
        members: ExpandedNode = {} if self.is_part(subject) else {"@id": _name(subject)}
        for predicate in sorted(set(self.graph.predicates(subject)), key=str):
            terms = sorted(self.graph.objects(subject, predicate), key=self.place)
            if predicate == RDF.type:
                members["@type"] = [_name(term) for term in terms]
            else:
                members[str(predicate)] = [self.value(term, str(predicate)) for term in terms]
                if predicate in _INDEXED:
                    self.index(members[str(predicate)], terms)
        return members

    def place(self, term: Node) -> tuple[Any, ...]:
        """Return a key to sort by: the JSON pointer if there is one, numbers as numbers."""
        pointer = pointer_of(str(self.root), str(term)) or ""
        steps = tuple((step.isdecimal() and int(step), step) for step in pointer.split("/"))
        return (steps, str(term), getattr(term, "language", None) or "")

    def index(self, values: list[ExpandedNode], terms: list[Node]) -> None:
        """Give back the keys of a map that RDF does not hold, where the nodes are named by them."""
        for value, term in zip(values, terms, strict=True):
            pointer = pointer_of(str(self.root), str(term))
            if pointer:
                value["@index"] = pointer.rpartition("/")[2]

    def is_part(self, subject: Node) -> bool:
        """Whether a node needs no name: it is referred to at most once."""
        if isinstance(subject, URIRef) and (subject == self.root or not self.is_unnamed(subject)):
            return False
        return len(set(self.graph.subject_predicates(subject))) < 2

    def is_unnamed(self, subject: Node) -> bool:
        """Whether a node is blank, or has the name that loading gives to a part."""
        parts = tuple(self.prefix + start for start in ("/", "list:", "_:"))
        return isinstance(subject, BNode) or str(subject).startswith(parts)

    def value(self, term: Node, predicate: str) -> ExpandedNode:
        """Return the value object, list object or node object of a term."""
        if isinstance(term, Literal):
            return _literal(term, predicate)
        if term == RDF.nil or self.is_cell(term):
            return {"@list": [self.value(item, predicate) for item in self.items(term)]}
        has_more = (term, None, None) in self.graph or self.is_part(term)
        return self.node(term) if has_more and term not in self.written else {"@id": _name(term)}

    def is_cell(self, term: Node) -> bool:
        """Whether a node is a cell of a list, and nothing else."""
        said = {predicate for predicate, _ in self.graph.predicate_objects(term)}
        return said == {RDF.first, RDF.rest} and self.is_part(term)

    def items(self, cell: Node) -> Iterator[Node]:
        """Return the items of a list; a list that runs in a circle ends where it began."""
        current: Node | None = cell
        while current is not None and current != RDF.nil and current not in self.written:
            self.written.add(current)
            yield from self.graph.objects(current, RDF.first)
            current = self.graph.value(current, RDF.rest)


def _name(term: Node) -> str:
    """Return the name of a node, with the placeholders of a Thing Model as they are in JSON."""
    if isinstance(term, BNode):
        return f"_:{term}"
    return _PLACEHOLDER.sub(lambda match: unquote(match[0]), str(term))


def _literal(term: Literal, predicate: str) -> ExpandedNode:
    if term.language:
        return {"@value": str(term), "@language": term.language}
    return value_object(str(term), str(term.datatype or XSD.string), predicate)
