"""Steps that are done by another Thing: a property read or written, an action invoked to its end.

Whoever made the Thing: its description says how. An action that goes on is followed as the HTTP
Basic Profile has it, and cancelled if this step is.
"""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from supervisor_app.call import Call
from supervisor_app.descriptions import Descriptions
from supervisor_app.errors import CallFailedError
from supervisor_app.execution import Inputs, Outcome, Resolve
from supervisor_app.installation import Operation
from supervisor_app.references import Use
from supervisor_app.targets import PAUSES_SECONDS, may_pass
from wasmiot_td.arguments import is_file
from wasmiot_td.call_context import CallContext, CarryingTransport, invocation_id
from wasmiot_td.consumed_thing import (
    FIRST_POLL_SECONDS,
    LONGEST_POLL_SECONDS,
    ConsumedThing,
    Transport,
)
from wasmiot_td.errors import InteractionError, ThingProblem
from wasmiot_td.models.action_status import ActionStatus
from wasmiot_td.problem import ProblemError

_WAIT = {"Prefer": "wait=1"}
_KEEPS_KEYS = "wasmiot:Installation"
_KINDS = {"invokeaction": "actions"}
_log = logging.getLogger(__name__)


class ThingSteps:
    """The steps of this device that other Things do."""

    def __init__(
        self,
        transport: Transport,
        descriptions: Descriptions,
        resolve: Resolve,
        *,
        follow_seconds: float,
    ) -> None:
        self._transport = transport
        self._descriptions = descriptions
        self._resolve = resolve
        self._follow_seconds = follow_seconds

    def run(
        self,
        operation: Operation,
        use: Use,
        inputs: Inputs,
        call: Call,
        *,
        keep_as: Callable[[], Path],
        context: CallContext,
    ) -> Outcome:
        """Use the Thing, and return what came of it.

        Args:
            operation: whose work it is.
            use: which affordance of which Thing, and how.
            inputs: what it is given, with the constants of the operation.
            call: the handle by which the step can be stopped.
            keep_as: says where an output that is a file is put.
            context: the execution; each step of it is another call to the Thing.

        Raises:
            CallFailedError: the step was cancelled, or the output is too large.
            InteractionError: the Thing cannot be used.
            ProblemError: what it did has failed, or took too long.
        """
        url, _ = use.target.address
        values = dict(inputs.values)
        for reference in operation.depends_on:
            if reference.input not in values:
                values[reference.input] = self._resolve(reference)
        key = invocation_id(operation.slug, operation.name, context.key) if context.key else ""
        headers = {**replace(context, key=key).headers, **_WAIT}
        transport = CarryingTransport(self._transport, headers)

        def act(thing: ConsumedThing) -> tuple[ConsumedThing, Any]:
            return thing, _answer(thing, use, values, operation, call)

        thing, answer = self._descriptions.use(url, act, transport)
        if isinstance(answer, ActionStatus):
            answer = self._output(thing, self._end(thing, answer, call), call)
        return _outcome(answer, _output_type(operation, thing, use), keep_as, call)

    def _end(self, thing: ConsumedThing, status: ActionStatus, call: Call) -> ActionStatus:
        """Follow an action to its end; who is stopped, or has no more time, cancels it."""
        deadline = time.monotonic() + self._follow_seconds
        pause = FIRST_POLL_SECONDS
        while not status.is_ended:
            if call.interrupted.wait(pause) or time.monotonic() > deadline:
                with suppress(InteractionError):
                    thing.cancel_action(status.href or "")
                _stop_if_cancelled(call)
                detail = f"{status.href} is {status.status} after {self._follow_seconds:g} s"
                raise ProblemError(504, "Another Thing does not finish", detail)
            pause = min(pause * 1.5, LONGEST_POLL_SECONDS)
            status = thing.query_action(status.href or "")
        return status

    def _output(self, thing: ConsumedThing, status: ActionStatus, call: Call) -> Any:
        if not status.is_completed:
            problem = status.error or {}
            reason = problem.get("detail") or problem.get("title") or "no reason was given"
            detail = f"{status.href} has failed: {reason}"
            raise ProblemError(502, "Another Thing failed", detail, cause=problem, url=status.href)
        if status.output_url:
            return thing.fetch_output(status.output_url, call.limits.output_bytes)[0]
        return status.output


def _answer(
    thing: ConsumedThing, use: Use, values: Mapping[str, Any], operation: Operation, call: Call
) -> Any:
    """Return what the Thing says, tried again where that can do no harm."""
    pauses = list(PAUSES_SECONDS)
    while True:
        _stop_if_cancelled(call)
        try:
            return _USES[use.op](thing, use.target.address[1], values, operation)
        except InteractionError as error:
            if not pauses or not _may_repeat(thing, use, error):
                raise
            _log.info("thing_step_again thing=%s error=%s", use.target.thing, error)
        call.interrupted.wait(pauses.pop(0))


def _may_repeat(thing: ConsumedThing, use: Use, error: InteractionError) -> bool:
    """Say whether an attempt that failed did nothing, or doing it twice is doing it once."""
    if not may_pass(error):
        return False
    affordance = _affordance(thing, use.op, use.target.address[1])
    is_harmless = use.op != "invokeaction" or affordance.get("safe") or affordance.get("idempotent")
    is_refused = isinstance(error, ThingProblem) and error.status in (425, 429, 503)
    return bool(is_harmless) or is_refused or _KEEPS_KEYS in thing.td.get("@type", ())


def _read(thing: ConsumedThing, name: str, values: Mapping[str, Any], _: Operation) -> Any:
    variables, _rest = _divided(_affordance(thing, "readproperty", name), values)
    return thing.read_property(name, **variables)


def _write(thing: ConsumedThing, name: str, values: Mapping[str, Any], _: Operation) -> None:
    affordance = _affordance(thing, "writeproperty", name)
    variables, members = _divided(affordance, values)
    thing.write_property(name, _value(members, affordance), **variables)


def _invoke(
    thing: ConsumedThing, name: str, values: Mapping[str, Any], operation: Operation
) -> Any:
    affordance = _affordance(thing, "invokeaction", name)
    variables, members = _divided(affordance, values)
    if "input" not in affordance:
        return thing.invoke_action(name, **variables)
    value = _value(members, affordance["input"])
    if not isinstance(value, bytes):
        return thing.invoke_action(name, value, **variables)
    media_type = (operation.input_schema or {}).get("contentMediaType")
    return thing.invoke_action(name, body=value, content_type=media_type, **variables)


_USES: Mapping[str, Callable[[ConsumedThing, str, Mapping[str, Any], Operation], Any]] = {
    "readproperty": _read,
    "writeproperty": _write,
    "invokeaction": _invoke,
}


def _affordance(thing: ConsumedThing, op: str, name: str) -> Mapping[str, Any]:
    found = thing.td.get(_KINDS.get(op, "properties"), {}).get(name)
    return found if isinstance(found, Mapping) else {}


def _divided(
    affordance: Mapping[str, Any], values: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what belongs into the URL, and the rest."""
    names = affordance.get("uriVariables", {})
    variables = {name: value for name, value in values.items() if name in names}
    return variables, {name: value for name, value in values.items() if name not in names}


def _value(members: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """Return one value of what came as a whole, under the empty name, and by name."""
    named = {name: value for name, value in members.items() if name}
    whole = members.get("")
    if "" in members and not (isinstance(whole, dict) and named):
        return whole
    is_object = schema.get("type") == "object" or "properties" in schema
    if not is_object and len(named) == 1 and whole is None:
        return next(iter(named.values()))
    return {**(whole or {}), **named} if named or is_object else None


def _outcome(answer: Any, media_type: str, keep_as: Callable[[], Path], call: Call) -> Outcome:
    content = answer.encode() if media_type and isinstance(answer, str) else answer
    if not isinstance(content, bytes):
        return Outcome(answer, has_value=answer is not None)
    limit = call.limits.output_bytes
    if len(content) > limit:
        raise CallFailedError(
            "output", f"the output has {len(content)} bytes, the limit is {limit}"
        )
    file = keep_as()
    file.write_bytes(content)
    return Outcome(file=file, media_type=media_type or "application/octet-stream")


def _output_type(operation: Operation, thing: ConsumedThing, use: Use) -> str:
    """Return the media type of an output that is a file; empty if it is a JSON value."""
    affordance = _affordance(thing, use.op, use.target.address[1])
    theirs = affordance.get("output") if use.op == "invokeaction" else affordance
    for schema in (operation.output_schema, theirs):
        if isinstance(schema, Mapping) and is_file(schema):
            return str(schema["contentMediaType"])
    return ""


def _stop_if_cancelled(call: Call) -> None:
    if call.failure is not None:
        raise call.failure
