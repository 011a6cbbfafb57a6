"""What the JSON value of a member may be, as small values that vocabularies are tabled with.

A vocabulary (`wasmiot_td.vocabulary`) is a table `Kind` by kind of JSON object: which members it
has, and for each of them one of the classes below. Each class answers two questions: what is
wrong with this value (`faults`), and which objects of which kind are inside (`places`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from wasmiot_td.json_text import escape_pointer
from wasmiot_td.report import Finding

PLACEHOLDER = re.compile(r"(?<![ -~])(?:(?!\{\{)[ -~])*\{\{[ -~]+?\}\}")
"""A text up to its first placeholder; begun where blanks and letters begin, so in linear time."""
WHOLE_PLACEHOLDER = re.compile(r"\{\{[ -~]+\}\}")

_NAMES = {dict: "an object", list: "an array", str: "a text", bool: "true or false",
          int: "a number", float: "a number", type(None): "null"}  # fmt: skip


class Member(Protocol):
    """What the value of one member may be."""

    def faults(self, value: Any, pointer: str, *, is_model: bool) -> Iterator[Finding]:
        """Yield what is wrong with the value itself, not with the objects inside of it."""

    def places(self, value: Any, pointer: str) -> Iterator["Place"]:
        """Yield the objects inside of the value whose kind is known."""


@dataclass(frozen=True)
class Kind:
    """One kind of JSON object.

    Attributes:
        name: what it is called in the specification.
        clause: where the specification defines it.
        members: what it may hold.
        required: the members that must be there, where no shape says so.
        is_closed: whether other unprefixed members are violations and not warnings.
    """

    name: str
    clause: str
    members: Mapping[str, Member] = field(repr=False)
    required: tuple[str, ...] = ()
    is_closed: bool = False


@dataclass(frozen=True)
class Place:
    """One object of a document, and what kind of object it is."""

    pointer: str
    kind: str
    value: Mapping[str, Any]


class _Leaf:
    def places(self, value: Any, pointer: str) -> Iterator[Place]:
        yield from ()


class Anything(_Leaf):
    """Any JSON value."""

    def faults(self, value: Any, pointer: str, *, is_model: bool) -> Iterator[Finding]:
        """Yield nothing."""
        yield from ()


class Values(_Leaf):
    """Any JSON values by name."""

    def faults(self, value: Any, pointer: str, *, is_model: bool) -> Iterator[Finding]:
        """Yield a finding if the value is no object."""
        if not isinstance(value, dict):
            yield _not("an object", value, pointer)


@dataclass(frozen=True)
class Text(_Leaf):
    """A text, of a fixed form where a pattern is given; in a model left open, or not."""

    pattern: str = ""
    form: str = ""
    may_be_open: bool = True

    def faults(self, value: Any, pointer: str, *, is_model: bool) -> Iterator[Finding]:
        """Yield a finding if the value is another one."""
        if not isinstance(value, str):
            yield _not("a text", value, pointer)
        elif not re.search(self.pattern, value) and not (
            self.may_be_open and _open(value, is_model)
        ):
            yield Finding(pointer, f"{value!r} is not {self.form}", value=value)


@dataclass(frozen=True)
class OneOf(_Leaf):
    """One of the words that the specification lists."""

    words: tuple[str, ...]

    def faults(self, value: Any, pointer: str, *, is_model: bool) -> Iterator[Finding]:
        """Yield a finding if the value is another one."""
        if not isinstance(value, str):
            yield _not("a text", value, pointer)
        elif value not in self.words and not _open(value, is_model):
            words = ", ".join(self.words)
            yield Finding(pointer, f"{value!r} is none of {words}", value=value)


class Boolean(_Leaf):
    """True or false."""

    def faults(self, value: Any, pointer: str, *, is_model: bool) -> Iterator[Finding]:
        """Yield a finding if the value is another one."""
        if not isinstance(value, bool) and not _open(value, is_model):
            yield _not("true or false", value, pointer)


@dataclass(frozen=True)
class Number(_Leaf):
    """A number, whole or not, from a lowest one on."""

    is_whole: bool = False
    minimum: float | None = None
    above: float | None = None

    def faults(self, value: Any, pointer: str, *, is_model: bool) -> Iterator[Finding]:
        """Yield a finding if the value is another one."""
        if _open(value, is_model):
            return
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            yield _not("a number", value, pointer)
        elif self.is_whole and value % 1 != 0:
            yield Finding(pointer, f"{value} is not a whole number", value=value)
        elif self.minimum is not None and value < self.minimum:
            yield Finding(pointer, f"{value} is less than {self.minimum:g}", value=value)
        elif self.above is not None and value <= self.above:
            yield Finding(pointer, f"{value} is not greater than {self.above:g}", value=value)


@dataclass(frozen=True)
class Texts:
    """An array of texts (or of what `item` says), alone or as one text where `or_one`."""

    item: Member = Text()
    min_items: int = 0
    or_one: bool = True
    is_unique: bool = False

    def faults(self, value: Any, pointer: str, *, is_model: bool) -> Iterator[Finding]:
        """Yield a finding for each item that is wrong, and for too few of them."""
        if not isinstance(value, list):
            if not self.or_one and not _open(value, is_model):
                yield _not("an array", value, pointer)
            elif self.or_one:
                yield from self.item.faults(value, pointer, is_model=is_model)
            return
        if len(value) < self.min_items:
            yield _too_few(pointer, self.min_items)
        if self.is_unique and _has_repetition(value):
            yield Finding(pointer, "a value is listed more than once", value=value)
        for index, item in enumerate(value):
            yield from self.item.faults(item, f"{pointer}/{index}", is_model=is_model)

    def places(self, value: Any, pointer: str) -> Iterator[Place]:
        """Yield the objects in the array."""
        for index, item in enumerate(value if isinstance(value, list) else ()):
            yield from self.item.places(item, f"{pointer}/{index}")


@dataclass(frozen=True)
class LanguageMap(_Leaf):
    """Texts by language tag."""

    def faults(self, value: Any, pointer: str, *, is_model: bool) -> Iterator[Finding]:
        """Yield a finding for each text that is none."""
        if not isinstance(value, dict):
            yield _not("an object of texts by language", value, pointer)
            return
        for tag, text in value.items():
            if not isinstance(text, str):
                yield _not("a text", text, f"{pointer}/{escape_pointer(tag)}")


@dataclass(frozen=True)
class Node:
    """An object of a kind.

    An array of them too where `or_many`, a text (an IRI) where `or_iri`, and in a model a
    placeholder where `may_be_open`.
    """

    kind: str
    or_many: bool = False
    or_iri: bool = False
    may_be_open: bool = False

    def faults(self, value: Any, pointer: str, *, is_model: bool) -> Iterator[Finding]:
        """Yield a finding if the value is another one."""
        if isinstance(value, list) and self.or_many:
            for index, item in enumerate(value):
                yield from self._fault(item, f"{pointer}/{index}")
        elif not (self.may_be_open and _open(value, is_model)):
            yield from self._fault(value, pointer)

    def places(self, value: Any, pointer: str) -> Iterator[Place]:
        """Yield the object, or those of the array."""
        if isinstance(value, dict):
            yield Place(pointer, self.kind, value)
        elif isinstance(value, list) and self.or_many:
            for index, item in enumerate(value):
                if isinstance(item, dict):
                    yield Place(f"{pointer}/{index}", self.kind, item)

    def _fault(self, value: Any, pointer: str) -> Iterator[Finding]:
        if not isinstance(value, dict) and not (self.or_iri and isinstance(value, str)):
            yield _not("an object", value, pointer)


@dataclass(frozen=True)
class NodeList:
    """An array of objects of a kind."""

    kind: str
    min_items: int = 0

    def faults(self, value: Any, pointer: str, *, is_model: bool) -> Iterator[Finding]:
        """Yield a finding for each item that is none, and for too few of them."""
        if not isinstance(value, list):
            yield _not("an array", value, pointer)
            return
        if len(value) < self.min_items:
            yield _too_few(pointer, self.min_items)
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                yield _not("an object", item, f"{pointer}/{index}")

    def places(self, value: Any, pointer: str) -> Iterator[Place]:
        """Yield the objects of the array."""
        for index, item in enumerate(value if isinstance(value, list) else ()):
            if isinstance(item, dict):
                yield Place(f"{pointer}/{index}", self.kind, item)


@dataclass(frozen=True)
class NodeMap:
    """Objects of a kind by their names."""

    kind: str
    min_items: int = 0

    def faults(self, value: Any, pointer: str, *, is_model: bool) -> Iterator[Finding]:
        """Yield a finding for each member that is none, and for too few of them."""
        if not isinstance(value, dict):
            yield _not("an object", value, pointer)
            return
        if len(value) < self.min_items:
            yield _too_few(pointer, self.min_items)
        for name, item in value.items():
            place = f"{pointer}/{escape_pointer(name)}"
            if not isinstance(item, dict):
                yield _not("an object", item, place)
            if is_model and PLACEHOLDER.search(name):
                yield Finding(place, "a name may not be a placeholder", source="TD 1.1, 10.3.2")

    def places(self, value: Any, pointer: str) -> Iterator[Place]:
        """Yield the objects of the map."""
        for name, item in value.items() if isinstance(value, dict) else ():
            if isinstance(item, dict):
                yield Place(f"{pointer}/{escape_pointer(name)}", self.kind, item)


def _open(value: Any, is_model: bool) -> bool:
    """Return whether a value is left open by a Thing Model (TD 1.1, clause 10.3.4)."""
    return is_model and isinstance(value, str) and bool(PLACEHOLDER.search(value))


def _not(expected: str, value: Any, pointer: str) -> Finding:
    found = _NAMES.get(type(value), type(value).__name__)
    return Finding(pointer, f"must be {expected}, and is {found}", value=value)


def _too_few(pointer: str, minimum: int) -> Finding:
    least = "one entry" if minimum == 1 else f"{minimum} entries"
    return Finding(pointer, f"must have at least {least}")


def _has_repetition(values: list[Any]) -> bool:
    """Return whether two values are equal as JSON (where true is not one)."""
    seen: set[str] = set()
    for value in values:
        key = json_key(value)
        if key in seen:
            return True
        seen.add(key)
    return False


def json_key(value: Any) -> str:
    """Return a text that two JSON values share exactly if they are equal as JSON."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return repr(value)
    if isinstance(value, (int, float)):
        return repr(int(value) if value % 1 == 0 else value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{k!r}:{json_key(value[k])}" for k in sorted(value)) + "}"
    return "[" + ",".join(map(json_key, value)) + "]"
