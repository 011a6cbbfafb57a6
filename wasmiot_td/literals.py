"""The JSON form of a literal: which of the many that mean the same the contexts expect.

`false`, `{"@value": "false", "@type": "xsd:boolean"}` and, where a context says so, `"false"` are
one literal in RDF, and only one of them is compacted to the term of a Thing Description.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from rdflib import XSD

from wasmiot_td.contexts import bundled_documents
from wasmiot_td.iri import absolute
from wasmiot_td.n_triples import lexical_form
from wasmiot_td.namespaces import CANONICAL_CONTEXT

_STRING = str(XSD.string)
_READERS: Mapping[str, Callable[[str], Any]] = {
    str(XSD.integer): int,
    str(XSD.double): float,
    str(XSD.boolean): {"true": True, "false": False}.__getitem__,
}


def as_expected(tree: Any, predicate: str = "") -> Any:
    """Return an expanded tree with each literal as the contexts expect it of its property."""
    if isinstance(tree, list):
        return [as_expected(item, predicate) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if "@value" in tree:
        return _expected(tree, predicate)
    return {
        name: as_expected(item, predicate if name in ("@list", "@set") else name)
        for name, item in tree.items()
    }


def _expected(value: dict[str, Any], predicate: str) -> dict[str, Any]:
    if "@language" in value or "@direction" in value or value.get("@type") == "@json":
        return value
    expected = value_object(*lexical_form(value["@value"], value.get("@type")), predicate)
    same = {**value, "@type": None, **expected} == {"@type": None, **value}
    return value if same else {**_index(value), **expected}


def _index(value: Mapping[str, Any]) -> dict[str, Any]:
    return {"@index": value["@index"]} if "@index" in value else {}


def value_object(text: str, datatype: str, predicate: str) -> dict[str, Any]:
    """Return a literal as the contexts expect it: a JSON number where that is the same."""
    native = _native(text, datatype)
    is_coerced = datatype in coerced_datatypes().get(predicate, frozenset())
    if not is_coerced and (not isinstance(native, str) or datatype == _STRING):
        return {"@value": native}
    return {"@value": native, "@type": datatype}


def _native(text: str, datatype: str) -> Any:
    """Return the JSON value that would become such a literal, or its text."""
    try:
        value = _READERS[datatype](text)
    except (KeyError, ValueError):
        return text
    return value if lexical_form(value, None) == (text, datatype) else text


@cache
def coerced_datatypes() -> dict[str, frozenset[str]]:
    """Return the datatypes that the canonical context gives to the values of each property."""
    found: dict[str, set[str]] = {}
    for iri in CANONICAL_CONTEXT:
        _collect(bundled_documents()[iri]["@context"], {}, found)
    return {iri: frozenset(datatypes) for iri, datatypes in found.items()}


def _collect(context: dict[str, Any], outer: dict[str, str], found: dict[str, set[str]]) -> None:
    prefixes = {**outer, **_prefixes(context)}
    for term, definition in context.items():
        if not isinstance(definition, dict):
            continue
        datatype = absolute(definition.get("@type", "@none"), prefixes)
        if not datatype.startswith("@"):
            found.setdefault(absolute(definition.get("@id", term), prefixes), set()).add(datatype)
        _collect(definition.get("@context", {}), prefixes, found)


def _prefixes(context: dict[str, Any]) -> dict[str, str]:
    simple = {key: value for key, value in context.items() if isinstance(value, str)}
    marked = {
        key: value["@id"]
        for key, value in context.items()
        if isinstance(value, dict) and value.get("@prefix")
    }
    return simple | marked
