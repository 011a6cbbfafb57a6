"""Where outputs go: each target tried again for a while, then its alternatives, the best first.

Nobody is asked: what a device needs for this stands in `wasmiot:feeds` of its installation. All
attempts of one execution carry its key, so that a target that did get the first one and could
not say so does not run the step twice.
"""

import json
import logging
import time
from typing import Any

from supervisor_app.descriptions import Descriptions
from supervisor_app.execution import Outcome
from supervisor_app.references import Reference
from wasmiot_td.call_context import CallContext, CarryingTransport, input_headers
from wasmiot_td.consumed_thing import ConsumedThing, Transport
from wasmiot_td.errors import AffordanceNotFound, InteractionError, ThingProblem, ThingUnreachable

PAUSES_SECONDS = (0.05, 0.2)
"""The pauses between attempts at one target."""

AWAY_SECONDS = 5.0
"""For how long a target that failed is tried last, and once."""

PASSING = frozenset({408, 425, 429, 502, 503, 504})
"""Refusals that may be over in a moment."""

GONE = frozenset({404, 410})
"""Refusals of a target that has lost its installation: another may have one."""

_log = logging.getLogger(__name__)


class Targets:
    """The Things that this device's outputs go to."""

    def __init__(self, transport: Transport, descriptions: Descriptions) -> None:
        self._transport = transport
        self._descriptions = descriptions
        self._away_until: dict[str, float] = {}

    def send(self, reference: Reference, outcome: Outcome, context: CallContext) -> Any:
        """Send an outcome to a target or, if that cannot take it, to an alternative.

        Raises:
            InteractionError: none of them took it; says what each of them said.
        """
        targets = [t for t in (reference, *reference.alternatives) if t.address[0]]
        failures: list[InteractionError] = []
        for target in sorted(targets, key=self._is_away):  # sorted keeps the rank
            try:
                return self._persist(target, target.input or reference.input, outcome, context)
            except InteractionError as error:
                if not _may_be_elsewhere(error):
                    raise
                _log.warning("feed_failed target=%s error=%s", target.thing, error)
                failures.append(error)
        if len(failures) == 1:
            raise failures[0]
        if not failures:
            raise AffordanceNotFound(f"{reference.id} has no address", reference.thing)
        said = "; ".join(str(error) for error in failures)
        raise ThingUnreachable(f"no alternative took the output: {said}", failures[0].url)

    def _is_away(self, target: Reference) -> bool:
        return self._away_until.get(target.address[0], 0.0) > time.monotonic()

    def _persist(self, target: Reference, part: str, outcome: Outcome, context: CallContext) -> Any:
        """Try a target several times; one that was away a moment ago, once."""
        url = target.address[0]
        for pause in () if self._is_away(target) else PAUSES_SECONDS:
            try:
                return self._deliver(target, part, outcome, context)
            except InteractionError as error:
                if not may_pass(error):
                    raise
            time.sleep(pause)
        try:
            answer = self._deliver(target, part, outcome, context)
        except InteractionError as error:
            if may_pass(error):
                self._note_away(url)
            raise
        self._away_until.pop(url, None)
        return answer

    def _note_away(self, url: str) -> None:
        now = time.monotonic()
        away = {known: until for known, until in self._away_until.items() if until > now}
        self._away_until = away | {url: now + AWAY_SECONDS}

    def _deliver(self, target: Reference, part: str, outcome: Outcome, context: CallContext) -> Any:
        url, name = target.address
        headers = context.headers | input_headers(part)
        transport = CarryingTransport(self._transport, headers)
        return self._descriptions.use(
            url, lambda thing: invoke(thing, name, outcome, is_part=bool(part)), transport
        )


def invoke(thing: ConsumedThing, name: str, outcome: Outcome, *, is_part: bool = False) -> Any:
    """Invoke an action with an outcome as its input, or as one member of its input.

    Raises:
        InteractionError: the Thing cannot be used.
    """
    if outcome.file is not None:
        body = outcome.file.read_bytes()
        return thing.invoke_action(name, body=body, content_type=outcome.media_type)
    if not is_part:
        return thing.invoke_action(name, outcome.value)
    body = json.dumps(outcome.value, ensure_ascii=False).encode() if outcome.has_value else b""
    return thing.invoke_action(name, body=body, content_type="application/json")


def may_pass(error: InteractionError) -> bool:
    """Say whether what failed may well go in a moment."""
    if isinstance(error, ThingProblem):
        return error.status in PASSING
    return isinstance(error, ThingUnreachable)


def _may_be_elsewhere(error: InteractionError) -> bool:
    is_gone = isinstance(error, ThingProblem) and error.status in GONE
    return is_gone or isinstance(error, AffordanceNotFound) or may_pass(error)
