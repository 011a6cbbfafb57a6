"""What a Thing Description says of how to get in: the schemes that are really asked for.

Source: TD 1.1, clause 5.3.3 (security vocabulary).
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any

from wasmiot_td.access.guard import Guard
from wasmiot_td.access.roles import ROLE_WORDS, SCOPE_PREFIX

_AFFORDANCES = ("properties", "actions", "events")
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
    return with_declared(document, declared_security(guard))


def with_open_door(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description that says that everybody may come in."""
    return with_declared(document, {"securityDefinitions": _NOSEC, "security": ["nosec_sc"]})


def with_declared(document: Mapping[str, Any], declared: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description with other security, but for what its forms name of their own.

    A form that somebody else serves may ask for what this server does not (TD 1.1, clause 5.3.4.2,
    `security`). Where both have a name for different things, the new one gets another.
    """
    kept = _defined(document, _named_by_forms(document))
    names = {
        name: _free(name, kept) if kept.get(name, definition) != definition else name
        for name, definition in declared["securityDefinitions"].items()
    }
    definitions = {
        names[name]: {**definition, **_renamed(definition, names)}
        for name, definition in declared["securityDefinitions"].items()
    }
    security = [names[name] for name in declared["security"]]
    return {**document, "securityDefinitions": {**kept, **definitions}, "security": security}


def schemes_of(document: Mapping[str, Any]) -> frozenset[str]:
    """Return the schemes that a description asks for, itself or within a combination.

    Args:
        document: it may not have been checked; where it names a scheme that it does not define, the
            name stands for it, and where it names none, all that it defines are meant.
    """
    definitions = _mapping(document.get("securityDefinitions"))
    open_, schemes = _names(document.get("security", list(definitions))), dict[str, str]()
    while open_:
        name = open_.pop()
        found = definitions.get(name)
        definition = found if isinstance(found, Mapping) else {"scheme": name}
        if name not in schemes:
            open_ += [each for named in _combined(definition).values() for each in named]
        schemes[name] = str(definition.get("scheme"))
    return frozenset(schemes.values()) - {"combo"}


def _defined(document: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return definitions by name, with those that they combine."""
    definitions, found = _mapping(document.get("securityDefinitions")), dict[str, Any]()
    open_ = list(names)
    while open_:
        name = open_.pop()
        if name in definitions and name not in found:
            found[name] = definitions[name]
            open_ += [each for named in _combined(definitions[name]).values() for each in named]
    return found


def _named_by_forms(document: Mapping[str, Any]) -> Iterator[str]:
    kinds = (_mapping(document.get(kind)) for kind in _AFFORDANCES)
    for holder in (document, *(each for members in kinds for each in members.values())):
        forms = _mapping(holder).get("forms")
        for form in forms if isinstance(forms, list) else [forms]:
            yield from _names(_mapping(form).get("security"))


def _renamed(definition: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, list[str]]:
    combined = _combined(definition).items()
    return {member: [names[name] for name in named] for member, named in combined}


def _combined(definition: Any) -> dict[str, list[str]]:
    said = _mapping(definition)
    return {member: _names(said[member]) for member in ("oneOf", "allOf") if member in said}


def _free(name: str, taken: Mapping[str, Any]) -> str:
    return next(each for n in count(2) if (each := f"{name}_{n}") not in taken)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _names(value: Any) -> list[str]:
    """Return names of which one may stand without a list around it."""
    listed = value if isinstance(value, list) else [] if value is None else [value]
    return [str(name) for name in listed]
