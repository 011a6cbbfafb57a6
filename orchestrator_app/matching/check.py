"""Whether what a manifest requires could be asked at all; told before it is taken in."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestrator_app.directory.query_text import check_query
from orchestrator_app.matching.patterns import MOST_CHARACTERS as LONGEST_PATTERN
from orchestrator_app.matching.shape_text import MOST_CHARACTERS as LONGEST_SHAPE
from orchestrator_app.matching.shape_text import conditions_of
from orchestrator_app.solver.requirement import (
    PatternQuestion,
    QuantityQuestion,
    Question,
    Requirement,
    ShapeQuestion,
    TypeQuestion,
)
from wasmiot_td.errors import ValidationError
from wasmiot_td.iri import well_formed
from wasmiot_td.problem import ProblemError
from wasmiot_td.report import Finding, Report
from wasmiot_td.units import unit_of


def check_requirements(manifest: Mapping[str, Any]) -> None:
    """Refuse requirements that cannot be asked.

    Args:
        manifest: a manifest that passed validation, its names as absolute IRIs.

    Raises:
        ValidationError: naming each with its place.
    """
    steps = [(f"/sequence/{i}", step) for i, step in enumerate(manifest["sequence"])]
    found = [
        fault
        for where, document in [("", manifest), *steps]
        for member in ("forEach", "requires", "prefers")
        if member in document
        for fault in _faults(f"{where}/{member}", Requirement.of(document[member]).questions)
    ]
    if found:
        raise ValidationError(Report(tuple(found)))


def _faults(where: str, questions: Sequence[Question]) -> Iterator[Finding]:
    for question in questions:
        match question:
            case TypeQuestion() if ":" not in question.type or _is_no_iri(question.type):
                yield Finding(f"{where}/type", f"{question.type[:100]!r} is the IRI of no class")
            case QuantityQuestion():
                yield from _quantity_faults(f"{where}/quantities", question)
            case ShapeQuestion():
                yield from _shape_faults(f"{where}/shape", question)
            case PatternQuestion():
                yield from _pattern_faults(f"{where}/pattern", question)


def _quantity_faults(where: str, question: QuantityQuestion) -> Iterator[Finding]:
    if _is_no_iri(question.property) or ":" not in question.property:
        yield Finding(where, f"{question.property[:100]!r} is the IRI of no property")
    if question.unit and unit_of(question.unit) is None and ":" not in question.unit:
        message = f"{question.unit[:100]!r} is no unit that is known, nor an IRI of one"
        yield Finding(where, message, value=question.unit)
    if question.at_least is None and question.at_most is None:
        yield Finding(where, "a quantity is at least so much, or at most so much")


def _shape_faults(where: str, question: ShapeQuestion) -> Iterator[Finding]:
    if len(question.shape) > LONGEST_SHAPE:
        yield Finding(where, f"a shape has at most {LONGEST_SHAPE} characters")
        return
    try:
        conditions_of(f"{question.prologue}\n{question.shape}")
    except ProblemError as error:
        yield Finding(where, str(error.problem.detail))


def _pattern_faults(where: str, question: PatternQuestion) -> Iterator[Finding]:
    if len(question.pattern) > LONGEST_PATTERN:
        yield Finding(where, f"a pattern has at most {LONGEST_PATTERN} characters")
    elif "?device" not in question.pattern and "$device" not in question.pattern:
        yield Finding(where, "a pattern speaks of the device as ?device")
    else:
        try:
            check_query(f"SELECT ?device {{ {question.pattern} }}")
        except ProblemError as error:
            yield Finding(where, str(error.problem.detail))


def _is_no_iri(text: str) -> bool:
    return well_formed(text) != text
