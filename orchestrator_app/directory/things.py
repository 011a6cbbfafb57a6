"""The directory: Thing Descriptions registered, read, changed and removed.

Source: W3C WoT Discovery, clause 7.2 (directory).
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orchestrator_app.directory.description import (
    Description,
    parsed_description,
    read_description,
)
from orchestrator_app.directory.events import DirectoryChange
from orchestrator_app.directory.joined_writes import JoinedWrites
from orchestrator_app.directory.merge_patch import merged
from orchestrator_app.directory.registration import (
    ANNOUNCED_AS,
    DNS_SD,
    INTRODUCED_BY,
    is_expired,
    registered,
)
from orchestrator_app.directory.seen_texts import SeenTexts
from orchestrator_app.store import THING, Page, Put, Store, StoredDocument, StoreError
from wasmiot_td.errors import DocumentError, ValidationError
from wasmiot_td.namespaces import DISCOVERY_CONTEXT
from wasmiot_td.problem import ProblemError
from wasmiot_td.reach import LOCAL, Reach
from wasmiot_td.report import Report
from wasmiot_td.turns import PatientLock

_log = logging.getLogger(__name__)

Listener = Callable[[DirectoryChange], None]
Kept = tuple[StoredDocument, bool] | Exception
"""A Thing and whether it is new, or why it is not kept."""

Check = Callable[[str, Mapping[str, Any]], None]
"""Raises if a description may not have an id, or not say what it says."""

Precondition = Callable[[StoredDocument | None], None]
"""Raises if a Thing, None if there is none, is not what a client means to change.

It is asked where nobody else can change the Thing before it is written.
"""


def _none(_known: StoredDocument | None) -> None:
    """Let a change be, whatever is known."""


@dataclass(frozen=True)
class _Wanted:
    """A description that somebody wants to be kept.

    Attributes:
        precondition: what is asked of the Thing that it replaces.
        context: of who wants it; another thread may do the work.
    """

    description: Description
    introduced_by: str
    precondition: Precondition
    context: Context


@dataclass(frozen=True)
class _Put:
    """What is stored, and what was known before."""

    put: Put
    known: StoredDocument | None
    registration: dict[str, Any]


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
        self.reach = reach
        self._lock = PatientLock()
        self._joined = JoinedWrites[_Wanted, tuple[StoredDocument, bool]](self._keep, self._lock)
        self._listeners: list[Listener] = []
        self._registered_listeners: list[Callable[[str], None]] = []
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

    def on_registered(self, listener: Callable[[str], None]) -> None:
        """Have a function called with the id of each Thing that is registered, anew or again."""
        self._registered_listeners.append(listener)

    def register(
        self,
        source: bytes | Mapping[str, Any],
        *,
        expected_id: str | None = None,
        introduced_by: str = "http",
        must_be_anonymous: bool = False,
        precondition: Precondition = _none,
    ) -> tuple[StoredDocument, bool]:
        """Store a description; one of the same id is replaced.

        Args:
            source: the description; an anonymous one gets an id.
            expected_id: the id that it must have, or gets.
            must_be_anonymous: it may have no id of its own.
            introduced_by: how it came: `http`, `dns-sd` or `key`.
            precondition: what is asked of the Thing that it replaces.

        Returns:
            The Thing as it is kept, and whether it is new.

        Raises:
            DocumentError: it is no valid Thing Description, or its id is another or reserved.
            ProblemError: 403, it may not be here.
        """
        if isinstance(source, bytes) and not must_be_anonymous:
            renewed = self._renewed(source, expected_id, introduced_by, precondition)
            if renewed is not None:
                return renewed, False
        description = read_description(
            source, self.reach, expected_id=expected_id, must_be_anonymous=must_be_anonymous
        )
        wanted = _Wanted(description, introduced_by, precondition, copy_context())
        kept = self._joined.done(description.id, wanted)
        if isinstance(source, bytes) and not description.is_anonymous:
            given = description.given
            self._seen.note(source, expected_id, description.loaded.document, given)
        return kept

    def keep(self, descriptions: Sequence[Description], introduced_by: str) -> list[Kept]:
        """Store descriptions at once; each of them is kept or is not.

        Args:
            descriptions: no two of one id.
            introduced_by: how they came.

        Returns:
            For each the Thing as it is kept and whether it is new, or why it is not kept.
        """
        context = copy_context()
        return self._keep([_Wanted(each, introduced_by, _none, context) for each in descriptions])

    def _keep(self, wanted: Sequence["_Wanted"]) -> list[Kept]:
        kept: list[Kept] = []
        refusals = [self._refusal(each.description, each.introduced_by) for each in wanted]
        with self._lock:
            there = self._known([each.description.id for each in wanted])
            prepared = [
                refusal or each.context.run(self._prepared, each, there.get(each.description.id))
                for each, refusal in zip(wanted, refusals, strict=True)
            ]
            outcomes = iter(self._stored([p.put for p in prepared if isinstance(p, _Put)]))
            for each, want in zip(prepared, wanted, strict=True):
                if isinstance(each, _Put):
                    kept.append(want.context.run(self._told, each, next(outcomes)))
                else:
                    kept.append(each)
        return kept

    def patch(
        self, thing_id: str, merge_patch: bytes, precondition: Precondition = _none
    ) -> StoredDocument | None:
        """Change parts of a description; what comes out is checked as a whole.

        Returns:
            The Thing as it is kept, or None if there is none.

        Source: RFC 7396 (JSON merge patch).
        """
        patch = parsed_description(merge_patch)
        if patch.findings:
            raise ValidationError(Report.of(patch.findings))
        with self._lock:
            known = self.get(thing_id)
            if known is None:
                return None
            precondition(known)
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

    def listing(self, limit: int | None = None, offset: int = 0) -> Page:
        """Return Things, ascending by id, with what all of them are in the same moment."""
        return self._store.page(THING, limit=limit, offset=offset)

    def count(self) -> int:
        """Return how many Things there are."""
        return self._store.count("thing")

    def delete(self, thing_id: str, precondition: Precondition = _none) -> bool:
        """Remove a Thing; return whether it was there."""
        with self._lock:
            known = self.get(thing_id)
            if known is None:
                return False
            precondition(known)
            if not self._store.delete(thing_id):
                return False
            self._note_expiry(known, has_gone=True)
            self._tell(DirectoryChange("thing_deleted", thing_id, before=known.document))
        return True

    def purge(self) -> int:
        """Remove the Things whose registration has expired; return how many."""
        now = self._now()
        with self._lock:
            expired = [id for id, noted in self._all_expiring().items() if is_expired(noted, now)]
            return sum(self._purged(thing_id, now) for thing_id in expired)

    def announced(self) -> dict[str, str]:
        """Return the ids of the Things that mDNS led to, by the names of their services."""
        with self._lock:
            noted = list(self._all_expiring().items())
        return {str(each[ANNOUNCED_AS]): id for id, each in noted if ANNOUNCED_AS in each}

    def _all_expiring(self) -> dict[str, Mapping[str, Any]]:
        """Return what is noted of all Things that expire."""
        if self._expiring is None:
            self._expiring = {t.id: t.registration for t in self.page() if _expires(t)}
        return self._expiring

    def _purged(self, thing_id: str, now: datetime) -> bool:
        """Remove a Thing, unless others who write here have removed it, or have it still."""
        known = self.get(thing_id)
        if known is not None and is_expired(known.registration, now):
            return self.delete(thing_id)
        self._all_expiring().pop(thing_id, None)
        if known is not None:
            self._note_expiry(known)
        return False

    def _refusal(self, description: Description, introduced_by: str) -> Exception | None:
        """Return why a description may not be here, whatever is kept already."""
        try:
            if introduced_by == DNS_SD:
                self._check_introduced(description.id, description.loaded.document)
            self._check_every(description.id, description.as_sent)
        except (DocumentError, ProblemError) as error:
            return error.with_traceback(None)
        except Exception as error:  # noqa: BLE001 - it is raised for who wants it, and the others go on
            return error
        return None

    def _known(self, thing_ids: Sequence[str]) -> dict[str, StoredDocument]:
        """Return those of some Things that there are, by id."""
        found = self._store.get_many(thing_ids)
        return {name: each for name, each in found.items() if each.kind == "thing"}

    def _prepared(self, wanted: "_Wanted", known: StoredDocument | None) -> "_Put | Exception":
        """Return what to store, or why it is not stored."""
        description, so_far = wanted.description, known.registration if known else None
        try:
            wanted.precondition(known)
            registration = registered(description.given, so_far, self._now(), wanted.introduced_by)
        except (DocumentError, ProblemError) as error:
            return error.with_traceback(None)
        except Exception as error:  # noqa: BLE001 - as above
            return error
        derived, shared = description.derived_triples, description.shared_graphs
        put = Put(description.loaded, "thing", registration, derived, shared, known is None)
        return _Put(put, known, registration)

    def _stored(self, puts: Sequence[Put]) -> Sequence[bool | Exception]:
        """Store descriptions; where nobody knows which of them was too much, each alone."""
        try:
            return self._store.put_many(puts)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            if len(puts) == 1:
                return [error]
            _log.warning("things_stored_one_by_one n=%s error=%r", len(puts), error)
            return [outcome for put in puts for outcome in self._stored([put])]

    def _told(self, stored: "_Put", outcome: bool | Exception) -> Kept:
        """Tell those who listen what has been stored."""
        if isinstance(outcome, Exception):
            return outcome
        loaded, known = stored.put.document, stored.known
        thing = StoredDocument(loaded.id, "thing", dict(loaded.document), stored.registration)
        try:
            self._note_expiry(thing)
            if known is None or known.document != loaded.document:
                kind = "thing_created" if outcome else "thing_updated"
                before = known.document if known else None
                self._tell(DirectoryChange(kind, loaded.id, before, thing.document))
            self._tell_registered(thing.id)
        except Exception as error:  # noqa: BLE001 - as above: each of the others is told of
            return error
        return thing, outcome

    def _renewed(
        self,
        source: bytes,
        expected_id: str | None,
        introduced_by: str,
        precondition: Precondition,
    ) -> StoredDocument | None:
        """Return the Thing with a new registration, None if the text says anything new."""
        seen = self._seen.find(source, expected_id)
        if seen is None:
            return None
        with self._lock:
            known = self.get(seen.id)
            if known is None or not seen.is_still(known.document):
                return None
            precondition(known)
            registration = registered(
                seen.registration, known.registration, self._now(), introduced_by
            )
            if not self._store.renew(seen.id, registration):
                return None
            thing = StoredDocument(known.id, "thing", known.document, registration)
            self._note_expiry(thing)
            self._tell_registered(thing.id)
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

    def _tell_registered(self, thing_id: str) -> None:
        for listener in self._registered_listeners:
            listener(thing_id)


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
