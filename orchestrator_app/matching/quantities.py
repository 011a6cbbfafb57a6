"""Quantities with their units: what is asked and what devices have, compared after conversion."""

from fractions import Fraction
from functools import lru_cache

from rdflib import Literal, Namespace, URIRef
from rdflib.term import Identifier

from orchestrator_app.matching.queries import query
from orchestrator_app.ontologies import own_graph
from orchestrator_app.solver.requirement import Answer, QuantityQuestion
from orchestrator_app.store import Store
from wasmiot_td.exact_numbers import exact
from wasmiot_td.units import QUDT_UNITS, convert, unit_of

QUDT = Namespace("http://qudt.org/schema/qudt/")


def answer_quantity(store: Store, question: QuantityQuestion) -> Answer:
    """Return which devices have so much of something."""
    met, offered = set(), dict[str, str]()
    for row in store.select(query("quantities"), property=URIRef(question.property)):
        device = str(row["device"])
        value = _number(row.get("number", row["value"]))
        unit = str(row["unit"]) if "unit" in row else _unit_of_property(question.property)
        if value is not None and _is_within(value, unit, question):
            met.add(device)
        else:
            offered[device] = _words(row.get("number", row["value"]), unit)
    return Answer(in_words(question), frozenset(met), offered)


def in_words(question: QuantityQuestion) -> str:
    """Return a question as a person would write it."""
    name = question.property.rpartition("#")[2].rpartition("/")[2]
    limits = (("at least", question.at_least), ("at most", question.at_most))
    said = " and ".join(f"{word} {limit:.15g}" for word, limit in limits if limit is not None)
    return f"{name} {said} {_short(question.unit or _unit_of_property(question.property))}".strip()


def _is_within(value: Fraction, unit: str, question: QuantityQuestion) -> bool:
    try:
        told = convert(value, unit, question.unit) if question.unit else value
    except ValueError:
        return False
    low, high = question.at_least, question.at_most
    return (low is None or told >= Fraction(str(low))) and (
        high is None or told <= Fraction(str(high))
    )


def _number(term: Identifier) -> Fraction | None:
    """Return a finite number, None for what is none."""
    return exact(str(term)) if isinstance(term, Literal) else None


def _words(value: Identifier, unit: str) -> str:
    return f"{str(value)[:100]} {_short(unit)}".strip()


def _short(unit: str) -> str:
    known = unit_of(unit)
    return known.name if known else unit.removeprefix(QUDT_UNITS)


@lru_cache(maxsize=1024)
def _unit_of_property(iri: str) -> str:
    """Return the unit of a property's plain numbers, as our ontology says; empty if it does not."""
    unit = own_graph().value(URIRef(iri), QUDT.hasUnit)
    return "" if unit is None else str(unit)
