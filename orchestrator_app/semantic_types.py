"""Which classes are kinds of which, by the ontologies that are known here.

Only ontologies are believed (`ontologies.py`), never what a Thing's description says of classes:
a stranger could make every lamp a temperature sensor.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set

from orchestrator_app.store import Store

KIND = "ontology"
PREFIX = "urn:wasmiot:ontology:"


def subclasses_of(store: Store, iri: str) -> frozenset[str]:
    """Return a class, all classes of which every member is a member of it, and their equivalents.

    Args:
        store: where the ontologies are.
        iri: the class, as an absolute IRI.
    """
    below = _below(store)
    found, waiting = {iri}, [iri]
    while waiting:
        for narrower in below.get(waiting.pop(), ()):
            if narrower not in found:
                found.add(narrower)
                waiting.append(narrower)
    return frozenset(found)


def is_kind_of(store: Store, types: Iterable[str], wanted: Iterable[str]) -> bool:
    """Return whether some class is one of those wanted, or a kind of one."""
    given = frozenset(types)
    return any(not given.isdisjoint(subclasses_of(store, iri)) for iri in wanted)


def class_pairs(store: Store) -> frozenset[tuple[str, str]]:
    """Return pairs of a narrower class and a wider one; equivalents are both."""
    return frozenset((low, high) for high, lows in _below(store).items() for low in lows)


def _below(store: Store) -> Mapping[str, Set[str]]:
    """Return for each class those that are directly below it, or equivalent to it."""
    below: defaultdict[str, set[str]] = defaultdict(set)
    for ontology in store.list(KIND):
        for narrower, wider in ontology.document.get("subclasses", ()):
            below[wider].add(narrower)
        for one, other in ontology.document.get("equivalents", ()):
            below[one].add(other)
            below[other].add(one)
    return below
