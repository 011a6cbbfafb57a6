"""Is a value plainly what its schema asks for? Most are, and the full check takes longer.

Only what leaves no doubt is answered with yes: a type and nothing else that restricts the value.
"""

from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]
"""Says whether a value is valid for sure; no means that it has to be looked at closely."""

_TYPES: Mapping[str, type] = {"integer": int, "boolean": bool, "string": str}
_PLAIN = frozenset({"type", "title", "titles", "description", "descriptions", "unit", "default"})
_PLAIN_OBJECT = _PLAIN | {"properties", "required"}


def plain_check(schema: Mapping[str, Any]) -> Check:
    """Return the quick check of a schema's values."""
    kind = schema.get("type")
    if kind == "object" and _PLAIN_OBJECT.issuperset(schema):
        members = {name: plain_check(m) for name, m in schema.get("properties", {}).items()}
        return _object_check(members, frozenset(schema.get("required", ())))
    wanted = _TYPES.get(str(kind)) if _PLAIN.issuperset(schema) else None
    return lambda value: type(value) is wanted


def _object_check(members: Mapping[str, Check], required: frozenset[str]) -> Check:
    def is_plain(value: Any) -> bool:
        if type(value) is not dict or not required <= value.keys():
            return False
        for name, member in value.items():
            check = members.get(name)
            if check is None or not check(member):
                return False
        return True

    return is_plain
