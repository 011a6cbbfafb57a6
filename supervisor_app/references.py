"""Other Things in an installation TD: what is read of them, sent to them, used, and what starts it.

Source: the wasmiot vocabulary, parts `affordance` and `manifest`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from wasmiot_td.report import Finding
from wasmiot_td.schedule import check_cron, check_every

OPERATIONS = ("readproperty", "writeproperty", "invokeaction")
TRIGGERS = ("every", "cron", "event", "property")
_WEB = ("http://", "https://")


@dataclass(frozen=True)
class Reference:
    """Another Thing's affordance: where a value comes from or goes to.

    Attributes:
        id: the IRI of the affordance or its Thing.
        thing: the URL of the Thing's TD.
        affordance: the affordance's name in it.
        input: the name of the argument that takes the value.
        types: IRIs of semantic types, any Thing of which will do.
        alternatives: what to use instead, the best first.
        step: the step that sends the value by itself; empty where it has to be read.
    """

    id: str
    thing: str
    affordance: str
    input: str
    types: tuple[str, ...] = ()
    alternatives: tuple["Reference", ...] = ()
    step: str = ""

    @property
    def address(self) -> tuple[str, str]:
        """The URL of the Thing's TD and the affordance's name; empty where unknown."""
        iri, _, fragment = self.id.partition("#")
        url = self.thing or (iri if iri.startswith(_WEB) else "")
        return url, self.affordance or fragment.rpartition("/")[2]

    @property
    def key(self) -> str:
        """By which what is known of its Thing is kept: the URL, or what it is found by."""
        return self.address[0] or f"{self.id} {' '.join(self.types)} {self.affordance}".strip()


@dataclass(frozen=True)
class Use:
    """An affordance of another Thing that does the work of a step, and by which operation."""

    target: Reference
    op: str


@dataclass(frozen=True)
class Trigger:
    """What starts a composition by itself.

    Attributes:
        kind: one of `TRIGGERS`.
        value: the duration, the cron expression, or the IRI of the event or property.
        source: where that event or property is.
        feeds: the actions that are started.
    """

    kind: str
    value: str
    source: Reference
    feeds: tuple[Reference, ...]

    @property
    def schedule(self) -> Mapping[str, str]:
        """When it fires, if the clock decides."""
        return {self.kind: self.value}

    @property
    def affordance_kind(self) -> Literal["events", "properties"] | None:
        """What is followed, if another Thing decides."""
        kinds: Mapping[str, Literal["events", "properties"]]
        kinds = {"event": "events", "property": "properties"}
        return kinds.get(self.kind)


def read_references(entries: Any) -> tuple[Reference, ...]:
    """Return the references of a term."""
    return tuple(read_reference(entry) for entry in as_list(entries))


def read_reference(entry: Mapping[str, Any] | str) -> Reference:
    """Return one reference; an IRI alone is one."""
    if isinstance(entry, str):
        return Reference(entry, "", "", "")
    return Reference(
        str(entry.get("id", "")),
        str(entry.get("thing", "")),
        str(entry.get("affordance", "")),
        str(entry.get("input", "")),
        tuple(str(t) for t in as_list(entry.get("type"))),
        read_references(entry.get("alternatives")),
        str(entry.get("step", "")),
    )


def read_use(entry: Any) -> Use | None:
    """Return what an action uses of another Thing; None where a function stands behind it."""
    if not isinstance(entry, Mapping):
        return None
    return Use(read_reference(entry), str(entry.get("op", "invokeaction")))


def use_faults(use: Use, pointer: str) -> Iterator[Finding]:
    """Yield why a Thing cannot be used so."""
    place = f"{pointer}/wasmiot:uses"
    if not all(use.target.address):
        yield Finding(place, "the URL of a TD (thing) and the name of an affordance are needed")
    if use.op not in OPERATIONS:
        yield Finding(f"{place}/op", f"{use.op!r} is none of {', '.join(OPERATIONS)}")


def read_trigger(document: Mapping[str, Any]) -> Trigger | None:
    """Return what starts an installation by itself."""
    entry = document.get("wasmiot:trigger")
    if not isinstance(entry, Mapping):
        return None
    kinds = [kind for kind in TRIGGERS if entry.get(kind)]
    kind = kinds[0] if len(kinds) == 1 else ""
    value = str(entry.get(kind, ""))
    source = read_reference({"id": value, **{k: entry.get(k, "") for k in _PLACE}})
    return Trigger(kind, value, source, read_references(entry.get("feeds")))


_PLACE = ("thing", "affordance")


def trigger_faults(trigger: Trigger) -> Iterator[Finding]:
    """Yield why a trigger can never fire."""
    place = "/wasmiot:trigger"
    if not trigger.kind:
        yield Finding(place, f"a trigger has exactly one of {', '.join(TRIGGERS)}")
    checks = {"every": check_every, "cron": check_cron}
    reason = checks[trigger.kind](trigger.value) if trigger.kind in checks else None
    if reason:
        yield Finding(f"{place}/{trigger.kind}", reason)
    if trigger.affordance_kind and not all(trigger.source.address):
        yield Finding(place, "the URL of a TD (thing) and the name of an affordance are needed")
    if not trigger.feeds or not all(all(feed.address) for feed in trigger.feeds):
        yield Finding(f"{place}/feeds", "a trigger starts actions, each with the URL of its TD")


def as_list(value: Any) -> list[Any]:
    """Return a value that may stand alone as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
