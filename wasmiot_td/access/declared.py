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
