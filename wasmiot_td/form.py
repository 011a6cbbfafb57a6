"""A form of documents, which one with an id and plain values is put in to give its graph.

Pure: which forms there are is known to `known_forms.py`.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wasmiot_td.free_values import Bounds
from wasmiot_td.n_triples import quoted
from wasmiot_td.report import Report

Value = str | int

_SECRET = secrets.token_hex(16)
STAND_IN = f"urn:wasmiot:form:{_SECRET}"
"""What stands for the id: nobody else can know it."""

_FIRST_NUMBER = 10**17 + secrets.randbelow(10**17)
_LINE = re.compile(r"<([^>]*)> <([^>]*)> (.*)\n")


@dataclass
class Family:
    """The documents of one context and type.

    Attributes:
        number: its own, which no other ever has.
        free: the bounds of a member's plain values, by its name and their type; None where they
            are not free.
        schemes: ids that begin so are not expanded by a prefix of the context.
        was_met: whether one of them was met before.
    """

    number: int
    free: dict[tuple[str, type], Bounds | None] = field(default_factory=dict)
    schemes: set[str] = field(default_factory=set)
    was_met: bool = False


@dataclass(frozen=True, eq=False)
class Form:
    """What documents say that differ in their id and plain values alone.

    Attributes:
        text: their graph, sorted, with stand-ins; empty where there can be none.
        report: the warnings.
        types: the classes of the root, as IRIs.
        is_ordered: whether the graph stays sorted whatever the id is.
    """

    text: bytes = field(repr=False)
    report: Report = field(default_factory=Report)
    types: frozenset[str] = frozenset()
    is_ordered: bool = True

    def n_triples(self, filled: "Filled") -> bytes:
        """Return the graph of a document of this form."""
        text = self.text.replace(STAND_IN.encode(), filled.id.encode())
        for index, value in enumerate(filled.values.values()):
            text = text.replace(_written(stand_in(index, value)), _written(value), 1)
        return text if self.is_ordered else _in_order(text)


NO_FORM = Form(b"")


@dataclass(frozen=True)
class Filled:
    """A document, taken as a form that is filled in.

    Attributes:
        key: what it shares with others of its form.
        values: those of its members that are free, by name.
    """

    family: Family
    key: bytes
    id: str
    values: Mapping[str, Value]


def lines_of(n_triples: bytes) -> list[tuple[str, ...]]:
    """Return the subject, the predicate and the rest of each triple."""
    return [match.groups() for match in _LINE.finditer(n_triples.decode())]


def is_ordered(lines: Sequence[tuple[str, ...]]) -> bool:
    """Return whether the order of triples is the same under any other id.

    So it is if all subjects begin with the id, and what is said by one property of a node are nodes
    whose names all begin with it, or none of them.
    """
    own: dict[tuple[str, str], bool] = {}
    return all(
        subject.startswith(STAND_IN)
        and own.setdefault((subject, said), f"<{STAND_IN}" in term) == (f"<{STAND_IN}" in term)
        for subject, said, term in lines
    )


def stand_in(index: int, value: Value) -> Value:
    """Return what stands for a value, of its type."""
    return f"{_SECRET}-{index:06d}" if isinstance(value, str) else _FIRST_NUMBER + index


def scheme(name: str) -> str:
    """Return the beginning of an IRI that may be a prefix in its place."""
    scheme, _, rest = name.partition(":")
    return f"{scheme}://" if rest.startswith("//") else scheme


def _written(value: Value) -> bytes:
    """Return the string of a value's literal."""
    return (quoted(value) if isinstance(value, str) else f'"{value}"').encode()


def _in_order(text: bytes) -> bytes:
    return b"".join(sorted(text.splitlines(keepends=True)))
