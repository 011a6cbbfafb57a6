"""Devices, what runs on them, and where results go, as the nodes and edges of a drawing; pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]


def topology(
    things: Iterable[Document],
    observations: Iterable[Document],
    deployments: Iterable[tuple[Document, str, Mapping[str, Document]]],
) -> dict[str, Any]:
    """Return the drawing of a fleet.

    Args:
        things: the Thing Descriptions that are drawn.
        observations: what was last seen of devices.
        deployments: each with its state and its installations by device.

    Returns:
        `devices`, `steps` and `edges` between steps. A device that has a step and no description
        is drawn as `gone`.
    """
    seen = {str(o["device"]): o for o in observations}
    steps: list[dict[str, str]] = []
    edges: list[dict[str, str]] = []
    for document, state, installations in deployments:
        name, slug = str(document.get("title", "")), str(document["id"]).rpartition(":")[2]
        for device, installation in installations.items():
            found = _steps(installation, device)
            steps += [{**s, "deployment": name, "slug": slug, "state": state} for s in found]
            edges += _edges(installation)
    here = {s["id"] for s in steps}
    devices = [_device(t, seen.get(str(t.get("id")))) for t in things]
    gone = {s["device"] for s in steps} - {d["id"] for d in devices}
    devices += [{"id": g, "title": g, "kind": "device", "health": "gone"} for g in sorted(gone)]
    edges = [e for e in edges if e["target"] in here]
    return {"devices": devices, "steps": steps, "edges": edges}


def _device(thing: Document, seen: Document | None) -> dict[str, Any]:
    is_supervisor = "wasmiot:Supervisor" in _types(thing)
    health: Mapping[str, Any] = (seen or {}).get("health", {})
    return {
        "id": thing.get("id"),
        "title": thing.get("title") or thing.get("id"),
        "kind": "device" if is_supervisor else "thing",
        "health": _health(seen),
        "cpuLoad": health.get("cpuLoad"),
        "memoryLoad": health.get("memoryLoad"),
        "lastSeen": (seen or {}).get("lastSeen"),
    }


def _health(seen: Document | None) -> str:
    if seen is None:
        return "unknown"
    return "healthy" if seen.get("isHealthy") else "silent"


def _types(thing: Document) -> Sequence[str]:
    types = thing.get("@type", ())
    return [types] if isinstance(types, str) else types


def _steps(installation: Document, device: str) -> list[dict[str, str]]:
    base = str(installation["id"])
    return [
        {"id": f"{base}#/actions/{name}", "name": name, "device": device}
        for name in installation.get("actions", {})
    ]


def _edges(installation: Document) -> list[dict[str, str]]:
    base = str(installation["id"])
    return [
        {"source": f"{base}#/actions/{name}", "target": str(target["id"])}
        for name, action in installation.get("actions", {}).items()
        for target in action.get("wasmiot:feeds", ())
    ]
