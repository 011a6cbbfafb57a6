"""One execution on each of several devices, and their results by device; pure."""

from collections.abc import Mapping
from typing import Any

Status = Mapping[str, Any]


def gathered(ended: Mapping[str, Status]) -> dict[str, Any]:
    """Return the status of the whole from how it ended on each device, by its id.

    What some devices gave is there even if others failed.
    """
    whole: dict[str, Any] = {"trace": [e for s in ended.values() for e in s.get("trace", ())]}
    whole["output"] = {d: s["output"] for d, s in ended.items() if "output" in s}
    files = {d: s["outputUrl"] for d, s in ended.items() if "outputUrl" in s}
    whole |= {"outputUrls": files} if files else {}
    failed = {d: s.get("error", {}) for d, s in ended.items() if s["status"] != "completed"}
    if not failed:
        return whole | {"status": "completed"}
    return whole | {"status": "failed", "error": _problem(failed, len(ended))}


def _problem(failed: Mapping[str, Mapping[str, Any]], n_devices: int) -> dict[str, Any]:
    said = "; ".join(f"{device}: {error.get('detail')}" for device, error in failed.items())
    device, error = next(iter(failed.items()))
    return {
        "type": "about:blank",
        "title": "It failed on some devices",
        "status": 502,
        "detail": f"{len(failed)} of {n_devices}: {said}"[:2000],
        "device": device,
        "cause": dict(error),
        "devices": list(failed),
    }
