"""Read a document back out of RDF, as far as RDF holds it.

What comes out is expanded JSON-LD, to be loaded like any other document. Where the parts are named
by their JSON pointers, these give back the order of forms and links and the keys of
`schemaDefinitions`. Lost are the order of arrays of scalars (`op`, `security`, `enum`), both where
the parts are blank nodes, and which of two equal spellings the author chose (`1` or `1.0`, a
string or an array of one). rdflib, for its part, rewrites dates and numbers as it parses them.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from rdflib import RDF, XSD, BNode, Graph, Literal, URIRef
from rdflib.term import Node

from wasmiot_td.contexts import bundled_documents
from wasmiot_td.iri import absolute, part_prefix, pointer_of
from wasmiot_td.n_triples import lexical_form
from wasmiot_td.namespaces import TD

ExpandedNode = dict[str, Any]
#: The properties whose JSON form is a map with keys that are not in the graph.
_INDEXED = frozenset((URIRef(str(TD["schemaDefinitions"])),))
_READERS: Mapping[str, Callable[[str], Any]] = {
    str(XSD.integer): int,
    str(XSD.double): float,
    str(XSD.boolean): {"true": True, "false": False}.__getitem__,
}


def expanded_graph(graph: Graph, document_id: str) -> list[ExpandedNode]:
    """Return a graph as expanded JSON-LD, each part inside the node that it belongs to.

    Args:
        graph: the graph of one document, its parts blank nodes or named by their JSON pointers.
        document_id: the IRI of its root.
    """
    reader = _Reader(graph, document_id)
    nodes = [reader.node(URIRef(document_id))]
    for subject in sorted(set(graph.subjects()), key=str):
        if subject not in reader.written:
            nodes.append(reader.node(subject))
    return nodes


class _Reader:
    """Each subject is written out where it is met first, and referred to elsewhere."""

    def __init__(self, graph: Graph, document_id: str) -> None:
        self.graph = graph
        self.root = URIRef(document_id)
        self.prefix = part_prefix(document_id)
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
        """Give back the keys of a map that RDF does not hold; invented ones to blank nodes."""
        for number, (value, term) in enumerate(zip(values, terms, strict=True)):
            pointer = pointer_of(str(self.root), str(term))
            value["@index"] = pointer.rpartition("/")[2] if pointer else str(number)

    def is_part(self, subject: Node) -> bool:
        """Whether a node needs no name: it is referred to at most once."""
        if subject == self.root or not self.is_unnamed(subject):
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
    return f"_:{term}" if isinstance(term, BNode) else str(term)


def _literal(term: Literal, predicate: str) -> ExpandedNode:
    """Return a value object as the contexts want it: a JSON number where it is the same."""
    if term.language:
        return {"@value": str(term), "@language": term.language}
    datatype = str(term.datatype or XSD.string)
    native = _native(term, datatype)
    is_coerced = datatype in coerced_datatypes().get(predicate, frozenset())
    if not is_coerced and (not isinstance(native, str) or datatype == str(XSD.string)):
        return {"@value": native}
    return {"@value": native, "@type": datatype}


def _native(term: Literal, datatype: str) -> Any:
    """Return the JSON value that would become such a literal, or its text."""
    text = str(term)
    try:
        value = _READERS[datatype](text)
    except (KeyError, ValueError):
        return text
    return value if lexical_form(value, None)[1] == datatype else text


@cache
def coerced_datatypes() -> dict[str, frozenset[str]]:
    """Return the datatypes that the bundled contexts give to the values of each property."""
    found: dict[str, set[str]] = {}
    for document in bundled_documents().values():
        _collect(document["@context"], {}, found)
    return {iri: frozenset(datatypes) for iri, datatypes in found.items()}


def _collect(context: dict[str, Any], outer: dict[str, str], found: dict[str, set[str]]) -> None:
    prefixes = {**outer, **_prefixes(context)}
    for term, definition in context.items():
        if not isinstance(definition, dict):
            continue
        datatype = absolute(definition.get("@type", "@none"), prefixes)
        if not datatype.startswith("@"):
            found.setdefault(absolute(definition.get("@id", term), prefixes), set()).add(datatype)
        _collect(definition.get("@context", {}), prefixes, found)


def _prefixes(context: dict[str, Any]) -> dict[str, str]:
    simple = {key: value for key, value in context.items() if isinstance(value, str)}
    marked = {
        key: value["@id"]
        for key, value in context.items()
        if isinstance(value, dict) and value.get("@prefix")
    }
    return simple | marked
