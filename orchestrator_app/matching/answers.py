"""Ask every question that steps have, each once."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from rdflib import URIRef

from orchestrator_app.fleet_reader import provided_interfaces
from orchestrator_app.matching.device_shapes import answer_shape
from orchestrator_app.matching.patterns import answer_pattern
from orchestrator_app.matching.quantities import answer_quantity
from orchestrator_app.matching.queries import query
from orchestrator_app.semantic_types import subclasses_of
from orchestrator_app.solver.fleet import Fleet
from orchestrator_app.solver.requirement import (
    Answer,
    Answers,
    PatternQuestion,
    QuantityQuestion,
    Question,
    Requirement,
    ShapeQuestion,
    TypeQuestion,
)
from orchestrator_app.store import Store
from wasmiot_td.iri import well_formed


def with_answers(store: Store, fleet: Fleet, requirements: Collection[Requirement]) -> Fleet:
    """Return the devices with all that must be asked of the graph to judge them.

    Raises:
        ProblemError: as for `answers_to`.
    """
    if any(r.interfaces for r in requirements):
        fleet = replace(fleet, provides=provided_interfaces(store))
    return replace(fleet, answers=answers_to(store, requirements))


def answers_to(store: Store, requirements: Iterable[Requirement]) -> Answers:
    """Return what the graph says to all that is required or preferred.

    Raises:
        ProblemError: 422, a shape or a pattern cannot be asked; 503, it took too long.
    """
    questions = dict.fromkeys(q for r in requirements for q in r.questions)
    return {question: _answered(store, question) for question in questions}


def _answered(store: Store, question: Question) -> tuple[Answer, ...]:
    match question:
        case TypeQuestion():
            return (_of_type(store, question.type),)
        case QuantityQuestion():
            return (answer_quantity(store, question),)
        case ShapeQuestion():
            return answer_shape(store, question)
        case PatternQuestion():
            return (answer_pattern(store, question),)


def _of_type(store: Store, type: str) -> Answer:
    kinds = sorted(kind for kind in subclasses_of(store, type) if well_formed(kind) == kind)
    met = {
        str(row["device"])
        for kind in kinds
        for row in store.select(query("devices_of_type"), wanted=URIRef(kind))
    }
    others: dict[str, list[str]] = {}
    for device, kind in sorted(store.select_texts(query("types_of_devices"))):
        if device not in met:
            others.setdefault(str(device), []).append(str(kind))
    offered = {device: ", ".join(found)[:500] for device, found in others.items()}
    return Answer(f"type {type}", frozenset(met), offered)
