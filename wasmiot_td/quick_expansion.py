"""The usual parts of JSON-LD expansion by rules that are worked out once for a term in a context.

What most documents are made of: terms with texts, numbers, objects, arrays of them, maps by index
or by language, ids and types. Whatever is rarer (contexts inside, contexts of types, `@nest`,
`@reverse`, `@graph`, values written out) is left to pyld, object by object; and the tests hold
both to the same result. Source: JSON-LD 1.1 API, clause 5.1.2.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

Node = dict[str, Any]


class Unusual(Exception):
    """An object that pyld must expand."""


class Kind(Enum):
    """What is done with the value of a key."""

    DROPPED = auto()
    ID = auto()
    TYPE = auto()
    VALUES = auto()
    INDEX_MAP = auto()
    LANGUAGE_MAP = auto()
    JSON = auto()
    UNUSUAL = auto()


@dataclass(frozen=True)
class Term:
    """What a key means in a context.

    Attributes:
        context: where it was looked up; kept so that its `id()` stays its own.
        kind: what is done with its value.
        iri: the property.
        inside: the context of texts and numbers under it.
        of_nodes: the context of objects under it.
        is_list: whether its values are a list.
        index: the property that says the key of an index map; empty where `@index` does.
    """

    context: Any
    kind: Kind
    iri: str = ""
    inside: Any = None
    of_nodes: Any = None
    is_list: bool = False
    index: str = ""


class QuickExpansion:
    """Expands objects; mixed into pyld's processor, whose methods it calls."""

    pointers: Mapping[int, str]
    located: dict[int, str]
    terms: dict[tuple[int, str], Term]
    unusual: set[int]
    discarded: list[Node]
    options: Any

    # What was begun and given up is kept: another node with its `id()` would be taken for it.

    def quick_node(self: Any, context: Any, element: Node) -> Node:
        """Return an object expanded.

        Raises:
            Unusual: something in it is not for this way.
        """
        node: Node = {}
        terms, scope = self.terms, id(context)
        if id(element) in self.unusual:
            raise Unusual
        try:
            for key in sorted(element):
                term = terms.get((scope, key))
                if term is None:
                    term = terms[scope, key] = self._term(context, key)
                if term.kind is Kind.VALUES:
                    _add(node, term, self._values(term, key, element[key]))
                elif term.kind is not Kind.DROPPED:
                    _OTHERS[term.kind](self, node, term, key, element[key])
        except Unusual:
            self.unusual.add(id(element))  # so that it is tried once
            self.discarded.append(node)
            raise
        pointer = self.pointers.get(id(element))
        if pointer is not None:
            self.located[id(node)] = pointer
        return node

    def _term(self: Any, context: Any, key: str) -> Term:
        iri = None if key == "@context" else self._expand_iri(context, key, vocab=True)
        if iri is None or (iri[:1] != "@" and not self.is_absolute(iri)):
            return Term(context, Kind.UNUSUAL if key == "@context" else Kind.DROPPED)
        if iri in ("@id", "@type"):
            return Term(context, Kind.ID if iri == "@id" else Kind.TYPE)
        mapping = context["mappings"].get(key) or {}
        containers = set(self.arrayify(mapping.get("@container") or []))
        if iri[0] == "@" or mapping.get("reverse") or not containers <= _CONTAINERS:
            return Term(context, Kind.UNUSUAL)
        inside = of_nodes = context
        if (scoped := mapping.get("@context")) is not None:
            flags = {"override_protected": True}
            inside = self._process_context(context, scoped, self.options, propagate=True, **flags)
            again = self.get_context_value(inside, key, "@context")
            of_nodes = inside
            if again is not None:
                of_nodes = self._process_context(inside, again, self.options, **flags)
        if inside.get("previousContext") or of_nodes.get("previousContext"):
            return Term(context, Kind.UNUSUAL)
        ordinary: Term = self._ordinary(context, key, iri, containers, (inside, of_nodes))
        return ordinary

    def _ordinary(
        self: Any, context: Any, key: str, iri: str, containers: set[str], scopes: tuple[Any, Any]
    ) -> Term:
        inside, of_nodes = scopes
        index, kind = "", Kind.VALUES
        if "@language" in containers:
            kind = Kind.LANGUAGE_MAP
        elif "@index" in containers:
            kind, name = Kind.INDEX_MAP, self.get_context_value(inside, key, "@index")
            index = self._expand_iri(context, name, vocab=True) if name else ""
            if name and (not index or index[0] == "@"):
                kind = Kind.UNUSUAL
        elif self.get_context_value(context, key, "@type") == "@json":
            kind = Kind.JSON
        return Term(context, kind, iri, inside, of_nodes, "@list" in containers, index or "")

    def _values(self: Any, term: Term, key: str, value: Any) -> Any:
        """Return what stands under a term, expanded; None for nothing."""
        if isinstance(value, dict):
            return self._object(term, key, value)
        if not isinstance(value, list):
            return self._expand(term.inside, key, value, self.options)
        found: list[Any] = []
        for item in value:
            if isinstance(item, list):
                raise Unusual
            expanded = self._values(term, key, item)
            if isinstance(expanded, list):
                found.extend(expanded)
            elif expanded is not None:
                found.append(expanded)
        return found

    def _object(self: Any, term: Term, key: str, element: Node, **flags: bool) -> Any:
        """Return an object under a term, expanded by pyld if need be."""
        try:
            return self.quick_node(term.of_nodes, element)
        except Unusual:
            return self._expand(term.inside, key, element, self.options, **flags)

    def _add_id(self: Any, node: Node, term: Term, _key: str, value: Any) -> None:
        if not isinstance(value, str) or "@id" in node:
            raise Unusual
        node["@id"] = self._expand_iri(term.context, value, base=self.options["base"])
        if not isinstance(node["@id"], str):
            raise Unusual

    def _add_type(self: Any, node: Node, term: Term, _key: str, value: Any) -> None:
        mappings, base = term.context["mappings"], self.options["base"]
        said = node.setdefault("@type", [])
        for each in value if isinstance(value, list) else [value]:
            if not isinstance(each, str) or "@context" in (mappings.get(each) or ()):
                raise Unusual
            said.append(self._expand_iri(term.context, each, vocab=True, base=base))
        if None in said or not said:
            raise Unusual

    def _add_index_map(self: Any, node: Node, term: Term, key: str, value: Any) -> None:
        if not isinstance(value, dict):
            _add(node, term, self._values(term, key, value))
            return
        found = []
        for name in sorted(value):
            if name[:1] == "@" or self._expand_iri(term.inside, name, vocab=True) == "@none":
                raise Unusual
            for item in value[name] if isinstance(value[name], list) else [value[name]]:
                if not isinstance(item, dict):
                    raise Unusual
                expanded = self._object(term, key, item, inside_index=True)
                if not isinstance(expanded, dict) or "@value" in expanded:
                    raise Unusual
                self._say_index(term, key, name, expanded)
                found.append(expanded)
        _add(node, term, found)

    def _say_index(self: Any, term: Term, key: str, name: str, item: Node) -> None:
        if not term.index:
            item.setdefault("@index", name)
            return
        index_key = self.get_context_value(term.inside, key, "@index")
        said = self._expand(term.inside, index_key, name, self.options)
        item.setdefault(term.index, []).append(said)

    def _add_language_map(self: Any, node: Node, term: Term, key: str, value: Any) -> None:
        if isinstance(value, dict):
            direction = self.get_context_value(term.context, key, "@direction")
            value = self._expand_language_map(term.inside, value, direction)
        else:
            value = self._values(term, key, value)
        _add(node, term, value)

    def _add_json(self: Any, node: Node, term: Term, _key: str, value: Any) -> None:
        _add(node, term, {"@type": "@json", "@value": value})

    def _refuse(self: Any, *_: Any) -> None:
        raise Unusual


def _add(node: Node, term: Term, value: Any) -> None:
    """Add what a term says to a node."""
    if value is None:
        return
    if term.is_list and not (isinstance(value, dict) and "@list" in value):
        value = {"@list": value if isinstance(value, list) else [value]}
    said = node.setdefault(term.iri, [])
    if isinstance(value, list):
        said.extend(value)
    else:
        said.append(value)


_CONTAINERS = frozenset(("@set", "@list", "@index", "@language"))
_OTHERS = {
    Kind.ID: QuickExpansion._add_id,
    Kind.TYPE: QuickExpansion._add_type,
    Kind.INDEX_MAP: QuickExpansion._add_index_map,
    Kind.LANGUAGE_MAP: QuickExpansion._add_language_map,
    Kind.JSON: QuickExpansion._add_json,
    Kind.UNUSUAL: QuickExpansion._refuse,
}
