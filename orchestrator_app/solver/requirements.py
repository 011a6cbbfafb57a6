"""First stage: the steps of a manifest, each with the module it means and what it requires."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from orchestrator_app.solver.edge import Edge
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
    sequence = manifest["sequence"]
    findings = [f for i, s in enumerate(sequence) for f in _unknown(i, s, modules)]
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
            name=name,
            inputs=(Edge(i - 1),) if i else (),
        )
        for i, (s, name) in enumerate(zip(sequence, names_of(sequence), strict=True))
    )


def names_of(sequence: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what each step is called: its id; or its function, and its place if others call it."""
    plain = [s.get("id") or s.get("entrypoint") or s.get("affordance") or "step" for s in sequence]
    taken = {s["id"] for s in sequence if "id" in s}
    return [
        name if "id" in s or (plain.count(name) == 1) else _free(f"{name}-{i}", taken)
        for i, (s, name) in enumerate(zip(sequence, plain, strict=True))
    ]


def _free(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += "-"
    return name


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
