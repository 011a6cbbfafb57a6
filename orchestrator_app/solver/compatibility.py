"""Third stage: what a step gives must be acceptable to the step after it."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from orchestrator_app.solver.errors import IncompatibleSteps
from orchestrator_app.solver.view import Step
from wasmiot_td.data_schema import mismatches
from wasmiot_td.report import Finding


def check_edges(steps: Sequence[Step]) -> None:
    """Check every edge of the sequence.

    Raises:
        IncompatibleSteps: naming every mismatch, and the first step that is not served.
    """
    found = [(after.index, f) for before, after in pairwise(steps) for f in _edge(before, after)]
    if found:
        raise IncompatibleSteps([finding for _, finding in found], found[0][0])


def _edge(before: Step, after: Step) -> list[Finding]:
    output, wanted = before.action.get("output"), after.action.get("input")
    pointer = f"/sequence/{after.index}"
    if output is None and wanted is None:
        return []
    if output is None:
        return [Finding(pointer, f"{after.label} takes an input, and {before.label} gives none")]
    if wanted is None:
        return [Finding(pointer, f"{after.label} takes no input, but {before.label} gives one")]
    prefix = f"{before.label} → {after.label}: "
    return [
        replace(f, pointer=pointer, message=prefix + f.message) for f in mismatches(output, wanted)
    ]
