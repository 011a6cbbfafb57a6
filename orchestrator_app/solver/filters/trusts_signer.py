"""A device that asks for signatures takes only what keys that it trusts have signed."""

import numpy as np

from orchestrator_app.solver.filters.filter import Filter
from orchestrator_app.solver.fleet import DeviceFacts, Fleet, Mask
from orchestrator_app.solver.view import Step


def _refuses(step: Step, fleet: Fleet) -> Mask:
    """Few sets of keys are trusted, by however many devices; the last is that of no demand."""
    by_trust = [_is_refused(step, fleet.own_key, set(keys.split())) for keys in fleet.trusts]
    refused: Mask = np.array([*by_trust, False], np.bool_)[fleet.trust]
    return refused


def _is_refused(step: Step, own_key: str, trusted: set[str]) -> bool:
    is_module = step.thing is None
    return own_key not in trusted or (is_module and not trusted & step.module.signers)


def _requirement(step: Step) -> str:
    signers = " or ".join(sorted(step.module.signers))
    signed = f"signed by {signers}" if signers else "not signed"
    return "trusts this orchestrator" if step.thing else f"takes a module that is {signed}"


def _reason(step: Step, device: DeviceFacts) -> str:
    trusted = (device.trusts or "").split()
    told = f"runs only what was signed by {' or '.join(trusted)}"
    if step.thing is None and not step.module.signers:
        return f"{told}, and the module is not signed"
    if step.thing is None and not step.module.signers & set(trusted):
        return f"{told}, and the module is signed by {' and '.join(sorted(step.module.signers))}"
    return f"{told}, and not by this orchestrator, whose key it does not trust"


trusts_signer = Filter(
    "trusts_signer",
    refuses=_refuses,
    requirement=_requirement,
    offered=lambda step, device: f"trusts {device.trusts or 'everybody'}",
    reason=_reason,
)
