"""Keep introduced Things fresh: ask each now and then whether its description has changed.

What DNS-SD introduced is registered for a while only, and every answer of the Thing renews that;
so a Thing that vanishes without a goodbye expires. A Thing Link is not registered: what it links
to is introduced in its place, and goes when it goes (W3C WoT Discovery, clause 7.1). Nor is another
directory, however it was announced: what it knows is its own.
"""

import logging
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol
from urllib.parse import urljoin

from orchestrator_app.directory.announced_before import LINKED, AnnouncedBefore
from orchestrator_app.directory.registration import ANNOUNCED_AS, DNS_SD, INTRODUCED_BY
from orchestrator_app.directory.things import Directory
from orchestrator_app.store import StoreError
from wasmiot_td.access.authorization import origin_of
from wasmiot_td.consumed_thing import Transport
from wasmiot_td.errors import ThingProblem
from wasmiot_td.problem import ProblemError
from wasmiot_td.transport import DOCUMENT_TYPES, Response

LEASE_INTERVALS = 3
FORBIDDEN = 403
MOST_LINKS = 100
"""How many descriptions one announcement may lead to, however its links lead on."""

_THING_LINK = frozenset(
    ("ThingLink", "discovery:ThingLink", "https://www.w3.org/2022/wot/discovery#ThingLink")
)
_DIRECTORY = frozenset(
    (
        "ThingDirectory",
        "discovery:ThingDirectory",
        "https://www.w3.org/2022/wot/discovery#ThingDirectory",
        "https://www.w3.org/2022/wot/discovery-ontology#ThingDirectory",
    )
)
_HEADERS = {"Accept": DOCUMENT_TYPES, "Connection": "close"}
"""A device may have few connections; none is kept for what is asked so seldom."""

_log = logging.getLogger(__name__)


class Introducing(Protocol):
    """What introduction needs of the services."""

    @property
    def directory(self) -> Directory:
        """Where Things are registered."""

    @property
    def transport(self) -> Transport:
        """How their descriptions are fetched."""

    @property
    def brief_transport(self) -> Transport:
        """How they are fetched from who is not known to need much time."""


@dataclass(frozen=True)
class Introduced:
    """A Thing that announced itself.

    Attributes:
        url: where its description is.
        id: its id; empty as long as the description could not be had.
        entity_tag: the ETag of the description that is registered.
        linked_by: the URL of the Thing Link that led here; empty for what announced itself.
        is_refused: whether what it described may not come this way.
        is_fresh: whether it was announced anew since it was looked at.
    """

    url: str
    id: str = ""
    entity_tag: str = ""
    linked_by: str = ""
    is_refused: bool = False
    is_fresh: bool = False


class IntroducedThings:
    """The Things that announced themselves and have not said goodbye, by service name.

    Many are fetched at once, one is registered or forgotten at a time.
    """

    def __init__(self, directory: Directory, interval_seconds: float) -> None:
        self._directory = directory
        self._interval_seconds = interval_seconds
        self._known: dict[str, Introduced] = {}
        self.before = _before(directory)
        self._lock = threading.RLock()

    def knows(self, name: str) -> bool:
        """Return whether a service is kept here: one that has been noted, or that a link led to."""
        return name in self._known

    def note(self, name: str, url: str, is_wanted: Callable[[], bool] = lambda: True) -> None:
        """Note where the description of a service is; it is fetched anew the next time."""
        with self._lock:
            if is_wanted():
                known = self._known.get(name, Introduced(url))
                self._known[name] = replace(known, url=url, entity_tag="", is_fresh=True)

    def ask(
        self, name: str, transport: Transport, is_wanted: Callable[[], bool] = lambda: True
    ) -> tuple[str, ...]:
        """Fetch the description of a Thing, and register it.

        Args:
            name: of its service.
            transport: how it is fetched.
            is_wanted: asked when the answer is there; else nothing is registered.

        Returns:
            The names of those that it leads to and that were not known.

        Raises:
            WasmiotError: it cannot be had, or is not valid.
            ProblemError: it may not be registered now.
        """
        known = self._known.get(name)
        if known is None or (not known.is_fresh and self._is_registered_otherwise(known)):
            return ()
        tag = known.entity_tag if self._is_introduced(known.id) else ""
        headers = _HEADERS | ({"If-None-Match": tag} if tag else {})
        response = transport.request("GET", known.url, headers=headers)
        is_same = bool(tag) and response.status == 304
        description = {} if is_same else _description(known, response.checked())
        with self._lock:
            if name not in self._known or not is_wanted():
                _log.info("answer_not_wanted name=%s", name)
                return ()
            if is_same:
                self._directory.patch(known.id, b"{}")
                return ()
            return self._told(name, known, description, response.headers.get("etag", ""))

    def hold(self, name: str) -> None:
        """Keep the registration of a Thing that nobody had time to ask from running out.

        Of one that was not asked since the start, those that it had led to as well.
        """
        with self._lock:
            known = self._known.get(name)
            for thing_id in [known.id] if known and known.id else self.before.ids_of(name):
                if self._is_introduced(thing_id):
                    self._directory.patch(thing_id, b"{}")

    def forget(self, name: str) -> None:
        """Drop a Thing that said goodbye, if it was introduced this way."""
        with self._lock:
            for thing_id in self.before.take(name):
                self._drop(thing_id)
            known = self._known.pop(name, None)
            if known is None:
                return
            self._forget_linked(name, known.url)
            if self._drop(known.id):
                _log.info("goodbye id=%s", known.id)

    def _told(
        self, name: str, known: Introduced, description: dict[str, Any], tag: str
    ) -> tuple[str, ...]:
        """Take in what a Thing says of itself; return as `ask`."""
        self._known[name] = replace(known, is_fresh=False)
        if _is_one_of(_THING_LINK, description):
            return self._follow(name, known, description)
        if _is_one_of(_DIRECTORY, description):
            self._leave_alone(name, known)
        else:
            self._take(name, known, description, tag)
        return ()

    def _take(self, name: str, known: Introduced, description: dict[str, Any], tag: str) -> None:
        """Register a description; one that may not come this way is no reason to ask at once."""
        try:
            thing_id = self._register(name, known, description)
        except ProblemError as error:
            if error.problem.status != FORBIDDEN:
                raise
            if not (known.is_refused or _is_itself(known.url, error)):
                _log.warning("introduction_refused url=%s reason=%s", known.url, error)
            self._known[name] = replace(self._known[name], is_refused=True)
        else:
            self._known[name] = replace(
                self._known[name], id=thing_id, entity_tag=tag, is_refused=False
            )
            self.before.heard(name)

    def _leave_alone(self, name: str, known: Introduced) -> None:
        """Register nothing; what was a Thing before, or a link, is so no longer."""
        self._forget_linked(name, known.url)
        self._drop(known.id or self.before.id_of(name))
        _log.debug("directory_left_alone url=%s", known.url)

    def _follow(self, name: str, link: Introduced, description: dict[str, Any]) -> tuple[str, ...]:
        """Note what a Thing Link links to, each once, and forget what it no longer does."""
        self._drop(link.id or self.before.id_of(name))  # it was a Thing before
        self.before.heard(name)
        origin = name.partition(LINKED)[0]
        urls = set(_linked_urls(description, link.url))
        self._forget_linked(name, link.url, urls)
        there = self._urls_of(origin)
        new = sorted(urls - there)[: max(MOST_LINKS + 1 - len(there), 0)]
        found = {f"{origin}{LINKED}{url}": Introduced(url, linked_by=link.url) for url in new}
        self._known |= found
        return tuple(found)

    def _urls_of(self, origin: str) -> set[str]:
        """Return where one announcement has led to already."""
        return {k.url for name, k in self._known.items() if name.partition(LINKED)[0] == origin}

    def _forget_linked(self, name: str, link_url: str, kept: Collection[str] = ()) -> None:
        """Forget what was introduced by a link only that has gone, or no longer names it."""
        origin = name.partition(LINKED)[0]
        for other, known in list(self._known.items()):
            is_linked = known.linked_by == link_url and known.url not in kept
            if is_linked and other.startswith(f"{origin}{LINKED}") and other in self._known:
                del self._known[other]
                self._forget_linked(name, known.url)
                self._drop(known.id)

    def _register(self, name: str, known: Introduced, description: dict[str, Any]) -> str:
        ttl_seconds = LEASE_INTERVALS * self._interval_seconds
        description["registration"] = {"ttl": ttl_seconds, ANNOUNCED_AS: name}
        former = known.id or self.before.id_of(name)
        if former:
            description.setdefault("id", former)
        thing, is_new = self._directory.register(description, introduced_by=DNS_SD)
        if thing.id != former:
            self._drop(former)
        _log.info("introduced id=%s url=%s is_new=%s", thing.id, known.url, is_new)
        return thing.id

    def _drop(self, thing_id: str) -> bool:
        """Remove a Thing, if it was introduced this way; return whether it was there."""
        return self._is_introduced(thing_id) and self._directory.delete(thing_id)

    def _is_introduced(self, thing_id: str) -> bool:
        thing = self._directory.get(thing_id) if thing_id else None
        return thing is not None and thing.registration.get(INTRODUCED_BY) == DNS_SD

    def _is_registered_otherwise(self, known: Introduced) -> bool:
        thing = self._directory.get(known.id) if known.id else None
        return thing is not None and thing.registration.get(INTRODUCED_BY) != DNS_SD


def _before(directory: Directory) -> AnnouncedBefore:
    """Return who announced itself before; nobody where the store cannot say."""
    try:
        return AnnouncedBefore(directory.announced())
    except StoreError as error:
        _log.warning("announced_before_not_read error=%s", error)
        return AnnouncedBefore({})


def _is_itself(url: str, error: ProblemError) -> bool:
    """Say whether a device that registers itself was met where it is."""
    return origin_of(url) in error.problem.to_document().get("addresses", ())


def _description(known: Introduced, response: Response) -> dict[str, Any]:
    description = response.json()
    if not isinstance(description, dict):
        raise ThingProblem(f"{known.url} is not a JSON object", known.url, response.status, {})
    return description


def _is_one_of(wanted: frozenset[str], description: dict[str, Any]) -> bool:
    types = description.get("@type", ())
    types = types if isinstance(types, list) else [types]
    return any(isinstance(each, str) and each in wanted for each in types)


def _linked_urls(description: dict[str, Any], url: str) -> Iterator[str]:
    """Yield where the descriptions are that a Thing Link links to."""
    links = description.get("links")
    base = urljoin(url, str(description.get("base", "")))
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("rel") == "describedby":
            target = urljoin(base, str(link.get("href", "")))
            if target.startswith(("http://", "https://")):
                yield target
