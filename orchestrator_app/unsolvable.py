"""Why a manifest cannot be solved, as problem details; pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator_app.solver.errors import (
    BadComposition,
    IncompatibleSteps,
    NoAssignment,
    NoCandidate,
    PolicyBroken,
    SolverError,
    UnknownReferences,
    UnknownThings,
)
from orchestrator_app.solver.solution import rejection_documents
from wasmiot_td.problem import ProblemError
from wasmiot_td.report import Finding, Report

_TITLES: Mapping[type[SolverError], str] = {
    UnknownReferences: "Unknown module or entrypoint",
    BadComposition: "The steps form no composition",
    UnknownThings: "Unknown Thing",
}


def problem_of(error: SolverError) -> ProblemError:
    """Return the answer to a manifest that has no solution (RFC 9457, with extension members)."""
    extra: dict[str, Any] = {}
    match error:
        case UnknownReferences() | BadComposition() | UnknownThings():
            title = _TITLES[type(error)]
            extra = {"validationErrors": _validation_errors(error.findings)}
        case IncompatibleSteps():
            title = "The steps do not fit each other"
            extra = {"step": error.step, "validationErrors": _validation_errors(error.findings)}
        case NoCandidate():
            title = "No device can take a step"
            extra = _no_candidate(error)
        case NoAssignment():
            title = "The devices cannot take all steps together"
            extra = {"steps": [step.index for step in error.steps]}
        case PolicyBroken():
            title = "A policy forbids it"
            extra = {"breaches": [dict(breach) for breach in error.breaches]}
        case _:
            title = "No solution"
    return ProblemError(422, title, str(error)[:2000], **extra)


def _no_candidate(error: NoCandidate) -> dict[str, Any]:
    extra: dict[str, Any] = {
        "step": error.step.index,
        "module": error.step.module.id,
        "entrypoint": error.step.entrypoint,
        "rejections": rejection_documents(error.rejections),
    }
    return extra | ({"conflict": list(error.conflict)} if error.conflict else {})


def _validation_errors(findings: Sequence[Finding]) -> Any:
    return Report(tuple(findings)).to_validation_errors()
