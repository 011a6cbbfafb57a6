"""Leave out of an expansion what only a missing context could have defined.

Without its context, an unprefixed term falls to the TD vocabulary (`Light` becomes `td:Light`) and
a prefixed one is taken for an absolute IRI (`saref:Light`). Neither is what the author meant.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from wasmiot_td.contexts import bundled_documents
from wasmiot_td.iri import absolute
from wasmiot_td.namespaces import HCTL, JSONSCHEMA, TD, TD_CONTEXT, WOTSEC

_VOCABULARIES = tuple(str(vocabulary) for vocabulary in (TD, JSONSCHEMA, HCTL, WOTSEC))
_SCHEMES = {"urn", "tag", "did", "mailto", "tel", "data", "doi", "info", "ni", "uuid"}
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def without_unknown_terms(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop the properties and types that no available context defines, in place."""
    for node in nodes:
        _prune(node)
    return nodes


def _prune(node: dict[str, Any]) -> None:
    for key in [key for key in node if not key.startswith("@") and not is_known(key)]:
        del node[key]
    types = node.get("@type")
    if isinstance(types, list):
        node["@type"] = [each for each in types if isinstance(each, str) and is_known(each)]
        if not node["@type"]:
            del node["@type"]
    for value in node.values():
        for child in _nodes_in(value):
            _prune(child)


def _nodes_in(value: Any) -> Iterator[dict[str, Any]]:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict) and "@list" in item:
            yield from _nodes_in(item["@list"])
        elif isinstance(item, dict) and "@value" not in item:
            yield item


def is_known(iri: str) -> bool:
    """Whether an IRI was made by a context, and not by the lack of one."""
    if iri.startswith(_VOCABULARIES):
        return iri in _vocabulary_terms()
    return bool(_ABSOLUTE.match(iri)) or iri.partition(":")[0] in _SCHEMES | {"_"}


@cache
def _vocabulary_terms() -> frozenset[str]:
    context = bundled_documents()[TD_CONTEXT]["@context"]
    prefixes = {key: iri for key, iri in context.items() if isinstance(iri, str)}
    return frozenset(absolute(name, prefixes) for name in _names(context))


def _names(context: dict[str, Any]) -> Iterator[str]:
    for definition in context.values():
        if isinstance(definition, str):
            yield definition
        elif isinstance(definition, dict):
            yield definition["@id"]
            yield from _names(definition.get("@context", {}))
    yield from ("td:name", "jsonschema:propertyName", "td:hasInstanceConfiguration")
