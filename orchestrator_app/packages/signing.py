"""Signatures of modules: checked when a module comes, and whose they must be."""

from collections.abc import Mapping
from typing import Any

from wasmiot_td.access.signatures import (
    SIGNATURE,
    ModuleStatement,
    forged,
    signatures_of,
    signers,
    statement_of,
)
from wasmiot_td.access.trust import Trust
from wasmiot_td.errors import ValidationError
from wasmiot_td.report import Finding, Report

_ADVICE = (
    "Sign it with `wasmiot module add FILE --key KEY`, or have one of these sign it; whom this "
    "orchestrator trusts is said by its --trusted-key."
)


def check_signatures(model: Mapping[str, Any], trust: Trust | None) -> None:
    """Refuse what is not signed as it says, or by nobody who is trusted.

    Args:
        model: the module's Thing Model as it will be kept.
        trust: whose signature is asked for; None if nobody's.

    Raises:
        ValidationError: a signature is none of this module; each such signature is reported.
        ProblemError: 403, no trusted key has signed it.
    """
    if findings := forged(model):
        raise ValidationError(Report.of(findings))
    if trust is not None:
        fault = trust.document_fault(model)
        if fault:
            finding = Finding("", f"the module {model['id']} {fault}")
            raise trust.refusal([finding], _ADVICE)


def with_signatures(model: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return a module with its signatures and those of another upload of the same."""
    found = {str(s.get("key")): dict(s) for s in (*signatures_of(model), *signatures_of(other))}
    return {**model, **({SIGNATURE: list(found.values())} if found else {})}


def signer_keys(model: Mapping[str, Any]) -> list[str]:
    """Return the keys that have signed a module indeed, in order."""
    stated = signatures_of(model)
    return sorted(signers(statement_of(model), stated)) if stated else []


def signed_entry(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an installation says of a module so that a device can check who signed it."""
    stated = signatures_of(model)
    return ModuleStatement.of_model(model).to_entry(stated) if stated else {}
