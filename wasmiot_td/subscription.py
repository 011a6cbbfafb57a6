"""Follow what changes in a Thing: an event, or a property, for as long as one wants to.

By a stream of server-sent events where the description has a form for one, else by long polling,
else, a property, by reading it again and again. What breaks off is begun anew, after longer and
longer pauses; a stream goes on after the last event that was heard.

Source: W3C WoT Profile, HTTP SSE Profile; TD 1.1, clause 5.3.4.2 (`subprotocol`).
"""

import json
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

from wasmiot_td import defaults, uri_template
from wasmiot_td.consumed_thing import ConsumedThing, Transport
from wasmiot_td.errors import AffordanceNotFound, InteractionError, ThingProblem, ThingUnreachable
from wasmiot_td.http_transport import HttpTransport
from wasmiot_td.reach import Reach
from wasmiot_td.server_sent_events import MISSED, events
from wasmiot_td.tls import Tls
from wasmiot_td.transport import Answer, Response, is_json_type

EVENT_STREAM = "text/event-stream"
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 60.0
SILENCE_SECONDS = 300.0
"""After what silence a stream is asked for again; a link that is dead is noticed far earlier."""

_STEADY_SECONDS = 5.0
_MOST_AT_ONCE, _BREATH_SECONDS = 20, 0.1
_MAX_VALUE_BYTES = 1024 * 1024
_OPERATIONS = {"events": "subscribeevent", "properties": "observeproperty"}
_UNKNOWN = object()
_log = logging.getLogger(__name__)

AffordanceKind = Literal["events", "properties"]
Describe = Callable[[], ConsumedThing]


@dataclass(frozen=True)
class Change:
    """What was told: the data of an event, or the new value of a property.

    Attributes:
        value: JSON, text, or the bytes of a file.
        content_type: of the bytes.
        id: by which a stream goes on after it; empty without.
    """

    value: Any
    content_type: str = "application/json"
    id: str = ""


def stream_transport(reach: Reach | None = None, tls: Tls | None = None) -> HttpTransport:
    """Return a transport for answers that take as long as they take, within a reach."""
    return HttpTransport(SILENCE_SECONDS, total_seconds=float("inf"), reach=reach, tls=tls)


class Subscription:
    """An event or a property that is followed."""

    def __init__(
        self,
        describe: Describe,
        kind: AffordanceKind,
        name: str,
        transport: Transport,
        *,
        poll_seconds: float = 1.0,
        last_id: str = "",
    ) -> None:
        """Say what to follow; nothing happens before `changes`.

        Args:
            describe: returns the Thing; asked again whenever the following is begun anew.
            kind: `events` or `properties`.
            name: of the affordance.
            transport: for streams and long polls, which last: see `stream_transport`.
            poll_seconds: the time between two reads of a property that cannot be observed.
            last_id: the last change that was heard before.
        """
        self._describe = describe
        self._kind: AffordanceKind = kind
        self._name = name
        self._transport = transport
        self._poll_seconds = poll_seconds
        self._last_id = last_id
        self._value: Any = _UNKNOWN
        self._retry_seconds = FIRST_PAUSE_SECONDS
        self._failures = 0
        self._stopped = threading.Event()
        self._answer: Answer | None = None

    def changes(self) -> Iterator[Change]:
        """Yield what changes, until somebody calls `stop`."""
        pause = 0.0
        while not self._stopped.wait(pause * random.uniform(0.8, 1.2)):
            began = time.monotonic()
            try:
                for change in self._listen():
                    if self._stopped.is_set():
                        return
                    pause = 0.0
                    yield change
            except InteractionError as error:
                self._failures += 1
                _log.info("subscription_broken name=%s error=%s", self._name, error)
            is_steady = time.monotonic() - began > _STEADY_SECONDS
            pause = self._retry_seconds if is_steady else max(pause * 2, self._retry_seconds)
            pause = min(pause, LONGEST_PAUSE_SECONDS)

    def stop(self) -> None:
        """End the following, also where it waits for an answer."""
        self._stopped.set()
        answer = self._answer
        if answer is not None:
            answer.stop()

    def _listen(self) -> Iterator[Change]:
        thing = self._describe()
        form = self._form(thing)
        if form is None:
            yield from self._poll(thing)
        elif form.get("subprotocol") == "sse" or defaults.content_type(form) == EVENT_STREAM:
            yield from self._stream(thing, form)
        else:
            yield from self._long_polls(thing, form)

    def _form(self, thing: ConsumedThing) -> Mapping[str, Any] | None:
        """Return the best form to be told of changes; None if a property has to be read.

        A Thing may list addresses that do not lead to it from here: after a failure it is the
        next form's turn.

        Raises:
            AffordanceNotFound: there is no such affordance, or no form that can be used.
        """
        affordance = thing.td.get(self._kind, {}).get(self._name)
        if affordance is None:
            message = f"{thing.td.get('title', thing.base)} has no {self._name!r}"
            raise AffordanceNotFound(f"{message} among its {self._kind}", thing.base)
        found = [
            form
            for form in affordance.get("forms", ())
            if _OPERATIONS[self._kind] in defaults.operations(form, affordance, self._kind)
            and form.get("subprotocol", "longpoll") in ("sse", "longpoll")
            and urlsplit(_url(thing, form)).scheme in ("http", "https")
        ]
        found.sort(key=_rank)
        if not found and self._kind == "events":
            raise AffordanceNotFound(f"{self._name!r} has no form over HTTP", thing.base)
        return found[self._failures % len(found)] if found else None

    def _stream(self, thing: ConsumedThing, form: Mapping[str, Any]) -> Iterator[Change]:
        others = {*thing.td.get(self._kind, {})} - {self._name}
        headers = {"Accept": EVENT_STREAM, "Cache-Control": "no-store"}
        if self._last_id:
            headers["Last-Event-ID"] = self._last_id
        url, heard = _url(thing, form), self._last_id
        for answer in self._open(url, form, headers):
            try:
                for event in events(answer.chunks, heard, self._note_place):
                    self._retry_seconds = event.retry_seconds or self._retry_seconds
                    if event.name == MISSED:
                        _log.warning("events_missed name=%s after=%s", self._name, heard)
                    elif event.name not in others:
                        yield Change(_json_or_text(event.data), id=event.id)
            except ValueError as error:
                raise ThingProblem(f"{url}: {error}", url, answer.status, {}) from error

    def _note_place(self, id_: str) -> None:
        self._last_id = id_

    def _long_polls(self, thing: ConsumedThing, form: Mapping[str, Any]) -> Iterator[Change]:
        at_once = 0
        while not self._stopped.wait(_BREATH_SECONDS if at_once > _MOST_AT_ONCE else 0):
            began = time.monotonic()
            yield from self._long_poll(thing, form)
            at_once = at_once + 1 if time.monotonic() - began < _BREATH_SECONDS else 0

    def _long_poll(self, thing: ConsumedThing, form: Mapping[str, Any]) -> Iterator[Change]:
        headers = {"Accept": f"{defaults.content_type(form)}, */*;q=0.1"}
        for answer in self._open(_url(thing, form), form, headers):
            body = bytearray()
            for chunk in answer.chunks:
                body += chunk
                if len(body) > _MAX_VALUE_BYTES:
                    message = f"{answer.url} told more than {_MAX_VALUE_BYTES} bytes"
                    raise ThingProblem(message, answer.url, answer.status, {})
            response = Response(answer.url, answer.status, answer.headers, bytes(body))
            if response.body.strip():
                yield Change(_value_of(response), response.content_type)
            elif response.status != 204:
                raise ThingUnreachable(f"{answer.url} answered with nothing", answer.url)

    def _open(
        self, url: str, form: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Iterator[Answer]:
        """Yield the answer of a Thing, which `stop` ends."""
        method = str(form.get("htv:methodName", "GET"))
        with self._transport.open(method, url, headers=headers) as answer:
            if not 200 <= answer.status < 300:
                body = b"".join(answer.chunks)[:_MAX_VALUE_BYTES]
                Response(answer.url, answer.status, answer.headers, body).checked()
            self._answer = answer
            try:
                if not self._stopped.is_set():
                    yield answer
            finally:
                self._answer = None

    def _poll(self, thing: ConsumedThing) -> Iterator[Change]:
        while not self._stopped.is_set():
            value = thing.read_property(self._name)
            if self._value is not _UNKNOWN and value != self._value:
                yield Change(value)
            self._value = value
            self._stopped.wait(self._poll_seconds)


def _rank(form: Mapping[str, Any]) -> tuple[bool, bool]:
    return form.get("subprotocol") != "sse", not is_json_type(defaults.content_type(form))


def _url(thing: ConsumedThing, form: Mapping[str, Any]) -> str:
    return urljoin(thing.base, uri_template.expand(str(form.get("href", "")), {}))


def _json_or_text(data: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data


def _value_of(response: Response) -> Any:
    if is_json_type(response.content_type):
        return response.json()
    if response.content_type.startswith("text/"):
        return _json_or_text(response.body.decode("utf-8", "replace"))
    return response.body
