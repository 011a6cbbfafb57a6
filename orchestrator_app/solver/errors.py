"""Why a manifest has no solution, as one tree.

SolverError (a WasmiotError)
├── UnknownReferences    it names modules or entrypoints that nobody uploaded; carries findings
├── BadComposition       its steps do not form a graph without circles; carries findings
├── UnknownThings        no Thing in the directory offers what it names; carries findings
├── IncompatibleSteps    what a step gives is not what the next one takes; carries findings
├── NoCandidate          a step that no device can take; carries the step and the rejections
├── NoAssignment         each step alone has a device, all of them together have none
└── PolicyBroken         a policy forbids whatever was found
"""

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator_app.solver.solution import Rejection
from orchestrator_app.solver.view import Step
from wasmiot_td.errors import WasmiotError
from wasmiot_td.report import Finding


class SolverError(WasmiotError):
    """A manifest has no solution."""


class UnknownReferences(SolverError):
    """The manifest names modules or entrypoints that are not here."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(str(f) for f in findings))


class BadComposition(SolverError):
    """The steps feed each other in a circle, or name steps that are not there."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(str(f) for f in findings))


class UnknownThings(SolverError):
    """No Thing in the directory offers what the manifest names."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(str(f) for f in findings))


class IncompatibleSteps(SolverError):
    """What a step gives is not acceptable to the step after it."""

    def __init__(self, findings: Sequence[Finding], step: int) -> None:
        self.findings = tuple(findings)
        self.step = step
        super().__init__("; ".join(str(f) for f in findings))


class NoCandidate(SolverError):
    """No device can take a step."""

    def __init__(
        self, step: Step, rejections: Sequence[Rejection], conflict: Sequence[str] = ()
    ) -> None:
        self.step = step
        self.rejections = tuple(rejections)
        self.conflict = tuple(conflict)
        why = "; ".join(r.reason for r in rejections[:20]) or "no device is known"
        super().__init__(f"no device can take {step.label}: {why}")


class NoAssignment(SolverError):
    """The steps do not fit on the candidates together."""

    def __init__(self, steps: Sequence[Step], is_proven: bool = True) -> None:
        self.steps = tuple(steps)
        why = "the memory of the candidates does not hold all steps together"
        if not is_proven:
            why = "no way was found in time to hold all steps in the memory of the candidates"
        need = ", ".join(f"{s.label} {s.module.required_memory_bytes} bytes" for s in steps)
        super().__init__(f"{why}: {need}")


class PolicyBroken(SolverError):
    """A policy forbids every solution that was found; carries which one, and what it says."""

    def __init__(self, breaches: Sequence[Mapping[str, Any]]) -> None:
        self.breaches = tuple(breaches)
        said = [f"{b['policy'].rpartition(':')[2]}: {b['message']}" for b in breaches]
        super().__init__("; ".join(dict.fromkeys(said)))
