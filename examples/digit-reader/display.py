"""Turn what the orchestrator answers into lines for a person."""

from collections.abc import Iterator, Mapping
from typing import Any

MEBIBYTE = 1024 * 1024
FOUND_BY = {
    "dns-sd": "found by mDNS (_wot._tcp on 127.0.0.1)",
    "http": "registered itself over HTTP (mDNS did not reach the orchestrator)",
}


def thing_line(thing: Mapping[str, Any]) -> str:
    """Say how a device got into the directory and what it provides."""
    introduced_by = thing.get("registration", {}).get("wasmiot:introducedBy", "")
    how = FOUND_BY.get(introduced_by, "in the directory")
    memory = thing.get("wasmiot:memoryBytes", 0) / MEBIBYTE
    provided = thing.get("wasmiot:provides", [])
    interfaces = {str(name).split(".")[0] for name in as_list(provided)}
    return f"{thing['title']:<8} {how}; {memory:g} MiB; {', '.join(sorted(interfaces))}"


def module_line(module: Mapping[str, Any]) -> str:
    """Say what a module needs, as the orchestrator read it from the binary."""
    imports = ", ".join(as_list(module.get("wasmiot:imports", [])))
    memory = module["wasmiot:requiredMemoryBytes"] / MEBIBYTE
    return f"{module['title']:<8} imports {imports}; needs {memory:.2f} MiB"


def solution_lines(solution: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
    """Say for each step which device was chosen, how it scored, and who was rejected why.

    Args:
        solution: The solution document.
        names: Device IRI to title.
    """
    for placement in solution["placements"]:
        chosen = placement["device"]
        entrypoint = placement["entrypoint"]
        yield f"step {placement['step']} {entrypoint}: {names.get(chosen, chosen)}"
        for candidate in placement["candidates"]:
            yield f"    candidate {_candidate(candidate, names)}"
        for rejection in placement["rejections"]:
            device = names.get(rejection["device"], rejection["device"])
            yield f"    rejected  {device} ({rejection['filter']}): {rejection['reason']}"


def _candidate(candidate: Mapping[str, Any], names: Mapping[str, str]) -> str:
    scores = ", ".join(f"{score['name']} {score['value']:g}" for score in candidate["scores"])
    device = names.get(candidate["device"], candidate["device"])
    return f"{device}: {candidate['total']:g} ({scores})"


def as_list(value: Any) -> list[Any]:
    """Return JSON-LD's one-or-many as a list."""
    return value if isinstance(value, list) else [value]
