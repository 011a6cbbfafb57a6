"""What happens to deployments, for those who listen."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orchestrator_app.directory.events import EventLog

EVENTS: Mapping[str, Mapping[str, Any]] = {
    "stateChanged": {
        "title": "State changed",
        "data": {
            "type": "object",
            "properties": {
                "state": {"type": "string"},
                "before": {"type": "string", "description": "absent for a new deployment"},
                "revision": {"type": "integer"},
                "time": {"type": "string", "format": "date-time"},
            },
        },
    },
    "executionCompleted": {
        "title": "Execution completed",
        "description": "An execution ended, well or not.",
        "data": {
            "type": "object",
            "properties": {
                "href": {"type": "string"},
                "status": {"type": "string", "enum": ["completed", "failed"]},
                "time": {"type": "string", "format": "date-time"},
            },
        },
    },
    "moved": {
        "title": "Moved",
        "description": "A step went from one device to another.",
        "data": {
            "type": "object",
            "properties": {
                "step": {"type": "integer"},
                "from": {"type": "string"},
                "to": {"type": "string"},
                "revision": {"type": "integer"},
                "time": {"type": "string", "format": "date-time"},
            },
        },
    },
}
"""The event affordances of a deployment, without their forms."""


@dataclass(frozen=True)
class DeploymentEvent:
    """Something that happened to a deployment."""

    slug: str
    kind: str
    data: Mapping[str, Any]


class DeploymentEvents:
    """The latest events of all deployments."""

    def __init__(self) -> None:
        self.log: EventLog[DeploymentEvent] = EventLog()

    def note(self, slug: str, kind: str, data: Mapping[str, Any]) -> None:
        """Keep an event, with its time, and wake those who wait."""
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        known = {key: value for key, value in data.items() if value is not None}
        self.log.note(DeploymentEvent(slug, kind, {**known, "time": time}))
