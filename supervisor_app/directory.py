"""A Thing directory, as a device uses it: to register with, and to find what it depends on.

Only what every directory has is used: the listing and the things one by one.

Source: W3C WoT Discovery, clause 7.2.
"""

import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urljoin

from supervisor_app.installation import expanded, prefixes_of
from supervisor_app.references import Reference, as_list, read_references
from wasmiot_td.call_context import CarryingTransport
from wasmiot_td.consumed_thing import Transport
from wasmiot_td.errors import ThingProblem
from wasmiot_td.own_process import PROCESS_HEADER
from wasmiot_td.transport import MAX_RESPONSE_BYTES

_MAX_PAGES = 100
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')
_GONE = (404, 410)


class Directory:
    """A directory at a URL.

    Attributes:
        process: a name of this process, which no copy of its data has.
    """

    def __init__(self, url: str, transport: Transport) -> None:
        self._base = url.rstrip("/")
        self._things = f"{self._base}/things"
        self.process = secrets.token_hex(8)
        self._transport = CarryingTransport(transport, {PROCESS_HEADER: self.process})

    def has(self, thing_id: str) -> bool:
        """Say whether the directory knows a Thing."""
        return self.get(thing_id) is not None

    def get(self, thing_id: str) -> Mapping[str, Any] | None:
        """Return the TD of a Thing that the directory has; None without one."""
        try:
            return self._transport.get_document(self._url_of(thing_id))
        except ThingProblem as error:
            if error.status in _GONE:
                return None
            raise

    def put(self, thing_id: str, document: Mapping[str, Any]) -> None:
        """Register a TD."""
        body = json.dumps(document, ensure_ascii=False).encode()
        url, headers = self._url_of(thing_id), {"Content-Type": "application/td+json"}
        self._transport.request("PUT", url, body=body, headers=headers).checked()

    def revoked_keys(self) -> list[str]:
        """Return the keys of devices that count no more, as an orchestrator lists them."""
        response = self._transport.request("GET", f"{self._base}/join/revoked").checked()
        found = response.json()
        return [key for key in found if isinstance(key, str)] if isinstance(found, list) else []

    def find(self, reference: Reference) -> tuple[Mapping[str, Any], str] | None:
        """Return a TD and the name of its property that serve a reference; None without any."""
        return find_in(self._listing(), reference)

    def _url_of(self, thing_id: str) -> str:
        return f"{self._things}/{quote(thing_id, safe=':')}"

    def _listing(self) -> Iterator[Mapping[str, Any]]:
        url = self._things
        for _ in range(_MAX_PAGES):
            response = self._transport.request("GET", url, max_bytes=MAX_RESPONSE_BYTES).checked()
            page = response.json()
            yield from (d for d in page if isinstance(d, dict))
            link = _NEXT.search(response.headers.get("link", ""))
            if link is None:
                return
            url = urljoin(url, link[1])


def find_in(
    documents: Iterable[Mapping[str, Any]], reference: Reference
) -> tuple[Mapping[str, Any], str] | None:
    """Return a TD of several, and the name of its property, that serve a reference.

    The very Thing or property that is named goes before one that has the right type.
    """
    of_type = None
    for document in documents:
        name = _property_by_id(document, reference)
        if name:
            return document, name
        if of_type is None and (name := _property_by_type(document, reference)):
            of_type = document, name
    return of_type


def _property_by_id(document: Mapping[str, Any], reference: Reference) -> str:
    properties = _properties(document)
    wanted, _, fragment = reference.id.partition("#")
    for name, affordance in properties.items():
        if reference.id and affordance.get("id") == reference.id:
            return name
    if wanted and document.get("id") == wanted:
        name = reference.affordance or fragment.rpartition("/")[2]
        return name if name in properties else _only(properties)
    return ""


def _property_by_type(document: Mapping[str, Any], reference: Reference) -> str:
    prefixes, wanted = prefixes_of(document), set(reference.types)
    properties = _properties(document)
    for name, affordance in properties.items():
        is_one = wanted & expanded(affordance.get("@type"), prefixes)
        if is_one and not _depends_on(affordance, wanted, prefixes):
            return name
    if wanted & expanded(document.get("@type"), prefixes):
        return reference.affordance if reference.affordance in properties else _only(properties)
    return ""


def _depends_on(
    affordance: Mapping[str, Any], types: set[str], prefixes: Mapping[str, str]
) -> bool:
    """Say whether a property is made of another one of the same types: that one is meant."""
    entries = as_list(affordance.get("wasmiot:dependsOn"))
    references = read_references([e for e in entries if isinstance(e, (str, Mapping))])
    return any(types & expanded(list(r.types), prefixes) for r in references)


def _properties(document: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    properties = document.get("properties")
    return properties if isinstance(properties, dict) else {}


def _only(properties: Mapping[str, Any]) -> str:
    return next(iter(properties)) if len(properties) == 1 else ""
