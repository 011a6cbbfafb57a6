"""Is a value plainly what its schema asks for? Most are, and the full check takes longer.

Only what leaves no doubt is answered with yes: a type and nothing else that restricts the value.
"""

from collections.abc import Mapping
from typing import Any

_TYPES: Mapping[str, type] = {"integer": int, "boolean": bool, "string": str}
_PLAIN = frozenset({"type", "title", "titles", "description", "descriptions", "unit", "default"})
_PLAIN_OBJECT = _PLAIN | {"properties", "required"}


def is_plainly_valid(value: Any, schema: Mapping[str, Any]) -> bool:
    """Say whether a value is valid for sure; no means that it has to be looked at closely."""
    kind = schema.get("type")
    if kind == "object":
        return _is_plain_object(value, schema)
    return type(value) is _TYPES.get(str(kind)) and _PLAIN.issuperset(schema)


def _is_plain_object(value: Any, schema: Mapping[str, Any]) -> bool:
    if type(value) is not dict or not _PLAIN_OBJECT.issuperset(schema):
        return False
    members = schema.get("properties", {})
    return all(name in value for name in schema.get("required", ())) and all(
        name in members and is_plainly_valid(member, members[name])
        for name, member in value.items()
    )
