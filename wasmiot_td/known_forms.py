"""Documents that differ from one that was read before in their id and in plain values of the root.

That is how devices of one kind differ: by id, title, base, memory. What the others say does not
depend on these values, and the checks and the shapes look at each of them alone, if at all. So a
document of a known form is checked by its own values, and its graph is the form with them put in.

A form is learned once it has been met several times. A document is read again with stand-ins for
its id and values; put back, these must give its very graph, and there must be the same warnings.
Whatever is not like that has no form and is read as usual. Tests hold the ways to the same result.
"""

import itertools
import marshal
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from wasmiot_td.canonical import Reading, canonical_context, with_canonical_context, without_context
from wasmiot_td.checks import is_faultless
from wasmiot_td.contexts import default_registry
from wasmiot_td.document_kind import is_model, kind_of_types, root_types
from wasmiot_td.errors import WasmiotError
from wasmiot_td.expansion import document_base
from wasmiot_td.form import (
    NO_FORM,
    STAND_IN,
    Family,
    Filled,
    Form,
    Value,
    is_ordered,
    lines_of,
    scheme,
    stand_in,
)
from wasmiot_td.free_values import Bounds, FreeValues
from wasmiot_td.iri import well_formed
from wasmiot_td.n_triples import triples
from wasmiot_td.namespaces import TD_1_0_CONTEXT, TD_CONTEXT, WASMIOT_CONTEXT
from wasmiot_td.report import Report


class Loaded(Protocol):
    """A document that was read, a `wasmiot_td.thing_description.LoadedDocument`."""

    @property
    def document(self) -> dict[str, Any]:
        """Its canonical JSON form."""

    @property
    def n_triples(self) -> bytes:
        """The graph, sorted."""

    @property
    def report(self) -> Report:
        """The warnings."""

    @property
    def types(self) -> frozenset[str]:
        """The classes of its root, as IRIs."""


Reader = Callable[[dict[str, Any]], Loaded]

MOST_BYTES = 64 * 1024
"""Larger documents are read as usual."""

MOST_BYTES_KEPT = 16 * 1024 * 1024
"""When it is more, all is forgotten, and learned once again."""

MOST_NAMES = 200
"""So many members are looked at, of documents of one context and type; the others are not free."""

MOST = 2**53
"""Greater numbers are read as usual: some of them are written otherwise."""

REFERENCES = ("security",)
"""Members whose plain value is the name of something else in the document."""

_ENTRY_BYTES = 200
_INTEGER = "^^<http://www.w3.org/2001/XMLSchema#integer>"
_LITERAL = re.compile(rf'<[^>]*> <([^>]*)> ("[^"]*")(?:@[A-Za-z0-9-]+|{re.escape(_INTEGER)})? \.\n')
_CONTEXTS = frozenset((TD_CONTEXT, TD_1_0_CONTEXT, WASMIOT_CONTEXT))
_KEYWORDS = frozenset(("@base", "@import", "@propagate", "@version"))


class KnownForms:
    """The forms that were learned; for several threads."""

    def __init__(self, free_values: Callable[[], FreeValues]) -> None:
        """Know none.

        Args:
            free_values: returns what the shapes of Things leave free; asked when it is needed.
        """
        self._free_values = free_values
        self._lock = threading.Lock()
        self._families: dict[bytes, Family] = {}
        self._forms: dict[bytes, Form | None] = {}
        self._n_bytes, self._numbers = 0, itertools.count()

    def filled(self, value: Any) -> Filled | None:
        """Return a document as a form that is filled in, None where it can be none."""
        name = value.get("id") if isinstance(value, dict) else None
        if not isinstance(name, str) or "#" in name or well_formed(name) != name:
            return None
        family = self._family(marshal.dumps([value.get("@context"), value.get("@type")], 2))
        values, fixed = dict[str, Value](), list[Any]()
        for member, said in value.items():
            kind = type(said)
            if member == "id":
                fixed.append(member)
            elif (kind is str or kind is int) and family.free.get((member, kind)):
                values[member] = said
                fixed.append((member, kind is str))
            else:
                fixed.append((member, said, None))
        return Filled(family, marshal.dumps([family.number, fixed], 2), name, values)

    def find(self, filled: Filled) -> tuple[Form, bytes] | None:
        """Return the form of a document and its graph, None where it is to be read as usual."""
        form = self._forms.get(filled.key)
        if form is None or not form.text or not self._fits(filled, form):
            return None
        return form, form.n_triples(filled)

    def learn(self, value: dict[str, Any], filled: Filled, read: Loaded, again: Reader) -> None:
        """Note a document that was read as usual, and perhaps learn its form.

        Args:
            value: the document, parsed.
            filled: the same.
            read: the same, read.
            again: reads another one as usual.
        """
        family, key = filled.family, filled.key
        if not family.was_met or len(key) > MOST_BYTES or not _is_kept(value, read):
            family.was_met = True
        elif self._look_at_names(value, family):
            return
        elif self._is_met_again(key):
            form = self._made(value, filled, read, again)
            with self._lock:
                self._count(len(form.text))
                self._forms[key] = form
        known = self._forms.get(key)
        if known and known.n_triples(filled) == read.n_triples and len(family.schemes) < MOST_NAMES:
            family.schemes.add(scheme(filled.id))

    def _family(self, key: bytes) -> Family:
        family = self._families.get(key)
        if family is None:
            with self._lock:
                self._count(len(key))
                family = self._families.setdefault(key, Family(next(self._numbers)))
        return family

    def _fits(self, filled: Filled, form: Form) -> bool:
        """Return whether the id and the values of a document are such that its form tells all."""
        name = filled.id
        if scheme(name) not in filled.family.schemes or name in self._free_values().constants:
            return False
        if name.encode() in form.text or not is_faultless("id", name):
            return False
        free = filled.family.free
        for member, value in filled.values.items():
            bounds = free[member, type(value)]
            if not (bounds and bounds.let_pass(value) and is_faultless(member, value)):
                return False
            if not isinstance(value, str) and abs(value) > MOST:
                return False
        return True

    def _is_met_again(self, key: bytes) -> bool:
        """Return whether a form was met before and not learned yet; at first it is noted."""
        with self._lock:
            if key in self._forms:
                return self._forms[key] is None
            self._count(len(key))
            self._forms[key] = None
            return False

    def _look_at_names(self, value: Mapping[str, Any], family: Family) -> bool:
        """Find out which members are free; return whether there was one not looked at before."""
        names = {(name, type(said)) for name, said in value.items() if type(said) in (str, int)}
        new = names - family.free.keys() - {(name, str) for name in ("id", *REFERENCES)}
        if len(family.free) + len(new) > MOST_NAMES:
            return False
        found = {each: self._bounds(value, *each) for each in new}
        with self._lock:
            self._count(sum(len(name) + _ENTRY_BYTES for name, _ in new))
            family.free.update(found)
        return bool(new)

    def _bounds(self, value: Mapping[str, Any], name: str, kind: type) -> Bounds | None:
        """Return the bounds of a member's values, if such a value is one literal of the root."""
        root = {each: value[each] for each in ("@context", "@type") if each in value}
        stood = stand_in(0, kind())
        try:
            read = with_canonical_context({**root, "id": STAND_IN, name: stood}, _reading())
        except WasmiotError:
            return None
        text = triples(read.expansion, STAND_IN).n_triples.decode()
        lines = [line for line in text.splitlines(keepends=True) if str(stood) in line]
        literal = _LITERAL.fullmatch(lines[0]) if len(lines) == 1 else None
        if literal is None or literal[2].strip('"') != str(stood):
            return None
        return self._free_values().bounds(literal[1])

    def _made(self, value: dict[str, Any], filled: Filled, read: Loaded, again: Reader) -> Form:
        """Return the form of a document, if stand-ins show that nothing else depends on them."""
        values = filled.values.items()
        stand_ins = {name: stand_in(index, said) for index, (name, said) in enumerate(values)}
        try:
            other = again({**value, "id": STAND_IN, **stand_ins})
        except WasmiotError:
            return NO_FORM
        lines = lines_of(other.n_triples)
        form = Form(other.n_triples, other.report, other.types, is_ordered(lines))
        is_same = form.n_triples(filled) == read.n_triples
        if is_same and (read.report, read.types) == (other.report, other.types):
            return form if self._is_free(lines) else NO_FORM
        return NO_FORM

    def _is_free(self, lines: Sequence[tuple[str, ...]]) -> bool:
        """Return whether the shapes do not look at how the names of a graph's nodes are spelled."""
        free_values = self._free_values()
        named = {predicate for _, predicate, term in lines if f"<{STAND_IN}" in term}
        return not free_values.is_spelled_anywhere and named.isdisjoint(free_values.spelled)

    def _count(self, n_bytes: int) -> None:
        self._n_bytes += n_bytes
        if self._n_bytes > MOST_BYTES_KEPT:
            self._families.clear()
            self._forms.clear()
            self._n_bytes = 0


def _reading() -> Reading:
    return Reading(default_registry(), document_base(STAND_IN), strict=True)


def _is_kept(value: dict[str, Any], read: Loaded) -> bool:
    """Return whether a document is usual, and was only given the canonical context."""
    if not _is_plain(value):
        return False
    same = {"@context": canonical_context(value["@context"]), **without_context(value)}
    return read.document == same and list(read.document) == list(same)


def _is_plain(value: dict[str, Any]) -> bool:
    """Return whether a document is a Thing in well-known contexts, and no member is a keyword."""
    types, context = root_types(value), value.get("@context")
    if is_model(types) or kind_of_types(types) != "Thing":
        return False
    contexts = context if isinstance(context, list) else [context]
    return all(
        each in _CONTEXTS
        if isinstance(each, str)
        else isinstance(each, dict) and _KEYWORDS.isdisjoint(each)
        for each in contexts
    ) and not any(name[:1] == "@" and name not in ("@context", "@type") for name in value)
