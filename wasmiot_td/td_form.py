"""From compacted JSON-LD back to the JSON form of a Thing Description.

Compaction keeps the graph and not the form: it merges the `type` of a data schema with its
`@type`, the `scheme` of a security scheme likewise, turns arrays of one into their item, calls an
empty map by its property, and leaves typed numbers as objects. This module undoes that, walking
along the table of the vocabulary; what it writes expands to the same graph.

Source: W3C WoT Thing Description 1.1, clause 6.3; JSON-LD 1.1 API, clause 6.1.
"""

from collections.abc import Callable, Mapping
from typing import Any

from wasmiot_td.members import Kind, Node, NodeList, NodeMap, Texts
from wasmiot_td.vocabulary import SCHEMA_TYPES, SECURITY_SCHEMES, kind_of

_XSD = "http://www.w3.org/2001/XMLSchema#"

#: What an empty map of TD is called by compaction, by the kind of its owner ("" for all others).
_EMPTY_MAPS: Mapping[str, Mapping[str, str]] = {
    "Thing": {
        "hasPropertyAffordance": "properties",
        "hasActionAffordance": "actions",
        "hasEventAffordance": "events",
        "definesSecurityScheme": "securityDefinitions",
    },
    "PropertyAffordance": {"jsonschema:properties": "properties"},
    "DataSchema": {"jsonschema:properties": "properties"},
}
_EMPTY_ANYWHERE = {
    "hasUriTemplateSchema": "uriVariables",
    "td:hasUriTemplateSchema": "uriVariables",
    "titleInLanguage": "titles",
    "td:titleInLanguage": "titles",
    "descriptionInLanguage": "descriptions",
    "td:descriptionInLanguage": "descriptions",
}
#: What TD lets be a text or an array, and clients (node-wot) or our own documents want as an array.
_ALWAYS_ARRAYS = frozenset(("op", "wasmiot:provides", "wasmiot:imports", "wasmiot:exports"))
_NEIGHBOURS = frozenset(("Dependency", "Feed"))


def restored(compacted: Mapping[str, Any], kind: str = "Thing") -> dict[str, Any]:
    """Return the TD's JSON form of a compacted document."""
    return _object(compacted, kind)


def with_plain_texts(form: Any) -> Any:
    """Return the form with titles and descriptions as TD's own terms, where they are texts.

    Where a document has a default direction, compaction does not choose terms that name only a
    language, though they would expand to the same.
    """
    if isinstance(form, list):
        return [with_plain_texts(item) for item in form]
    if not isinstance(form, dict):
        return form
    return {
        name[3:]
        if name in ("td:title", "td:description") and isinstance(item, str)
        else name: with_plain_texts(item)
        for name, item in form.items()
    }


def _object(value: Mapping[str, Any], kind_name: str) -> dict[str, Any]:
    value = _with_type_apart(value, kind_name)
    kind = kind_of(kind_name, value)
    result: dict[str, Any] = {}
    for name, item in value.items():
        if item == []:
            name, item = _empty(kind_name, name)
        result[name] = item if name == "@context" else _member(item, kind, name)
    return result


def _empty(kind_name: str, name: str) -> tuple[str, Any]:
    term = _EMPTY_MAPS.get(kind_name, {}).get(name) or _EMPTY_ANYWHERE.get(name)
    return (term, {}) if term else (name, [])


def _member(item: Any, kind: Kind, name: str) -> Any:
    item = _native(item)
    member = kind.members.get(name)
    if isinstance(member, NodeMap):
        return _map(item, member)
    if isinstance(member, NodeList):
        return [_part(each, member.kind) for each in _as_list(item)]
    if isinstance(member, Node):
        return _nodes(item, member.kind)
    if isinstance(member, Texts) and (not member.or_one or name in _ALWAYS_ARRAYS):
        return _as_list(item)
    return item


def _nodes(item: Any, kind_name: str) -> Any:
    """Return nodes in their form; neighbours are always objects in an array."""
    if kind_name not in _NEIGHBOURS:
        return _each(item, lambda each: _part(each, kind_name))
    nodes = [{"id": each} if isinstance(each, str) else each for each in _as_list(item)]
    return [_part(each, kind_name) for each in nodes]


def _map(item: Any, member: NodeMap) -> Any:
    if not isinstance(item, dict):
        return item
    return {name: _part(each, member.kind) for name, each in item.items()}


def _part(value: Any, kind_name: str) -> Any:
    if isinstance(value, dict) and "@value" not in value:
        return _object(value, kind_name)
    return value


def _each(item: Any, change: Callable[[Any], Any]) -> Any:
    return [change(each) for each in item] if isinstance(item, list) else change(item)


def _as_list(item: Any) -> list[Any]:
    return item if isinstance(item, list) else [item]


def _with_type_apart(value: Mapping[str, Any], kind_name: str) -> Mapping[str, Any]:
    """Return an object in which the class of JSON values and other classes stand apart."""
    if kind_name in ("DataSchema", "PropertyAffordance"):
        return _split(value, "type", _is_schema_type)
    if kind_name == "SecurityScheme":
        return _split(value, "scheme", _is_scheme)
    return value


def _split(value: Mapping[str, Any], term: str, is_own: Callable[[str], bool]) -> Mapping[str, Any]:
    classes = [*_as_list(value.get(term, [])), *_as_list(value.get("@type", []))]
    own = [each for each in classes if is_own(each)]
    if term == "scheme" and not own:
        own = classes[:1]
    others = [each for each in classes if each not in own]
    result: dict[str, Any] = {}
    for name, item in value.items():
        if name not in (term, "@type"):
            result[name] = item
    head: dict[str, Any] = {}
    if others:
        head["@type"] = others[0] if len(others) == 1 else others
    if own:
        head[term] = own[0] if len(own) == 1 else own
    return {**head, **result}


def _is_schema_type(name: str) -> bool:
    return name in SCHEMA_TYPES


def _is_scheme(name: str) -> bool:
    return name in SECURITY_SCHEMES


def _native(item: Any) -> Any:
    """Return typed values as JSON numbers and booleans where both mean the same literal."""
    if isinstance(item, list):
        return [_native(each) for each in item]
    if not isinstance(item, dict):
        return item
    if item.keys() == {"@type", "@value"} and isinstance(item["@value"], str):
        return _native_value(item)
    return {name: each if name == "@context" else _native(each) for name, each in item.items()}


def _native_value(item: Mapping[str, Any]) -> Any:
    text, datatype = item["@value"], item["@type"].replace("xsd:", _XSD)
    if datatype == f"{_XSD}boolean" and text in ("true", "false"):
        return text == "true"
    if datatype == f"{_XSD}integer" and text.lstrip("-").isdecimal() and str(int(text)) == text:
        return int(text)
    if datatype == f"{_XSD}double":
        return _native_double(text) or dict(item)
    return dict(item)


def _native_double(text: str) -> float | None:
    """Return a double whose canonical form is this text and that is not whole.

    Source: JSON-LD 1.1 API, clause 8.6 (whole numbers are written as integers).
    """
    try:
        number = float(text)
    except ValueError:
        return None
    mantissa, exponent = f"{number:.15E}".split("E")
    written = f"{mantissa.rstrip('0')}E{int(exponent)}".replace(".E", ".0E")
    return number if written == text and number % 1 != 0 else None
