"""Expand URI templates, as far as forms use them: RFC 6570 up to level 3.

A variable that has no value is left out, as the RFC says; the caller decides which are needed.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

_EXPRESSION = re.compile(r"\{([+#./;?&]?)([\w.%,:*]+)\}")
_RESERVED = ":/?#[]@!$&'()*+,;=%"

# operator: (what comes first, what stands between, whether names are written, what is kept)
_OPERATORS = {
    "": ("", ",", False, ""),
    "+": ("", ",", False, _RESERVED),
    "#": ("#", ",", False, _RESERVED),
    ".": (".", ".", False, ""),
    "/": ("/", "/", False, ""),
    ";": (";", ";", True, ""),
    "?": ("?", "&", True, ""),
    "&": ("&", "&", True, ""),
}


def expand(template: str, values: Mapping[str, Any]) -> str:
    """Return the URI of a template (RFC 6570, clause 3.2)."""
    return _EXPRESSION.sub(lambda found: _expand(found[1], found[2], values), template)


def variables(template: str) -> dict[str, bool]:
    """Return the names of a template's variables, and whether the URI lacks a part without it."""
    found: dict[str, bool] = {}
    for operator, names in _EXPRESSION.findall(template):
        for name in _names(names):
            found[name] = found.get(name, False) or operator in ("", "+", "/", ".")
    return found


def _names(names: str) -> list[str]:
    return [name.rstrip("*").partition(":")[0] for name in names.split(",")]


def _expand(operator: str, names: str, values: Mapping[str, Any]) -> str:
    first, between, is_named, safe = _OPERATORS[operator]
    parts = []
    for name in _names(names):
        if values.get(name) is not None:
            value = quote(_text(values[name]), safe=safe)
            parts.append(_named(operator, name, value) if is_named else value)
    return first + between.join(parts) if parts else ""


def _named(operator: str, name: str, value: str) -> str:
    return name if operator == ";" and not value else f"{name}={value}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(_text, value)) if isinstance(value, list | tuple) else str(value)
