"""Which of several modules stands behind each affordance of a TD that names none."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from supervisor_app.installation import KINDS

Functions = Callable[[str], frozenset[str]]
"""The functions that a module exports, by its digest."""


def with_modules(
    document: Mapping[str, Any], modules: Sequence[Mapping[str, Any]], functions: Functions
) -> dict[str, Any]:
    """Return a TD with modules, each affordance bound to the one that has its function."""
    exports = {str(entry["id"]): functions(str(entry["digest"])) for entry in modules}
    bound = {**document, "wasmiot:module": list(modules)}
    for kind in KINDS:
        members = document.get(kind)
        if isinstance(members, Mapping):
            bound[kind] = {name: _with_module(m, exports) for name, m in members.items()}
    return bound


def _with_module(affordance: Any, exports: Mapping[str, frozenset[str]]) -> Any:
    if not isinstance(affordance, Mapping) or "wasmiot:module" in affordance:
        return affordance
    entrypoint = affordance.get("wasmiot:entrypoint", affordance.get("wasmiot:writeEntrypoint"))
    owners = [module for module, names in exports.items() if entrypoint in names]
    return {**affordance, "wasmiot:module": owners[0]} if owners else affordance
