"""How long each execution took, told as a span of the trace that it belongs to."""

import time

from orchestrator_app.deployment.execution_status import Status
from orchestrator_app.deployment.live_executions import Key
from wasmiot_td.telemetry import Span, Spans


class ExecutionSpans:
    """The spans of the executions that have not ended."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans
        self._begun: dict[Key, tuple[str, str, float]] = {}

    def begin(self, key: Key, own: str, parent: str) -> None:
        """Begin the span of an execution, with its `traceparent` and its caller's."""
        self._begun[key] = (own, parent, time.time())

    def drop(self, key: Key) -> None:
        """Know no more of an execution that has not come about."""
        self._begun.pop(key, None)

    def end(self, key: Key, status: Status) -> None:
        """Tell of an execution that has ended, if it was begun here."""
        known = self._begun.pop(key, None)
        if known is None:
            return
        own, parent, begin_seconds = known
        attributes = {"wasmiot.deployment": key[0], "wasmiot.execution": key[1]}
        error = str(status.get("error", {}).get("detail", ""))
        name = f"execute {key[0]}"
        self._spans.tell(Span(name, own, parent, begin_seconds, time.time(), attributes, error))
