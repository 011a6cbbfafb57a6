"""What a Thing Description says of how to get in: the schemes that are really asked for.

Source: TD 1.1, clause 5.3.3 (security vocabulary).
"""

from collections.abc import Mapping
from typing import Any

from wasmiot_td.access.guard import Guard
from wasmiot_td.access.roles import ROLE_WORDS, SCOPE_PREFIX

_NOSEC = {"nosec_sc": {"scheme": "nosec"}}
_BEARER = {
    "scheme": "bearer",
    "in": "header",
    "name": "Authorization",
    "format": "opaque",
    "description": "A token that the operator makes with `wasmiot token make`.",
}


def declared_security(guard: Guard) -> dict[str, Any]:
    """Return the members `securityDefinitions` and `security` of whatever a server serves."""
    if guard.is_open:
        return {"securityDefinitions": _NOSEC, "security": ["nosec_sc"]}
    endpoint = guard.issuer.token_endpoint if guard.issuer else ""
    if not endpoint:
        return {"securityDefinitions": {"bearer_sc": _BEARER}, "security": ["bearer_sc"]}
    oauth2 = {
        "scheme": "oauth2",
        "flow": "client",
        "token": endpoint,
        "scopes": [f"{SCOPE_PREFIX}{word}" for word in ROLE_WORDS],
    }
    either = {"scheme": "combo", "oneOf": ["bearer_sc", "oauth2_sc"]}
    definitions = {"bearer_sc": _BEARER, "oauth2_sc": oauth2, "either_sc": either}
    if not guard.known.tokens:
        definitions = {"oauth2_sc": oauth2}
    return {"securityDefinitions": definitions, "security": [list(definitions)[-1]]}


def with_security(document: Mapping[str, Any], guard: Guard) -> dict[str, Any]:
    """Return a description that says how to get in here."""
    return {**document, **declared_security(guard)}


def schemes_of(document: Mapping[str, Any]) -> frozenset[str]:
    """Return the schemes that a description asks for, itself or within a combination.

    Args:
        document: it may not have been checked; where it names a scheme that it does not define, the
            name stands for it, and where it names none, all that it defines are meant.
    """
    said = document.get("securityDefinitions")
    definitions = said if isinstance(said, Mapping) else {}
    open_, schemes = _names(document.get("security", list(definitions))), dict[str, str]()
    while open_:
        name = open_.pop()
        found = definitions.get(name)
        definition = found if isinstance(found, Mapping) else {"scheme": name}
        if name not in schemes:
            open_ += _names(definition.get("oneOf")) + _names(definition.get("allOf"))
        schemes[name] = str(definition.get("scheme"))
    return frozenset(schemes.values()) - {"combo"}


def _names(value: Any) -> list[str]:
    """Return names of which one may stand without a list around it."""
    listed = value if isinstance(value, list) else [] if value is None else [value]
    return [str(name) for name in listed]
