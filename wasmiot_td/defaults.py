"""What a Thing Description means where it says nothing: resolved values, never written into it.

Source: TD 1.1, clause 5.4 (https://www.w3.org/TR/wot-thing-description11/#sec-default-values), and
the HTTP binding's methods (clause 8.3.1).
"""

from collections.abc import Mapping
from typing import Any

CONTENT_TYPE = "application/json"

AFFORDANCE_KINDS = ("properties", "actions", "events")

_FALSE = {
    "properties": ("readOnly", "writeOnly", "observable"),
    "actions": ("safe", "idempotent"),
    "events": (),
}

_METHODS = {
    "readproperty": "GET",
    "writeproperty": "PUT",
    "invokeaction": "POST",
    "readallproperties": "GET",
    "writeallproperties": "PUT",
    "readmultipleproperties": "GET",
    "writemultipleproperties": "PUT",
}

JsonObject = Mapping[str, Any]


def operations(form: JsonObject, affordance: JsonObject, kind: str) -> tuple[str, ...]:
    """Return the operations of a form.

    Args:
        form: a form of the affordance.
        affordance: whose `readOnly` and `writeOnly` narrow a property's defaults.
        kind: `properties`, `actions` or `events`; a Thing's own forms have no default.
    """
    stated = form.get("op")
    if stated:
        return (stated,) if isinstance(stated, str) else tuple(stated)
    if kind == "properties":
        return _property_operations(affordance)
    return {
        "actions": ("invokeaction",),
        "events": ("subscribeevent", "unsubscribeevent"),
    }.get(kind, ())


def _property_operations(affordance: JsonObject) -> tuple[str, ...]:
    reads = () if affordance.get("writeOnly") is True else ("readproperty",)
    writes = () if affordance.get("readOnly") is True else ("writeproperty",)
    return reads + writes


def content_type(form: JsonObject) -> str:
    """Return the content type that a form's request and response have."""
    return str(form.get("contentType") or CONTENT_TYPE)


def method_name(form: JsonObject, operation: str) -> str | None:
    """Return the HTTP method of an operation; None where the binding has no default."""
    return form.get("htv:methodName") or _METHODS.get(operation)


def security(form: JsonObject, thing: JsonObject) -> tuple[str, ...]:
    """Return the names of the security definitions that a form is under."""
    names = form.get("security", thing.get("security", ()))
    return (names,) if isinstance(names, str) else tuple(names)


def with_defaults(thing: JsonObject) -> dict[str, Any]:
    """Return a copy of a Thing Description in which every default is written out."""
    resolved = dict(thing)
    for kind in AFFORDANCE_KINDS:
        if isinstance(thing.get(kind), Mapping):
            resolved[kind] = {
                name: _affordance_with_defaults(affordance, kind)
                for name, affordance in thing[kind].items()
            }
    return resolved


def _affordance_with_defaults(affordance: JsonObject, kind: str) -> dict[str, Any]:
    resolved = {**dict.fromkeys(_FALSE[kind], False), **affordance}
    resolved["forms"] = [
        {**form, "op": list(operations(form, affordance, kind)), "contentType": content_type(form)}
        for form in affordance.get("forms", ())
    ]
    return resolved
