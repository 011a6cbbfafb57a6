"""What an installation TD asks of a supervisor: modules, and the operations on them.

Source: the wasmiot vocabulary, parts `affordance` and `module`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal

from supervisor_app.references import Reference, Trigger, Use, as_list

Kind = Literal["properties", "actions", "events"]
KINDS: tuple[Kind, ...] = ("properties", "actions", "events")
Stage = Literal["deployment", "execution", "output"]
DIGEST_PREFIX = "sha256:"
_HEX_DIGITS = frozenset("0123456789abcdef")
_TOKEN = r"[A-Za-z0-9!#$&^_.+-]{1,127}"
_MEDIA_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}( ?; ?[ -~]{{1,200}})?")


@dataclass(frozen=True)
class Package:
    """Bytes named by their digest, and where they can be had."""

    digest: str
    href: str


@dataclass(frozen=True)
class Module:
    """A module of an installation."""

    id: str
    name: str
    package: Package
    is_stateful: bool = False
    limits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class DataFile:
    """A file that comes with the installation."""

    path: str
    package: Package


@dataclass(frozen=True)
class Mount:
    """A file that a function finds or leaves in its directory."""

    path: str
    stage: Stage
    media_type: str
    is_required: bool


@dataclass(frozen=True)
class Operation:
    """An affordance that a function stands behind, or what another Thing does.

    Attributes:
        entrypoint: the function that is called; that a property is read by.
        write_entrypoint: the function that a property is written by.
        buffer: the function that returns the address of the module's own room for bytes.
        depends_on: what is read of other Things before it runs.
        sent: what other steps send to it, each part by itself.
        arguments: constants, by the names of members of its input.
        uses: the affordance of another Thing that does the work instead of a function.
        memo: what somebody has worked out of all this and does not want to work out again.
    """

    slug: str
    kind: Kind
    name: str
    entrypoint: str
    write_entrypoint: str
    buffer: str
    module: Module
    affordance: Mapping[str, Any]
    mounts: tuple[Mount, ...] = ()
    data_files: tuple[DataFile, ...] = ()
    depends_on: tuple[Reference, ...] = ()
    feeds: tuple[Reference, ...] = ()
    sent: tuple[Reference, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    uses: Use | None = None
    memo: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def is_join(self) -> bool:
        """Whether it runs when several parts of its input have come."""
        return len(self.sent) > 1

    @property
    def input_schema(self) -> Mapping[str, Any] | None:
        """The schema of what is sent to it: an action's input, or a property's own."""
        if self.kind == "properties":
            return self.affordance
        return self.affordance.get("input")

    @property
    def output_schema(self) -> Mapping[str, Any] | None:
        """The schema of what it answers."""
        if self.kind == "properties":
            return self.affordance
        return self.affordance.get("output" if self.kind == "actions" else "data")

    @property
    def uri_variables(self) -> Mapping[str, Mapping[str, Any]]:
        """The schemas of the variables in its URL."""
        variables: Mapping[str, Mapping[str, Any]] = self.affordance.get("uriVariables", {})
        return variables

    @property
    def is_synchronous(self) -> bool:
        """Whether the answer carries the output."""
        return self.kind == "properties" or bool(self.affordance.get("synchronous"))

    @property
    def is_readable(self) -> bool:
        """Whether a property can be read."""
        return not self.affordance.get("writeOnly")

    @property
    def is_writable(self) -> bool:
        """Whether a property can be written."""
        return not self.affordance.get("readOnly")

    @property
    def is_watched(self) -> bool:
        """Whether changes of its value are told to those who ask for it."""
        return self.kind == "events" or (
            self.kind == "properties" and self.affordance.get("observable") is True
        )

    def function(self, is_write: bool) -> str:
        """Return the name of the function that a use calls."""
        return self.write_entrypoint if is_write else self.entrypoint

    def mounts_at(self, stage: Stage) -> tuple[Mount, ...]:
        """Return the mounts of a stage."""
        return tuple(m for m in self.mounts if m.stage == stage)


@dataclass(frozen=True)
class Installation:
    """One deployment's share on this device."""

    slug: str
    document: Mapping[str, Any]
    modules: tuple[Module, ...]
    operations: Mapping[tuple[Kind, str], Operation]
    trigger: Trigger | None = None

    def references(self) -> Iterator[Reference]:
        """Return all that it uses of other Things, alternatives included."""
        for operation in self.operations.values():
            yield from operation.depends_on
            if operation.uses is not None:
                yield operation.uses.target
            for feed in operation.feeds:
                yield from (feed, *feed.alternatives)
        if self.trigger is not None:
            yield from (self.trigger.source, *self.trigger.feeds)

    def packages(self) -> Iterator[Package]:
        """Return everything that must be on the device."""
        for module in self.modules:
            yield module.package
        for operation in self.operations.values():
            for data_file in operation.data_files:
                yield data_file.package


def prefixes_of(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the prefixes that a canonical document brings along."""
    contexts = [c for c in as_list(document.get("@context")) if isinstance(c, Mapping)]
    return {k: v for context in contexts for k, v in context.items() if isinstance(v, str)}


def expanded(types: Any, prefixes: Mapping[str, str]) -> set[str]:
    """Return semantic types as IRIs, where their prefix is known."""
    return {_iri(t, prefixes) for t in as_list(types) if isinstance(t, str)}


def _iri(term: str, prefixes: Mapping[str, str]) -> str:
    prefix, colon, name = term.partition(":")
    return prefixes[prefix] + name if colon and prefix in prefixes else term


def is_digest(text: str) -> bool:
    """Say whether a text is the name of a package."""
    digits = text.removeprefix(DIGEST_PREFIX)
    return digits != text and len(digits) == 64 and _HEX_DIGITS.issuperset(digits)


def is_inside(path: str) -> bool:
    """Say whether a relative path stays inside the directory that it is taken from."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\0" not in path


def is_media_type(text: Any) -> bool:
    """Say whether a text can stand in the header that tells of a body's media type."""
    return isinstance(text, str) and _MEDIA_TYPE.fullmatch(text) is not None


def is_bound(affordance: Any) -> bool:
    """Say whether a function stands behind an affordance, or another Thing."""
    terms = ("wasmiot:entrypoint", "wasmiot:writeEntrypoint", "wasmiot:uses")
    return isinstance(affordance, Mapping) and any(term in affordance for term in terms)
