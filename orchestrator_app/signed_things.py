"""Things that somebody vouches for: none is kept that is not signed by whom it says.

`--signed-things` has the directory take no others than those that a trusted key signed.
"""

from collections.abc import Mapping
from typing import Any

from wasmiot_td.access.guard import Guard
from wasmiot_td.access.signatures import forged
from wasmiot_td.access.trust import Trust
from wasmiot_td.errors import ValidationError
from wasmiot_td.problem import ProblemError, problem_of_document
from wasmiot_td.report import Finding, Report

_ADVICE = (
    "Sign it with `wasmiot sign FILE --key KEY`, or let the device join, by which it is known; "
    "whom this orchestrator trusts is said by its --trusted-key."
)


def refuse_forged(_thing_id: str, described: Mapping[str, Any]) -> None:
    """Let a description pass of which each signature is genuine, or that has none.

    Raises:
        ProblemError: 422, the graph would say that somebody signed what he did not.
    """
    findings = forged(described)
    if findings:
        problem = problem_of_document(ValidationError(Report.of(findings)))
        raise ProblemError(**problem.to_document())


def refuse_unsigned(
    guard: Guard, trust: Trust, thing_id: str, described: Mapping[str, Any]
) -> None:
    """Let a description pass that a trusted key signed, or that is of a device with a key.

    Of such a device the description changes all the time, and comes with its key each time.

    Raises:
        ProblemError: 403, nobody who is trusted vouches for it; 422 as for `refuse_forged`.
    """
    fault = "" if thing_id in guard.known.peers else trust.document_fault(described)
    if fault:
        raise trust.refusal([Finding("", f"the description of {thing_id} {fault}")], _ADVICE)
    refuse_forged(thing_id, described)
