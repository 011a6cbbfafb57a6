"""Which classes are kinds of which: what our ontology says, and what the caller knows besides.

Names are IRIs, or compact by the prefixes that every document may use (`saref:Sensor`).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING

from wasmiot_td.contexts import wasmiot_context
from wasmiot_td.iri import absolute
from wasmiot_td.resources import resource_directory

if TYPE_CHECKING:  # a device that is asked for no class does without it
    from rdflib import Graph

Pairs = frozenset[tuple[str, str]]
"""A narrower class and a wider one."""

_MORE: ContextVar[Pairs] = ContextVar("known_classes", default=frozenset())


@contextmanager
def knowing(pairs: Iterable[tuple[str, str]]) -> Iterator[None]:
    """Know within this block of further classes: pairs of a narrower and a wider one."""
    token = _MORE.set(frozenset(pairs))
    try:
        yield
    finally:
        _MORE.reset(token)


def is_kind_of(narrower: str, wider: str) -> bool:
    """Return whether every member of one class is a member of the other."""
    one, other = absolute(narrower, _prefixes()), absolute(wider, _prefixes())
    return one == other or other in _wider(one, _MORE.get())


@cache
def own_pairs() -> Pairs:
    """Return what our ontology says of narrower and wider classes."""
    from rdflib import Graph

    graph = Graph()
    for path in sorted(resource_directory("ontology").glob("*.ttl")):
        graph.parse(path, format="turtle")
    return pairs_of(graph)


def pairs_of(graph: "Graph") -> Pairs:
    """Return what a graph says of narrower and wider classes; equivalents are both."""
    from rdflib import OWL, RDFS

    narrower = {(str(s), str(o)) for s, o in graph.subject_objects(RDFS.subClassOf)}
    same = {(str(s), str(o)) for s, o in graph.subject_objects(OWL.equivalentClass)}
    return frozenset(narrower | same | {(o, s) for s, o in same})


def _wider(iri: str, more: Pairs) -> Set[str]:
    above = _above(more)
    found, waiting = set[str](), [iri]
    while waiting:
        for wider in above.get(waiting.pop(), ()):
            if wider not in found:
                found.add(wider)
                waiting.append(wider)
    return found


@cache
def _own_above() -> Mapping[str, Set[str]]:
    return _indexed(own_pairs())


def _above(more: Pairs) -> Mapping[str, Set[str]]:
    return _indexed(own_pairs() | more) if more else _own_above()


def _indexed(pairs: Pairs) -> Mapping[str, Set[str]]:
    above: defaultdict[str, set[str]] = defaultdict(set)
    for narrower, wider in pairs:
        above[narrower].add(wider)
    return above


@cache
def _prefixes() -> Mapping[str, str]:
    context = wasmiot_context()["@context"]
    return {
        name: str(value["@id"])
        for name, value in context.items()
        if isinstance(value, dict) and value.get("@prefix")
    }
