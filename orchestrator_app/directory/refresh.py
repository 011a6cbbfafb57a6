"""Keep introduced Things fresh: ask each now and then whether its description has changed.

What DNS-SD introduced is registered for a while only, and every answer of the Thing renews that;
so a Thing that vanishes without a goodbye expires.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from orchestrator_app.directory.registration import INTRODUCED_BY
from orchestrator_app.directory.things import Directory
from wasmiot_td.consumed_thing import Transport
from wasmiot_td.errors import ThingProblem, WasmiotError
from wasmiot_td.problem import ProblemError
from wasmiot_td.transport import DOCUMENT_TYPES, Response

DNS_SD = "dns-sd"
LEASE_INTERVALS = 3

_log = logging.getLogger(__name__)


class Introducing(Protocol):
    """What introduction needs of the services."""

    @property
    def directory(self) -> Directory:
        """Where Things are registered."""

    @property
    def transport(self) -> Transport:
        """How their descriptions are fetched."""


@dataclass(frozen=True)
class Introduced:
    """A Thing that announced itself.

    Attributes:
        url: where its description is.
        id: its id; empty as long as the description could not be had.
        entity_tag: the ETag of the description that is registered.
        due: the monotonic time at which to ask again.
    """

    url: str
    id: str = ""
    entity_tag: str = ""
    due: float = 0.0


class IntroducedThings:
    """The Things that announced themselves and have not said goodbye, by service name."""

    def __init__(
        self,
        parts: Introducing,
        interval_seconds: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._parts = parts
        self._interval_seconds = interval_seconds
        self._now = now
        self._known: dict[str, Introduced] = {}

    def note(self, name: str, url: str) -> None:
        """Fetch and register the description of a Thing.

        Raises:
            WasmiotError: it cannot be had, or is not valid; it is asked again when it is due.
        """
        known = self._known.get(name, Introduced(url))
        self._ask(name, replace(known, url=url, entity_tag=""))

    def forget(self, name: str) -> None:
        """Drop a Thing that said goodbye, if it was introduced this way."""
        known = self._known.pop(name, None)
        if known is not None and self._is_introduced(known):
            self._parts.directory.delete(known.id)
            _log.info("goodbye id=%s", known.id)

    def refresh(self) -> None:
        """Ask the Things that are due whether their descriptions have changed."""
        for name, known in list(self._known.items()):
            if known.due > self._now() or self._is_registered_otherwise(known):
                continue
            try:
                self._ask(name, known)
            except (WasmiotError, ProblemError) as error:
                _log.info("refresh_failed name=%s error=%s", name, error)

    def _ask(self, name: str, known: Introduced) -> None:
        self._known[name] = replace(known, due=self._now() + self._interval_seconds)
        tag = known.entity_tag if self._is_introduced(known) else ""
        headers = {"Accept": DOCUMENT_TYPES} | ({"If-None-Match": tag} if tag else {})
        response = self._parts.transport.request("GET", known.url, headers=headers)
        if tag and response.status == 304:
            self._parts.directory.patch(known.id, b"{}")
        else:
            thing_id = self._register(known, response.checked())
            tag = response.headers.get("etag", "")
            self._known[name] = replace(self._known[name], id=thing_id, entity_tag=tag)

    def _register(self, known: Introduced, response: Response) -> str:
        description = response.json()
        if not isinstance(description, dict):
            raise ThingProblem(f"{known.url} is not a JSON object", known.url, response.status, {})
        ttl_seconds = LEASE_INTERVALS * self._interval_seconds
        description["registration"] = {"ttl": ttl_seconds}
        if known.id:
            description.setdefault("id", known.id)
        thing, is_new = self._parts.directory.register(description, introduced_by=DNS_SD)
        if thing.id != known.id and self._is_introduced(known):
            self._parts.directory.delete(known.id)
        _log.info("introduced id=%s url=%s is_new=%s", thing.id, known.url, is_new)
        return thing.id

    def _is_introduced(self, known: Introduced) -> bool:
        thing = self._parts.directory.get(known.id) if known.id else None
        return thing is not None and thing.registration.get(INTRODUCED_BY) == DNS_SD

    def _is_registered_otherwise(self, known: Introduced) -> bool:
        thing = self._parts.directory.get(known.id) if known.id else None
        return thing is not None and thing.registration.get(INTRODUCED_BY) != DNS_SD
