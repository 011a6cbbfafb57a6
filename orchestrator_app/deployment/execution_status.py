"""How an execution ended, or that it goes on: its status as a document; pure.

Source: W3C WoT Profile, HTTP Basic Profile, clause 6.3.2 (ActionStatus).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from orchestrator_app.deployment.step_graph import StepGraph
from wasmiot_td.models.action_status import ActionStatus

Status = dict[str, Any]

INTERRUPTED: Mapping[str, Any] = {
    "type": "about:blank",
    "title": "Interrupted",
    "status": 503,
    "detail": "the orchestrator was restarted before the result was known",
}


def completed(status: Status, graph: StepGraph, ended: Mapping[int, ActionStatus]) -> Status:
    """Return a status with the result of the sink, or those of several by their names."""
    result = status | {"status": "completed"}
    files = {step: end.output_url for step, end in ended.items() if end.output_url}
    if len(ended) == 1:
        (last,) = ended.values()
        return result | ({"outputUrl": last.output_url} if files else {"output": last.output})
    values = {graph.names[s]: e.output for s, e in ended.items() if s not in files}
    named = {graph.names[step]: url for step, url in files.items()}
    return result | {"output": values} | ({"outputUrls": named} if named else {})


def failed(status: Status, problem: Mapping[str, Any]) -> Status:
    """Return a status with the reason why it came to nothing."""
    return status | {"status": "failed", "error": dict(problem), "timeEnded": now()}


def cancelled() -> dict[str, Any]:
    """Return the problem of an execution that somebody ended."""
    return {"type": "about:blank", "title": "it was cancelled", "status": 502}


def own_error(error: Exception) -> dict[str, Any]:
    """Return the problem of a fault of the orchestrator itself, without its inside."""
    detail = f"the orchestrator met an error of its own ({type(error).__name__})"
    return {"type": "about:blank", "title": "Internal error", "status": 500, "detail": detail}


def timed(ended: Status) -> Status:
    """Return a status with when it ended: now, or when the devices that began it say so."""
    times = [entry.get("timeEnded") for entry in ended.get("trace", ())]
    if ended.get("triggered") and times and all(times):
        return {**ended, "timeEnded": max(str(time) for time in times)}
    return {**ended, "timeEnded": now()}


def now() -> str:
    """Return the time, as statuses have it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
