"""The directory: Thing Descriptions registered, read, changed and removed.

Source: W3C WoT Discovery, clause 7.2 (directory).
"""

import copy
import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from orchestrator_app.directory.capability_profiles import memory_of, profile_of
from orchestrator_app.directory.claims import foreign_claims
from orchestrator_app.directory.events import DirectoryChange
from orchestrator_app.directory.merge_patch import merged
from orchestrator_app.directory.registration import (
    DNS_SD,
    INTRODUCED_BY,
    is_expired,
    registered,
)
from orchestrator_app.directory.seen_texts import SeenTexts
from orchestrator_app.store import Store, StoredDocument
from wasmiot_td import json_text
from wasmiot_td.errors import ValidationError
from wasmiot_td.json_text import ParsedJson
from wasmiot_td.named_addresses import refuse_addresses
from wasmiot_td.namespaces import DISCOVERY_CONTEXT
from wasmiot_td.reach import LOCAL, Reach
from wasmiot_td.report import Finding, Report
from wasmiot_td.thing_description import LoadedDocument, load

RESERVED_PREFIXES = (
    "urn:wasmiot:capability-profile",
    "urn:wasmiot:deployment:",
    "urn:wasmiot:installation:",
    "urn:wasmiot:manifest:",
    "urn:wasmiot:module:",
    "urn:wasmiot:solution:",
    "urn:wasmiot:store",
)


Listener = Callable[[DirectoryChange], None]
Check = Callable[[str, Mapping[str, Any]], None]
"""Raises if a description may not have an id, or not say what it says."""


class Directory:
    """The Things that are known here."""

    def __init__(
        self,
        store: Store,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        reach: Reach = LOCAL,
    ) -> None:
        self._store = store
        self._now = now
        self._reach = reach
        self._lock = threading.RLock()
        self._listeners: list[Listener] = []
        self._expiring: dict[str, Mapping[str, Any]] | None = None
        self._seen = SeenTexts()
        self._check_introduced: Check = lambda _id, _description: None
        self._check_every: Check = lambda _id, _description: None

    def check_introduced(self, check: Check) -> None:
        """Have a function look at each description that nobody sent and nobody vouches for."""
        self._check_introduced = check

    def check_every(self, check: Check) -> None:
        """Have a function look at each description, as it was sent and in canonical form."""
        self._check_every = check

    def on_change(self, listener: Listener) -> None:
        """Have a function called after each change, in the order of the changes."""
        self._listeners.append(listener)

    def register(
        self,
        source: bytes | Mapping[str, Any],
        *,
        expected_id: str | None = None,
        introduced_by: str = "http",
        must_be_anonymous: bool = False,
    ) -> tuple[StoredDocument, bool]:
        """Store a description; one of the same id is replaced.

        Args:
            source: the description; an anonymous one gets an id.
            expected_id: the id that it must have, or gets.
            must_be_anonymous: it may have no id of its own.
            introduced_by: how it came: `http`, `dns-sd` or `key`.

        Returns:
            The Thing as it is kept, and whether it is new.

        Raises:
            DocumentError: it is no valid Thing Description, or its id is another or reserved.
            ProblemError: 403, it may not be here.
        """
        if isinstance(source, bytes) and not must_be_anonymous:
            renewed = self._renewed(source, expected_id, introduced_by)
            if renewed is not None:
                return renewed, False
        parsed = _parse(source)
        given = parsed.value.pop("registration", None)
        _drop_discovery_context(parsed.value)
        new_id = f"urn:uuid:{uuid.uuid4()}"
        loaded = load(parsed, id=expected_id or new_id)
        if expected_id not in (None, loaded.id):
            raise _refused("/id", f"the id is {loaded.id}, and {expected_id} is expected")
        if must_be_anonymous and loaded.id != new_id:
            raise _refused("/id", f"a description with an id is sent by PUT to /things/{loaded.id}")
        if introduced_by == DNS_SD:
            self._check_introduced(loaded.id, loaded.document)
        self._check_every(loaded.id, _as_sent(loaded.document, new_id))
        kept = self._put(loaded, given, introduced_by)
        if isinstance(source, bytes) and loaded.id != new_id:
            self._seen.note(source, expected_id, loaded.document, given)
        return kept

    def patch(self, thing_id: str, merge_patch: bytes) -> StoredDocument | None:
        """Change parts of a description; what comes out is checked as a whole.

        Returns:
            The Thing as it is kept, or None if there is none.

        Source: RFC 7396 (JSON merge patch).
        """
        patch = _parse(merge_patch)
        if patch.findings:
            raise ValidationError(Report.of(patch.findings))
        with self._lock:
            known = self.get(thing_id)
            if known is None:
                return None
            source = merged(enriched(known), patch.value)
            introduced_by = str(known.registration.get(INTRODUCED_BY, "http"))
            return self.register(source, expected_id=thing_id, introduced_by=introduced_by)[0]

    def get(self, thing_id: str) -> StoredDocument | None:
        """Return a Thing, or None."""
        found = self._store.get(thing_id)
        return found if found is not None and found.kind == "thing" else None

    def page(self, limit: int | None = None, offset: int = 0) -> list[StoredDocument]:
        """Return Things, ascending by id."""
        return self._store.list("thing", limit=limit, offset=offset)

    def count(self) -> int:
        """Return how many Things there are."""
        return self._store.count("thing")

    def delete(self, thing_id: str) -> bool:
        """Remove a Thing; return whether it was there."""
        with self._lock:
            known = self.get(thing_id)
            if known is None or not self._store.delete(thing_id):
                return False
            self._note_expiry(known, has_gone=True)
            self._tell(DirectoryChange("thing_deleted", thing_id, before=known.document))
        return True

    def purge(self) -> int:
        """Remove the Things whose registration has expired; return how many."""
        now = self._now()
        with self._lock:
            if self._expiring is None:
                self._expiring = {t.id: t.registration for t in self.page() if _expires(t)}
            expired = [id for id, noted in self._expiring.items() if is_expired(noted, now)]
            return sum(self.delete(thing_id) for thing_id in expired)

    def _put(
        self, loaded: LoadedDocument, given: Any, introduced_by: str
    ) -> tuple[StoredDocument, bool]:
        if loaded.id.startswith(RESERVED_PREFIXES):
            raise _refused("/id", f"ids like {loaded.id} are given out by the orchestrator alone")
        if claims := list(foreign_claims(loaded.id, loaded.n_triples)):
            raise ValidationError(Report.of(claims))
        refuse_addresses(loaded.document, self._reach)
        profile = profile_of(loaded.id, loaded.types, loaded.n_triples)
        with self._lock:
            known = self.get(loaded.id)
            so_far = known.registration if known else None
            registration = registered(given, so_far, self._now(), introduced_by)
            is_new = self._store.put(
                loaded,
                kind="thing",
                registration=registration,
                extra_triples=profile.link + memory_of(loaded.document) if profile else b"",
                shared_graphs={profile.id: profile.triples} if profile else None,
            )
            thing = StoredDocument(loaded.id, "thing", loaded.document, registration)
            self._note_expiry(thing)
            if known is None or known.document != loaded.document:
                kind = "thing_created" if is_new else "thing_updated"
                before = known.document if known else None
                self._tell(DirectoryChange(kind, loaded.id, before, loaded.document))
        return thing, is_new

    def _renewed(
        self, source: bytes, expected_id: str | None, introduced_by: str
    ) -> StoredDocument | None:
        """Return the Thing with a new registration, None if the text says anything new."""
        seen = self._seen.find(source, expected_id)
        if seen is None:
            return None
        with self._lock:
            known = self.get(seen.id)
            if known is None or not seen.is_still(known.document):
                return None
            registration = registered(
                seen.registration, known.registration, self._now(), introduced_by
            )
            if not self._store.renew(seen.id, registration):
                return None
            thing = StoredDocument(known.id, "thing", known.document, registration)
            self._note_expiry(thing)
        return thing

    def _note_expiry(self, thing: StoredDocument, *, has_gone: bool = False) -> None:
        """Remember what will expire, so that a purge need not read every Thing."""
        if self._expiring is None:
            return
        self._expiring.pop(thing.id, None)
        if _expires(thing) and not has_gone:
            self._expiring[thing.id] = thing.registration

    def _tell(self, change: DirectoryChange) -> None:
        for listener in self._listeners:
            listener(change)


def _expires(thing: StoredDocument) -> bool:
    return "expires" in thing.registration


def enriched(thing: StoredDocument) -> dict[str, Any]:
    """Return a description with its registration information, as the directory serves it."""
    context = thing.document["@context"]
    contexts = list(context) if isinstance(context, list) else [context]
    return {
        **thing.document,
        "@context": [*contexts, DISCOVERY_CONTEXT],
        "registration": thing.registration,
    }


def _parse(source: bytes | Mapping[str, Any]) -> ParsedJson:
    """Return a description that may be changed."""
    if isinstance(source, Mapping):
        findings = json_text.check_value(source)
        return ParsedJson(copy.deepcopy(dict(source)), findings)
    parsed = json_text.parse(source)
    if not isinstance(parsed.value, dict):
        raise _refused("", "a JSON object is expected")
    return parsed


def _as_sent(document: Mapping[str, Any], new_id: str) -> Mapping[str, Any]:
    """Return a description without the id that it has got here."""
    if document.get("id") != new_id:
        return document
    return {name: value for name, value in document.items() if name != "id"}


def _drop_discovery_context(document: dict[str, Any]) -> None:
    """Take back what `enriched` added, for clients that send what they were given."""
    contexts = document.get("@context")
    if isinstance(contexts, list) and len(contexts) > 1:
        document["@context"] = [c for c in contexts if c != DISCOVERY_CONTEXT]


def _refused(pointer: str, message: str) -> ValidationError:
    return ValidationError(Report((Finding(pointer, message),)))
