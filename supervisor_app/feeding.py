"""Use other Things: read what a call depends on, send an output to where it feeds."""

from typing import Any

from supervisor_app.directory import Directory
from supervisor_app.execution import Outcome
from supervisor_app.installation import Operation, Reference
from supervisor_app.targets import Targets, address_of
from wasmiot_td.call_context import CallContext
from wasmiot_td.consumed_thing import ConsumedThing, Transport
from wasmiot_td.errors import AffordanceNotFound, InteractionError
from wasmiot_td.models.action_status import ActionStatus
from wasmiot_td.problem import ProblemError


class Neighbours:
    """Other Things, as this device's operations use them."""

    def __init__(self, transport: Transport, directory: Directory | None = None) -> None:
        self._transport = transport
        self._directory = directory
        self._targets = Targets(transport)

    def fetch(self, url: str, max_bytes: int) -> bytes:
        """Return the bytes at a URL."""
        return ConsumedThing({}, self._transport).fetch_output(url, max_bytes)[0]

    def call(self, url: str, action: str, value: Any) -> Any:
        """Invoke an action of the Thing at a URL."""
        return ConsumedThing.fetch(url, self._transport).invoke_action(action, value)

    def resolve(self, reference: Reference) -> Any:
        """Return the value that an operation depends on.

        Raises:
            ProblemError: 502, it cannot be had; says what was tried.
        """
        try:
            thing, name = self._thing_of(reference)
            return thing.read_property(name)
        except InteractionError as error:
            wanted = reference.id or ", ".join(reference.types)
            detail = f"{wanted} cannot be read: {error}"
            raise ProblemError(502, "Dependency not resolved", detail, dependsOn=wanted) from error

    def feed(self, operation: Operation, outcome: Outcome, context: CallContext) -> dict[str, Any]:
        """Send an outcome on, and return what that adds to the status of the call.

        Raises:
            InteractionError: a target and all of its alternatives failed.
        """
        members: dict[str, Any] = {}
        for reference in operation.feeds:
            answer = self._targets.send(reference, outcome, context)
            if isinstance(answer, ActionStatus):
                members.setdefault("resultUrl", answer.href)
            elif answer is not None:
                members["output"] = answer
        return members

    def _thing_of(self, reference: Reference) -> tuple[ConsumedThing, str]:
        url, name = address_of(reference)
        if url:
            thing = ConsumedThing.fetch(url, self._transport)
            return thing, name or _only_property(thing, url)
        if self._directory is None:
            raise AffordanceNotFound("it has no address, and there is no directory to ask")
        found = self._directory.find(reference)
        if found is None:
            raise AffordanceNotFound("the directory has no such Thing, nor one of its type")
        return ConsumedThing(found[0], self._transport), found[1]


def _only_property(thing: ConsumedThing, url: str) -> str:
    names = list(thing.td.get("properties", {}))
    if len(names) != 1:
        raise AffordanceNotFound(f"which of the properties {names} is meant?", url)
    return str(names[0])
