"""What a description says by itself, before anybody asks what is kept here already.

Pure: nothing is looked up, so that other processes can do it.
"""

import copy
import uuid
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from orchestrator_app.directory.capability_profiles import (
    CapabilityProfile,
    memory_of,
    profile_of,
)
from orchestrator_app.directory.claims import foreign_claims
from wasmiot_td import json_text
from wasmiot_td.errors import ValidationError
from wasmiot_td.form import Form
from wasmiot_td.json_text import ParsedJson
from wasmiot_td.named_addresses import refuse_addresses, urls_inside
from wasmiot_td.namespaces import DISCOVERY_CONTEXT
from wasmiot_td.reach import Reach
from wasmiot_td.report import Finding, Report
from wasmiot_td.thing_description import LoadedDocument, load

RESERVED_PREFIX = "urn:wasmiot:"
"""What the orchestrator keeps besides Things is named so: deployments, cordons, observations, …"""


@dataclass(frozen=True)
class _Shared:
    """What documents of one form have in common.

    Attributes:
        urls: as `urls_inside` returns them.
        profile: what such a device provides.
    """

    urls: frozenset[str]
    profile: CapabilityProfile | None


_SHARED: MutableMapping[Form, _Shared] = WeakKeyDictionary()


@dataclass(frozen=True)
class Description:
    """A description that may be kept, as far as it is to be judged alone.

    Attributes:
        given: the member `registration` of what was sent.
        profile: what a device provides.
        is_anonymous: it had no id, and has got one here.
    """

    loaded: LoadedDocument
    given: Any
    profile: CapabilityProfile | None
    is_anonymous: bool

    @property
    def id(self) -> str:
        """The id of the Thing."""
        return self.loaded.id

    @property
    def as_sent(self) -> Mapping[str, Any]:
        """The canonical document without an id that it has got here."""
        document = self.loaded.document
        if not self.is_anonymous:
            return document
        return {name: value for name, value in document.items() if name != "id"}

    @property
    def derived_triples(self) -> bytes:
        """What the graph says besides, as N-Triples."""
        return self.profile.link + memory_of(self.loaded.document) if self.profile else b""

    @property
    def shared_graphs(self) -> dict[str, bytes] | None:
        """What the graph refers to and other devices do too."""
        return {self.profile.id: self.profile.triples} if self.profile else None


def read_description(
    source: bytes | Mapping[str, Any],
    reach: Reach,
    *,
    expected_id: str | None = None,
    must_be_anonymous: bool = False,
) -> Description:
    """Load a description and look for what none may say.

    Args:
        source: the description; an anonymous one gets an id.
        reach: which addresses it may name.
        expected_id: the id that it must have, or gets.
        must_be_anonymous: it may have no id of its own.

    Raises:
        DocumentError: it is no valid Thing Description, or its id is another or reserved.
    """
    parsed = parsed_description(source)
    given = parsed.value.pop("registration", None)
    _drop_discovery_context(parsed.value)
    new_id = f"urn:uuid:{uuid.uuid4()}"
    loaded = load(parsed, id=expected_id or new_id)
    if expected_id not in (None, loaded.id):
        raise refused("/id", f"the id is {loaded.id}, and {expected_id} is expected")
    if must_be_anonymous and loaded.id != new_id:
        raise refused("/id", f"a description with an id is sent by PUT to /things/{loaded.id}")
    if loaded.id.startswith(RESERVED_PREFIX):
        raise refused("/id", f"ids like {loaded.id} are given out by the orchestrator alone")
    shared = _shared_of(loaded)
    refuse_addresses(loaded.document, reach, shared.urls)
    profile = shared.profile.of(loaded.id) if shared.profile else None
    return Description(loaded, given, profile, loaded.id == new_id)


def _shared_of(loaded: LoadedDocument) -> "_Shared":
    """Return what follows from the form of a document, which is worked out once if it is known.

    Raises:
        ValidationError: it says what none may say.
    """
    known = _SHARED.get(loaded.form) if loaded.form else None
    if known:
        return known
    if claims := list(foreign_claims(loaded.id, loaded.n_triples)):
        raise ValidationError(Report.of(claims))
    profile = profile_of(loaded.id, loaded.types, loaded.n_triples)
    shared = _Shared(urls_inside(loaded.document), profile)
    if loaded.form:
        _SHARED[loaded.form] = shared
    return shared


def parsed_description(source: bytes | Mapping[str, Any]) -> ParsedJson:
    """Return a description that may be changed."""
    if isinstance(source, Mapping):
        findings = json_text.check_value(source)
        return ParsedJson(copy.deepcopy(dict(source)), findings)
    parsed = json_text.parse(source)
    if not isinstance(parsed.value, dict):
        raise refused("", "a JSON object is expected")
    return parsed


def refused(pointer: str, message: str) -> ValidationError:
    """Return the error of one fault."""
    return ValidationError(Report((Finding(pointer, message),)))


def _drop_discovery_context(document: dict[str, Any]) -> None:
    """Take back what `enriched` added, for clients that send what they were given."""
    contexts = document.get("@context")
    if isinstance(contexts, list) and len(contexts) > 1:
        document["@context"] = [c for c in contexts if c != DISCOVERY_CONTEXT]
