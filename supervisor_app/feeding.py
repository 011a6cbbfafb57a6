"""Use other Things: read what a call depends on, send an output to where it feeds."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from supervisor_app.descriptions import Descriptions, is_silent
from supervisor_app.directory import Directory, find_in
from supervisor_app.execution import Outcome
from supervisor_app.installation import Operation
from supervisor_app.problems import problem_of
from supervisor_app.references import Reference
from supervisor_app.targets import Targets
from wasmiot_td.call_context import CallContext
from wasmiot_td.consumed_thing import ConsumedThing, Transport
from wasmiot_td.errors import AffordanceNotFound, InteractionError
from wasmiot_td.models.action_status import ActionStatus
from wasmiot_td.problem import ProblemError

MOST_BRANCHES = 8
"""To how many targets outputs are sent at once, beside the first of each."""


class Neighbours:
    """Other Things, as this device's operations use them.

    Attributes:
        own: the TDs of the Things on this device, which are looked through where no directory
            knows what is meant.
    """

    def __init__(
        self,
        transport: Transport,
        descriptions: Descriptions,
        directory: Directory | None = None,
    ) -> None:
        self._transport = transport
        self._descriptions = descriptions
        self._directory = directory
        self.own: Callable[[], Iterable[Mapping[str, Any]]] = tuple
        self.targets = Targets(transport, descriptions)
        self._branches = ThreadPoolExecutor(MOST_BRANCHES, thread_name_prefix="feeds")

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
            return self._read(reference)
        except InteractionError as error:
            wanted = reference.id or ", ".join(reference.types)
            detail = f"{wanted} cannot be read: {error}"
            raise ProblemError(502, "Dependency not resolved", detail, dependsOn=wanted) from error

    def feed(self, operation: Operation, outcome: Outcome, context: CallContext) -> dict[str, Any]:
        """Send an outcome on, and return what that adds to the status of the call.

        A target that cannot be had, nor any of its alternatives, keeps no other from its part:
        `error` says so in the end.
        """
        answers, errors = [], []
        for reference, answer in self._all_sent(operation.feeds, outcome, context):
            if isinstance(answer, InteractionError):
                errors.append(problem_of(answer).to_document())
            else:
                answers.append((reference, answer))
        members = _members_of(answers)
        return {**members, "error": _joined(errors)} if errors else members

    def close(self) -> None:
        """End the threads; what is being sent goes on to its end."""
        self._branches.shutdown(wait=False, cancel_futures=True)

    def _all_sent(
        self, feeds: Sequence[Reference], outcome: Outcome, context: CallContext
    ) -> list[tuple[Reference, Any]]:
        """Send an outcome to every target at once, and return what each of them said."""
        send = partial(self._answer, outcome, context)
        others = [self._branches.submit(send, feed) for feed in feeds[1:]]
        answers = [send(feed) for feed in feeds[:1]] + [other.result() for other in others]
        return list(zip(feeds, answers, strict=True))

    def _answer(self, outcome: Outcome, context: CallContext, reference: Reference) -> Any:
        try:
            return self.targets.send(reference, outcome, context)
        except InteractionError as error:
            return error

    def _read(self, reference: Reference) -> Any:
        url, name = reference.address
        if url:
            return self._descriptions.use(
                url, lambda thing: thing.read_property(name or _only_property(thing, url))
            )
        description, name = self._found(reference)
        return ConsumedThing(description, self._transport).read_property(name)

    def _found(self, reference: Reference) -> tuple[Mapping[str, Any], str]:
        """Return what the directory finds for a reference, or what is on this device."""
        asked = "there is no directory to ask"
        if self._directory is not None:
            found = self._listed(self._directory, reference)
            if found is not None:
                return found
            asked = "the directory has no such Thing, nor one of its type"
        here = find_in(self.own(), reference)
        if here is None:
            raise AffordanceNotFound(f"it has no address, is not on this device, and {asked}")
        return here

    def _listed(
        self, directory: Directory, reference: Reference
    ) -> tuple[Mapping[str, Any], str] | None:
        """Return what a directory finds for a reference; while it is silent, what it found."""
        try:
            found = directory.find(reference)
        except InteractionError as error:
            kept = self._descriptions.kept(reference.key) if is_silent(error) else None
            if kept is None:
                raise
            return kept["td"], kept["affordance"]
        if found is not None:
            self._descriptions.keep(reference.key, {"td": found[0], "affordance": found[1]})
        return found


def _members_of(answers: list[tuple[Reference, Any]]) -> dict[str, Any]:
    """Return what the answers of the targets say of a chain's further way."""
    begun = [(r, a.href) for r, a in answers if isinstance(a, ActionStatus)]
    if len(answers) == 1 and not begun:
        return {} if answers[0][1] is None else {"output": answers[0][1]}
    members: dict[str, Any] = {"resultUrl": begun[0][1]} if begun else {}
    if len(begun) > 1:
        members["resultUrls"] = [{"id": reference.id, "href": href} for reference, href in begun]
    return members


def _joined(errors: list[dict[str, Any]]) -> dict[str, Any]:
    if len(errors) == 1:
        return errors[0]
    return {**errors[0], "detail": "; ".join(str(error.get("detail")) for error in errors)}


def _only_property(thing: ConsumedThing, url: str) -> str:
    names = list(thing.td.get("properties", {}))
    if len(names) != 1:
        raise AffordanceNotFound(f"which of the properties {names} is meant?", url)
    return str(names[0])
