"""Devices, what runs on them, and where results go, as the nodes and edges of a drawing; pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]
Deployments = Iterable[tuple[Document, str, Mapping[str, Document]]]
"""Deployments, each with its state and its installations by device."""


def topology(
    things: Iterable[Document],
    observations: Iterable[Document],
    deployments: Deployments,
) -> dict[str, Any]:
    """Return the drawing of a fleet.

    Args:
        things: the Thing Descriptions that are drawn.
        observations: what was last seen of devices.
        deployments: what is deployed.

    Returns:
        `devices` in the order of their titles, `steps` and `edges` between steps. A device that
        has a step and no description is drawn as `gone`.
    """
    seen = {str(o["device"]): o for o in observations}
    known = list(deployments)
    steps = steps_of(known)
    edges = [e for _, _, held in known for one in held.values() for e in _edges(one)]
    here = {s["id"] for s in steps}
    devices = [_device(t, seen.get(str(t.get("id")))) for t in things]
    devices.sort(key=lambda device: str(device["title"]).casefold())
    gone = {s["device"] for s in steps} - {d["id"] for d in devices}
    devices += [{"id": g, "title": g, "kind": "device", "health": "gone"} for g in sorted(gone)]
    edges = [e for e in edges if e["target"] in here]
    return {"devices": devices, "steps": steps, "edges": edges}


def steps_of(deployments: Deployments) -> list[dict[str, str]]:
    """Return the steps that run: each with its device, deployment, module and installation."""
    return [
        {**step, "deployment": str(document.get("title", "")), "slug": _slug(document), "state": s}
        for document, s, installations in deployments
        for device, installation in installations.items()
        for step in _steps(installation, device)
    ]


def _slug(deployment: Document) -> str:
    return str(deployment["id"]).rpartition(":")[2]


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
        {
            "id": f"{base}#/actions/{name}",
            "name": name,
            "device": device,
            "installation": base,
            "module": str(action.get("wasmiot:module", "")),
        }
        for name, action in installation.get("actions", {}).items()
    ]


def _edges(installation: Document) -> list[dict[str, str]]:
    base = str(installation["id"])
    return [
        {"source": f"{base}#/actions/{name}", "target": str(target["id"])}
        for name, action in installation.get("actions", {}).items()
        for target in action.get("wasmiot:feeds", ())
    ]
