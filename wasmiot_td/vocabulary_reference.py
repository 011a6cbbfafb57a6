"""The terms and the shapes in words, for pages.

Read from `ontology/` and `shapes/`, so that no page can say anything else.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from rdflib import OWL, RDF, RDFS, SH, Graph, URIRef
from rdflib.term import Node

from wasmiot_td.namespaces import WASMIOT
from wasmiot_td.resources import resource_directory

_KINDS = {
    OWL.Class: "class",
    OWL.ObjectProperty: "property to a node",
    OWL.DatatypeProperty: "property to a value",
    RDF.Property: "property",
}


@dataclass(frozen=True)
class Term:
    """A term of the ontology.

    Attributes:
        name: without its namespace.
        part: the file that holds it.
        kind: a class or a property, in words.
        above: the classes or properties that it is a kind of, as prefixed names.
        domain: what has it; empty where it is not said.
        range: what its values are; empty where it is not said.
    """

    iri: str
    name: str
    part: str
    kind: str
    label: str
    comment: str
    above: tuple[str, ...]
    domain: tuple[str, ...]
    range: tuple[str, ...]


@dataclass(frozen=True)
class Shape:
    """A shape: what it is about, and the rules that it holds, each as its message."""

    iri: str
    name: str
    part: str
    targets: tuple[str, ...]
    rules: tuple[str, ...]


Entry = TypeVar("Entry", Term, Shape)


@cache
def terms() -> tuple[Term, ...]:
    """Return the terms of the ontology, by part and name."""
    found = [
        _term(part, graph, subject, kind)
        for part, graph in _graphs("ontology")
        for type_, kind in _KINDS.items()
        for subject in graph.subjects(RDF.type, type_)
        if str(subject).startswith(str(WASMIOT))
    ]
    return tuple(sorted(found, key=lambda t: (t.part, t.kind != "class", t.name)))


@cache
def shapes() -> tuple[Shape, ...]:
    """Return the shapes, by part and name."""
    found = [
        _shape(part, graph, subject)
        for part, graph in _graphs("shapes")
        for subject in graph.subjects(RDF.type, SH.NodeShape)
        if isinstance(subject, URIRef)
    ]
    return tuple(sorted(found, key=lambda s: (s.part, s.name)))


def by_part(found: Iterable[Entry]) -> list[tuple[str, list[Entry]]]:
    """Return terms or shapes by the file that holds them."""
    parts: dict[str, list[Entry]] = {}
    for entry in found:
        parts.setdefault(entry.part, []).append(entry)
    return list(parts.items())


@cache
def serialized(paths: tuple[Path, ...], media_type: str) -> str:
    """Return some files of Turtle as one graph in another form, such as `application/ld+json`."""
    return in_form(media_type, *(path.read_text() for path in paths))


def in_form(media_type: str, *texts: str) -> str:
    """Return texts in Turtle as one graph in a form; one alone in Turtle is what it is."""
    if media_type == "text/turtle" and len(texts) == 1:
        return texts[0]
    graph = Graph()
    for text in texts:
        graph.parse(data=text, format="turtle")
    return graph.serialize(format=media_type)


def ontology_page() -> str:
    """Return the terms as Markdown."""
    lines = ["# Terms", "", f"Namespace `{WASMIOT}`, prefix `wasmiot`. Written from `ontology/`."]
    for part, of_part in by_part(terms()):
        lines += ["", f"## {part}"]
        for term in of_part:
            lines += ["", f"### {term.name}", "", term.comment, "", *_facts(term)]
    return "\n".join(lines) + "\n"


def shapes_page() -> str:
    """Return the shapes as Markdown."""
    lines = ["# Shapes", "", "The rules that documents must meet. Written from `shapes/`."]
    for part, of_part in by_part(shapes()):
        lines += ["", f"## {part}"]
        for shape in of_part:
            about = ", ".join(f"`{t}`" for t in shape.targets)
            lines += ["", f"### {shape.name}", "", f"For: {about}." if about else "By reference."]
            lines += ["", *(f"- {rule}" for rule in shape.rules)]
    return "\n".join(lines) + "\n"


def _facts(term: Term) -> Iterator[str]:
    yield f"- {term.kind}"
    for label, names in (("a kind of", term.above), ("of", term.domain), ("values", term.range)):
        if names:
            yield f"- {label}: " + ", ".join(f"`{name}`" for name in names)


@cache
def _graphs(folder: str) -> tuple[tuple[str, Graph], ...]:
    paths = sorted(resource_directory(folder).glob("*.ttl"))
    return tuple((path.stem, Graph().parse(path, format="turtle")) for path in paths)


def _term(part: str, graph: Graph, subject: Node, kind: str) -> Term:
    above = [*graph.objects(subject, RDFS.subClassOf), *graph.objects(subject, RDFS.subPropertyOf)]
    return Term(
        iri=str(subject),
        name=str(subject).removeprefix(str(WASMIOT)),
        part=part,
        kind=kind,
        label=str(graph.value(subject, RDFS.label) or ""),
        comment=str(graph.value(subject, RDFS.comment) or ""),
        above=_names(graph, above),
        domain=_names(graph, graph.objects(subject, RDFS.domain)),
        range=_names(graph, graph.objects(subject, RDFS.range)),
    )


def _shape(part: str, graph: Graph, subject: URIRef) -> Shape:
    by = (SH.targetClass, SH.targetSubjectsOf, SH.targetObjectsOf, SH.targetNode)
    messages = {str(m) for n in _below(graph, subject) for m in graph.objects(n, SH.message)}
    return Shape(
        iri=str(subject),
        name=str(subject).rpartition("#")[2],
        part=part,
        targets=_names(graph, [o for p in by for o in graph.objects(subject, p)]),
        rules=tuple(sorted(messages)),
    )


def _below(graph: Graph, subject: Node) -> Iterator[Node]:
    """Yield a shape and the nameless nodes that it consists of."""
    yield subject
    for found in graph.objects(subject):
        if not isinstance(found, URIRef) and (found, None, None) in graph:
            yield from _below(graph, found)


def _names(graph: Graph, nodes: Iterable[Node]) -> tuple[str, ...]:
    named = (node for node in nodes if isinstance(node, URIRef))
    return tuple(sorted(graph.namespace_manager.normalizeUri(node) for node in named))
