"""A SHACL shape that came with a manifest: read, refused where its cost is not known, and split.

Each top-level property shape, and each other constraint of a node shape, is a condition by itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from rdflib import RDF, SH, BNode, Graph, Literal, URIRef
from rdflib.collection import Collection
from rdflib.term import Node

from wasmiot_td.problem import ProblemError
from wasmiot_td.turtle import TurtleError, read_turtle

CONSIDERED = URIRef("urn:wasmiot:considered")
MOST_CHARACTERS = 20_000
MOST_TRIPLES = 300
MOST_CONDITIONS = 20
MOST_STEPS_OF_PATH = 4

_LIMITS = (
    *("minCount", "maxCount", "hasValue", "in", "datatype", "nodeKind", "class"),
    *("minInclusive", "maxInclusive", "minExclusive", "maxExclusive", "minLength", "maxLength"),
)
_LOGIC = (SH["or"], SH["and"], SH["not"], SH.xone)
_WORDS = (SH.message, SH.name, SH.description)
_CONSTRAINTS = {*(SH[name] for name in _LIMITS), *_LOGIC, SH.property}
_ALLOWED = {
    *_CONSTRAINTS,
    *_WORDS,
    *(RDF.type, RDF.first, RDF.rest, SH.path, SH.alternativePath),
}

Path = tuple[URIRef, ...]


@dataclass(frozen=True)
class Condition:
    """One condition of a shape.

    Attributes:
        requirement: in words.
        shapes: a shapes graph of it alone, about what is `CONSIDERED`.
        paths: what it looks at, each a chain of properties.
        looks_at_class: whether it asks for classes.
    """

    requirement: str
    shapes: Graph
    paths: tuple[Path, ...]
    looks_at_class: tuple[URIRef, ...]


def conditions_of(text: str) -> tuple[Condition, ...]:
    """Return the conditions of shapes in Turtle.

    Raises:
        ProblemError: 422, they cannot be used, and why.
    """
    graph = _parsed(text)
    _check(graph)
    inner = {*graph.objects(None, SH.property), *graph.objects(None, RDF.first)}
    inner |= {*graph.objects(None, SH["not"])}
    roots = [s for s in set(graph.subjects(RDF.type, SH.NodeShape)) if s not in inner]
    found = tuple(
        _condition(graph, root, p, o)
        for root in sorted(roots, key=str)
        for p, o in sorted(graph.predicate_objects(root), key=str)
        if p in _CONSTRAINTS
    )
    if not 0 < len(found) <= MOST_CONDITIONS:
        raise _refused(f"it is one sh:NodeShape or more, with 1 to {MOST_CONDITIONS} constraints")
    return found


def _parsed(text: str) -> Graph:
    try:
        return read_turtle(text, most_characters=10 * MOST_CHARACTERS, most_triples=MOST_TRIPLES)
    except TurtleError as error:
        raise _refused(f"as Turtle: {error}") from error


def _check(graph: Graph) -> None:
    for predicate in sorted(set(graph.predicates()), key=str):
        if predicate not in _ALLOWED:
            known = ", ".join(sorted(_name(term) for term in _CONSTRAINTS))
            raise _refused(f"{_name(predicate)} is not taken here; constraints are {known}")
    for shape in graph.subjects(SH.path):
        if (shape, SH.property, None) in graph:
            raise _refused(
                "a property shape has no property shapes of its own: write a longer path"
            )
    for shape, path in graph.subject_objects(SH.path):
        _ = list(_chains(graph, path))
        if shape not in set(graph.objects()):
            raise _refused("a property shape stands in a node shape")


def _condition(graph: Graph, owner: Node, predicate: Node, value: Node) -> Condition:
    shapes, root = Graph(), BNode()
    shapes.add((root, RDF.type, SH.NodeShape))
    shapes.add((root, SH.targetSubjectsOf, CONSIDERED))
    shapes.add((root, predicate, value))
    _copy(graph, value, shapes)
    paths = tuple(
        dict.fromkeys(
            c for p in sorted(shapes.objects(None, SH.path), key=str) for c in _chains(graph, p)
        )
    )
    classes = tuple(
        sorted(c for c in set(shapes.objects(None, SH["class"])) if isinstance(c, URIRef))
    )
    words = graph.value(owner, SH.message) if predicate != SH.property else None
    said = str(words)[:500] if words else _words_of(shapes, value, predicate, paths)
    return Condition(said, shapes, paths, classes)


def _copy(source: Graph, node: Node, target: Graph) -> None:
    """Copy what is said of a node and of all that it leads to."""
    waiting, seen = [node], set[Node]()
    while waiting:
        one = waiting.pop()
        if one in seen or isinstance(one, Literal):
            continue
        seen.add(one)
        for predicate, value in source.predicate_objects(one):
            target.add((one, predicate, value))
            waiting.append(value)


def _chains(graph: Graph, path: Node) -> Iterator[Path]:
    """Yield the chains of properties that a path stands for."""
    if isinstance(path, URIRef):
        yield (path,)
        return
    either = graph.value(path, SH.alternativePath)
    steps = list(Collection(graph, either if either is not None else path))
    if not 0 < len(steps) <= MOST_STEPS_OF_PATH or not all(isinstance(s, URIRef) for s in steps):
        raise _refused(
            f"a path is a property, a sequence of up to {MOST_STEPS_OF_PATH}, or alternatives"
        )
    chain = tuple(URIRef(str(step)) for step in steps)
    yield from ((step,) for step in chain) if either is not None else (chain,)


def _words_of(shapes: Graph, value: Node, predicate: Node, paths: tuple[Path, ...]) -> str:
    said = shapes.value(value, SH.message) or shapes.value(value, SH.name)
    if said is not None:
        return str(said)[:500]
    if predicate != SH.property:
        return f"{_name(predicate)} {_name(value) if isinstance(value, URIRef) else ''}".strip()
    where = " / ".join(_name(step) for step in paths[0]) if paths else ""
    limits = [
        f"{_name(p)} {_shown(shapes, o)}"
        for p, o in sorted(shapes.predicate_objects(value), key=str)
        if p in _CONSTRAINTS
    ]
    return f"{where} {', '.join(limits)}"[:500]


def _shown(shapes: Graph, value: Node) -> str:
    if isinstance(value, BNode):
        members = [_name(m) for m in Collection(shapes, value) if not isinstance(m, BNode)]
        return f"({' '.join(members)})"
    return _name(value)


def _name(term: Node) -> str:
    text = str(term)
    return text if isinstance(term, Literal) else text.rpartition("#")[2].rpartition("/")[2]


def _refused(why: str) -> ProblemError:
    return ProblemError(422, "The shape cannot be asked", f"the shape that is required: {why}")
