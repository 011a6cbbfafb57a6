"""Which literals the shapes let pass whatever they say, or within bounds.

A property is free if no shape says more of its literals than their number, their kind and, from the
shape of its node, the least and the greatest. Two graphs that differ in free values alone, within
the bounds and of the same datatype, conform both or neither: nothing in the shapes compares such a
value with another one. And what the shapes say does not change with the name of a node, unless
they know the name, or look at how names are spelled.

Source: SHACL, clause 4 (core constraint components).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rdflib import RDF, SH, BNode, Graph, Literal, URIRef
from rdflib.collection import Collection

_TOLD = {SH.message, SH.severity, SH.name, SH.description, SH.order, SH.group}
_OF_KINDS = {SH.datatype, SH.nodeKind}
_OF_NUMBERS = {SH.minCount, SH.maxCount}
_BOUNDS = {SH.minInclusive, SH.minExclusive, SH.maxInclusive, SH.maxExclusive}
_OF_SPELLING = {SH.pattern, SH.minLength, SH.maxLength}
_OF_TARGETS = {SH.targetClass, SH.targetNode, SH.targetObjectsOf, SH.targetSubjectsOf}


@dataclass(frozen=True)
class Bounds:
    """The whole numbers that a property may have, the least and the greatest included."""

    least: float = -math.inf
    greatest: float = math.inf

    def let_pass(self, value: str | int) -> bool:
        """Return whether a value is a text, or within the bounds."""
        return isinstance(value, str) or self.least <= value <= self.greatest

    @property
    def are_open(self) -> bool:
        """Whether every value is within."""
        return self == Bounds()


@dataclass(frozen=True)
class FreeValues:
    """What the shapes of a kind of document leave free.

    Attributes:
        constants: the IRIs that the shapes name.
        spelled: properties of whose values they look at the spelling.
        is_spelled_anywhere: they look at the spelling of nodes that no property leads to.
    """

    shapes: Graph
    constants: frozenset[str]
    spelled: frozenset[str]
    is_spelled_anywhere: bool

    def bounds(self, predicate: str) -> Bounds | None:
        """Return the bounds of a property's literals, None where more is said of them."""
        path, graph = URIRef(predicate), self.shapes
        shapes = list(graph.subjects(SH.path, path))
        mentions = set(graph.subject_predicates(path)) - {(s, SH.path) for s in shapes}
        if any(said != SH.targetSubjectsOf for _, said in mentions):  # compared, or in a long path
            return None
        bounds = [_bounds_of(graph, shape) for shape in shapes]
        known = [each for each in bounds if each is not None]
        if len(known) < len(bounds):
            return None
        least = max((each.least for each in known), default=-math.inf)
        return Bounds(least, min((each.greatest for each in known), default=math.inf))


def free_values(shapes: Graph) -> FreeValues:
    """Return what a shapes graph leaves free."""
    spelling = {shape for said in _OF_SPELLING for shape in shapes.subjects(said, None)}
    paths = {shape: shapes.value(shape, SH.path) for shape in spelling}
    return FreeValues(
        shapes,
        frozenset(str(term) for triple in shapes for term in triple if isinstance(term, URIRef)),
        frozenset(str(path) for path in paths.values() if isinstance(path, URIRef)),
        any(not isinstance(path, URIRef) for path in paths.values()),
    )


def _bounds_of(graph: Graph, shape: Any) -> Bounds | None:
    said = set(graph.predicates(shape, None)) - _TOLD - {RDF.type, SH.path}
    bounds = Bounds()
    if said & _BOUNDS:
        bounds = Bounds(*_interval(graph, shape))
    free = _OF_KINDS | _OF_NUMBERS | _BOUNDS | {SH["or"]}
    if not said <= free or not all(_is_of_kinds(graph, each) for each in _choices(graph, shape)):
        return None
    return bounds if bounds.are_open or _is_of_a_target(graph, shape) else None


def _interval(graph: Graph, shape: Any) -> tuple[float, float]:
    """Return the least and the greatest whole number that a shape allows; none if it is unclear."""

    def number(said: Any, otherwise: float) -> float:
        value = graph.value(shape, said)
        if value is None:
            return otherwise
        found = value.toPython() if isinstance(value, Literal) else None
        return float(found) if isinstance(found, (int, float)) else math.nan

    least = max(
        math.ceil(x) if math.isfinite(x := number(SH.minInclusive, -math.inf)) else x,
        math.floor(x) + 1 if math.isfinite(x := number(SH.minExclusive, -math.inf)) else x,
    )
    greatest = min(
        math.floor(x) if math.isfinite(x := number(SH.maxInclusive, math.inf)) else x,
        math.ceil(x) - 1 if math.isfinite(x := number(SH.maxExclusive, math.inf)) else x,
    )
    return least, greatest


def _choices(graph: Graph, shape: Any) -> Iterator[Any]:
    for choices in graph.objects(shape, SH["or"]):
        yield from Collection(graph, choices)


def _is_of_kinds(graph: Graph, shape: Any) -> bool:
    """Return whether a choice looks at the kind of a value and at nothing else."""
    return isinstance(shape, BNode) and set(graph.predicates(shape, None)) <= _OF_KINDS


def _is_of_a_target(graph: Graph, shape: Any) -> bool:
    """Return whether a property shape holds by itself: it is no part of a choice, nor nested."""
    owners = set(graph.subject_predicates(shape))
    return bool(owners) and all(
        said == SH.property and _has_target_only(graph, owner) for owner, said in owners
    )


def _has_target_only(graph: Graph, owner: Any) -> bool:
    has_target = any(graph.value(owner, said) is not None for said in _OF_TARGETS)
    return has_target and not any(graph.subjects(None, owner))
