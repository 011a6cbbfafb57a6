"""Expanded JSON-LD as a value: are two of them the same graph, and can one be made a tree again.

A document in flattened form, or with a `@graph`, holds its nodes side by side. A Thing Description
is one tree: `as_tree` puts each node where it is referred to.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wasmiot_td.iri import name_prefix
from wasmiot_td.json_text import MAX_DEPTH, too_deep
from wasmiot_td.n_triples import lexical_form
from wasmiot_td.namespaces import HCTL, JSONSCHEMA, TD, TM, WOTSEC

Node = dict[str, Any]

#: Properties and classes that only the root of a Thing Description or Thing Model has.
ROOT_PROPERTIES = tuple(
    str(TD[name])
    for name in (
        "definesSecurityScheme",
        "hasPropertyAffordance",
        "hasActionAffordance",
        "hasEventAffordance",
    )
)
ROOT_CLASSES = frozenset((str(TD.Thing), str(TM.ThingModel)))
#: Properties whose values are names of definitions in the same document.
_REFERENCES = frozenset(
    (
        str(TD.hasInstanceConfiguration),
        str(TD.hasSecurityConfiguration),
        str(HCTL.hasAdditionalOutputSchema),
    )
)
_WITHOUT_LANGUAGE = frozenset(
    (
        str(TD.name),
        str(JSONSCHEMA.propertyName),
        str(HCTL.forContentType),
        str(TD.baseURI),
        str(WOTSEC.name),
        str(WOTSEC["in"]),
    )
)
_SCHEMA_DEFINITIONS = str(TD["schemaDefinitions"])
#: What RDF does not hold (JSON-LD 1.1 API, clause 8.6: no direction unless it is asked for).
_NO_GRAPH = frozenset(("@index", "@direction"))


def is_same_graph(first: Sequence[Node], second: Sequence[Node]) -> bool:
    """Return whether two expanded trees say the same in RDF.

    Order counts in lists alone; indexes, text directions and empty sets say nothing.
    """
    return bool(_key(list(first)) == _key(list(second)))


def _key(value: Any) -> Any:
    if isinstance(value, list):
        return frozenset(Counter(map(_key, value)).items())
    if not isinstance(value, dict):
        return (type(value) is bool, value)
    if "@list" in value:
        return ("@list", tuple(map(_key, value["@list"])))
    if "@value" in value:
        if "@language" in value:
            return value["@value"], value["@language"]
        return lexical_form(value["@value"], value.get("@type"))
    return frozenset(
        (name, _key(item)) for name, item in value.items() if name not in _NO_GRAPH and item != []
    )


def rebased(value: Any, base: str) -> Any:
    """Return an expanded tree in which names of definitions are relative to another base.

    Forms name security and schema definitions by references relative to the document. What
    expanded the document has resolved them against a base of its own, which is told by the
    security definitions: the Thing names them by texts.
    """
    old = next(_bases(value), None)
    return value if old in (None, base) else _rebased(value, old or "", base)


def defaults_of_texts(tree: Any) -> dict[str, str]:
    """Return the default language and direction that an expanded document was written with.

    Names and media types have no language of their own: one that they carry is the default.
    """
    found: dict[str, str] = {}
    for name, items in _properties(tree):
        for item in items:
            if isinstance(item, dict) and "@value" in item:
                if name in _WITHOUT_LANGUAGE and "@language" in item:
                    found.setdefault("@language", item["@language"])
                if "@direction" in item:
                    found.setdefault("@direction", item["@direction"])
    return found


def _properties(value: Any) -> Iterator[tuple[str, list[Any]]]:
    if isinstance(value, list):
        for item in value:
            yield from _properties(item)
    elif isinstance(value, dict) and "@value" not in value:
        for name, items in value.items():
            if isinstance(items, list):
                yield name, items
                yield from _properties(items)


def _bases(tree: Any) -> Iterator[str]:
    """Yield what stands before the name in the IRI of each security definition that is used."""
    for node in tree:
        own = name_prefix(node.get("@id", ""))
        used = {each.get("@value") for each in node.get(str(TD.hasSecurityConfiguration), ())}
        for definition in node.get(str(TD.definesSecurityScheme), ()):
            for reference in definition.get(str(TD.hasInstanceConfiguration), ()):
                iri = reference.get("@id", "")
                if iri.startswith(own):  # as this library writes them into a graph
                    yield own
                yield from (iri.removesuffix(name) for name in used if _is_resolved(iri, name))


def _is_resolved(iri: str, name: Any) -> bool:
    """Return whether an IRI is a name after some base; one such as `urn:x:1` gives `urn:name`."""
    return isinstance(name, str) and iri.endswith((f"/{name}", f":{name}", f"#{name}"))


def _rebased(value: Any, old: str, new: str) -> Any:
    if isinstance(value, list):
        return [_rebased(item, old, new) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: [_moved(item, old, new) for item in items]
        if name in _REFERENCES
        else _rebased(items, old, new)
        for name, items in value.items()
    }


def _moved(item: Any, old: str, new: str) -> Any:
    iri = item.get("@id") if isinstance(item, dict) else None
    if isinstance(iri, str) and iri.startswith(old) and len(item) == 1:
        return {"@id": new + iri[len(old) :]}
    return item


def with_names(value: Any) -> Any:
    """Return an expanded tree in which each schema definition has a name, if only a number.

    RDF does not hold the names, and JSON-LD need not.
    """
    if isinstance(value, list):
        return [with_names(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _numbered(item) if name == _SCHEMA_DEFINITIONS else with_names(item)
        for name, item in value.items()
    }


def _numbered(definitions: Sequence[Node]) -> list[Node]:
    return [{"@index": str(number), **each} for number, each in enumerate(definitions)]


def roots(nodes: Sequence[Node]) -> list[Node]:
    """Return the nodes that are a Thing or a Thing Model by what they say."""
    return [node for node in nodes if _is_root(node)]


def _is_root(node: Mapping[str, Any]) -> bool:
    return bool(ROOT_CLASSES.intersection(node.get("@type", ()))) or any(
        name in node for name in ROOT_PROPERTIES
    )


def as_tree(nodes: Sequence[Node]) -> list[Node]:
    """Return a document's nodes with each one inside of the node that refers to it.

    Where several nodes refer to it, it goes to the first one in depth-first order.

    Raises:
        ValidationError: the tree would be deeper than a document may be.
    """
    by_id: dict[str, Node] = {}
    seen: set[str] = set()
    for node in nodes:
        _collect(node, by_id, seen)
    if len(nodes) == 1 and not _dangling(nodes[0], by_id):
        return list(nodes)
    referred = Counter(_references(nodes))
    placed: set[str] = set()
    tree = []
    whole = [by_id.get(node.get("@id", ""), node) for node in nodes]
    for node in sorted(whole, key=lambda node: (not _is_root(node), node.get("@id") in referred)):
        name = node.get("@id")
        if name is None or name not in placed:
            placed.add(name or "")
            tree.append(_Placing(by_id, placed, referred).copy(node, 0))
    return tree


def _collect(node: Any, by_id: dict[str, Node], seen: set[str]) -> None:
    """Gather what is said about each identified node at the top level, each thing once."""
    name = node.get("@id")
    if name is None or len(node) == 1:
        return
    known = by_id.setdefault(name, {"@id": name})
    for key, value in node.items():
        if not isinstance(value, list):
            known.setdefault(key, value)
        elif isinstance(said := known.setdefault(key, []), list):
            said += [item for item in value if _is_new((name, key, item), seen)]


def _is_new(said: Any, seen: set[str]) -> bool:
    key = json.dumps(said, sort_keys=True)
    is_new = key not in seen
    seen.add(key)
    return is_new


def _references(value: Any) -> Iterator[str]:
    """Yield the id of each bare reference to a node."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        if value.keys() == {"@id"}:
            yield value["@id"]
        for item in value.values():
            if isinstance(item, (list, dict)):
                yield from _references(item)


def _dangling(node: Node, by_id: Mapping[str, Node]) -> bool:
    return any(name in by_id and name != node.get("@id") for name in _references(node))


@dataclass(frozen=True)
class _Placing:
    """Puts nodes where they are referred to.

    Attributes:
        by_id: what is said about each node.
        placed: the nodes that have their place; each gets one.
        referred: how often each is referred to.
    """

    by_id: Mapping[str, Node]
    placed: set[str]
    referred: Mapping[str, int]

    def copy(self, value: Any, depth: int) -> Any:
        """Return a copy with references replaced by what they refer to."""
        if isinstance(value, list):
            return [self.copy(item, depth) for item in value]
        if not isinstance(value, dict):
            return value
        if depth > MAX_DEPTH:
            raise too_deep("")
        name = value.get("@id")
        if len(value) == 1 and isinstance(name, str) and self._is_free(name):
            self.placed.add(name)
            return self.copy(self.by_id[name], depth)
        copied = {key: self.copy(item, depth + 1) for key, item in value.items()}
        if isinstance(name, str) and name.startswith("_:") and self.referred.get(name, 0) <= 1:
            del copied["@id"]
        return copied

    def _is_free(self, name: str) -> bool:
        return name in self.by_id and name not in self.placed
