"""First stage: the steps of a manifest, each with the module it means and what it requires."""

from collections.abc import Mapping
from typing import Any

from orchestrator_app.solver.errors import UnknownReferences
from orchestrator_app.solver.view import ModuleFacts, Requirement, Step
from wasmiot_td.report import Finding


def references_of(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what the manifest calls its modules, each once, in order."""
    return tuple(dict.fromkeys(step["module"] for step in manifest["sequence"]))


def steps_of(manifest: Mapping[str, Any], modules: Mapping[str, ModuleFacts]) -> tuple[Step, ...]:
    """Return the steps of a manifest.

    Args:
        manifest: a manifest document that passed validation.
        modules: the modules that were found, by what the manifest calls them.

    Raises:
        UnknownReferences: naming every module and entrypoint that is not here.
    """
    findings = [f for i, s in enumerate(manifest["sequence"]) for f in _unknown(i, s, modules)]
    if findings:
        raise UnknownReferences(findings)
    return tuple(
        Step(
            i,
            modules[s["module"]],
            s["entrypoint"],
            s.get("device"),
            Requirement.of(s.get("requires", {})),
            Requirement.of(s.get("prefers", {})),
        )
        for i, s in enumerate(manifest["sequence"])
    )


def _unknown(
    index: int, step: Mapping[str, Any], modules: Mapping[str, ModuleFacts]
) -> list[Finding]:
    module = modules.get(step["module"])
    pointer = f"/sequence/{index}"
    if module is None:
        message = f"no module {step['module']!r} is here; upload it first"
        return [Finding(f"{pointer}/module", message, value=step["module"])]
    if step["entrypoint"] in module.actions:
        return []
    known = ", ".join(sorted(module.actions)) or "none"
    message = f"module {module.reference!r} has no action {step['entrypoint']!r}; it has: {known}"
    return [Finding(f"{pointer}/entrypoint", message, value=step["entrypoint"])]
