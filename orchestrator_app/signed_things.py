"""Things that somebody vouches for: `--signed-things` has the directory take no others."""

from collections.abc import Mapping
from typing import Any

from wasmiot_td.access.guard import Guard
from wasmiot_td.access.trust import Trust
from wasmiot_td.report import Finding

_ADVICE = (
    "Sign it with `wasmiot sign FILE --key KEY`, or let the device join, by which it is known; "
    "whom this orchestrator trusts is said by its --trusted-key."
)


def refuse_unsigned(
    guard: Guard, trust: Trust, thing_id: str, described: Mapping[str, Any]
) -> None:
    """Let a description pass that a trusted key signed, or that is of a device with a key.

    Of such a device the description changes all the time, and comes with its key each time.

    Raises:
        ProblemError: 403, nobody who is trusted vouches for it.
    """
    if thing_id in guard.known.peers:
        return
    fault = trust.document_fault(described)
    if fault:
        raise trust.refusal([Finding("", f"the description of {thing_id} {fault}")], _ADVICE)
