"""First stage: the steps of a manifest, each with the module it means and what it requires."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from orchestrator_app.solver.errors import BadComposition, UnknownReferences
from orchestrator_app.solver.view import ModuleFacts, Pull, Requirement, Step
from orchestrator_app.solver.wiring import Wiring, wiring_of
from wasmiot_td.report import Finding

Document = Mapping[str, Any]


def references_of(manifest: Document) -> tuple[str, ...]:
    """Return what the manifest calls its modules, each once, in order."""
    return tuple(dict.fromkeys(s["module"] for s in manifest["sequence"] if "module" in s))


def steps_of(manifest: Document, modules: Mapping[str, ModuleFacts]) -> tuple[Step, ...]:
    """Return the steps of a manifest.

    Args:
        manifest: a manifest document that passed validation, its types as absolute IRIs.
        modules: the modules that were found, by what the manifest calls them.

    Raises:
        UnknownReferences: naming every module and entrypoint that is not here.
        BadComposition: naming every step that is not there, and steps that feed each other.
    """
    sequence = manifest["sequence"]
    findings = [f for i, s in enumerate(sequence) for f in _unknown(i, s, modules)]
    if findings:
        raise UnknownReferences(findings)
    wirings, findings = wiring_of(sequence)
    if findings:
        raise BadComposition(findings)
    names = names_of(sequence)
    return tuple(
        _step(index, step, names[index], wirings[index], modules)
        for index, step in enumerate(sequence)
    )


def names_of(sequence: Sequence[Document]) -> list[str]:
    """Return what each step is called: its id; or its function, and its place if others call it."""
    plain = [s.get("id") or s.get("entrypoint") or s.get("affordance") or "step" for s in sequence]
    taken = {s["id"] for s in sequence if "id" in s}
    return [
        name if "id" in s or (plain.count(name) == 1) else _free(f"{name}-{i}", taken)
        for i, (s, name) in enumerate(zip(sequence, plain, strict=True))
    ]


def _step(
    index: int, step: Document, name: str, wiring: Wiring, modules: Mapping[str, ModuleFacts]
) -> Step:
    is_thing = "module" not in step
    (thing, *_), pulls = (wiring.selectors, ()) if is_thing else ((None,), wiring.selectors)
    unknown = ModuleFacts("", thing.words if thing else "", 0, {})
    return Step(
        index,
        unknown if is_thing else modules[step["module"]],
        (step.get("affordance") or "") if is_thing else step["entrypoint"],
        step.get("device"),
        Requirement.of(step.get("requires", {})),
        Requirement.of(step.get("prefers", {})),
        name=name,
        inputs=wiring.edges,
        arguments=step.get("arguments", {}),
        thing=thing,
        pulls=tuple(Pull(selector, input=selector.input) for selector in pulls),
    )


def _free(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += "-"
    return name


def _unknown(index: int, step: Document, modules: Mapping[str, ModuleFacts]) -> list[Finding]:
    if "module" not in step:
        return []
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
