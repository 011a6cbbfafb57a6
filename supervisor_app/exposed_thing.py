"""Complete a TD into one that this device serves: forms, security, profile, base.

A document may come with empty forms and without security (the source format): whoever serves
the Thing knows them. The result is a valid TD 1.1.
"""

import copy
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from supervisor_app.installation import is_bound
from supervisor_app.thing_forms import add_thing_forms, change_forms
from wasmiot_td.access.declared import with_open_door
from wasmiot_td.arguments import takes_value
from wasmiot_td.context_iris import TD_CONTEXT, WASMIOT_CONTEXT

JSON = "application/json"
TRIGGERS = "triggers"
"""The name of the property that tells what became of an installation's trigger."""

_INSTALLATION = "wasmiot:Installation"
_OF_THE_SOURCE = ("wasmiot:signature", "wasmiot:signedBy")
"""A signature does not hold for the completed TD, and who signed is the device's to say."""


def slug_of(title: str) -> str:
    """Return a name for URLs made of a title."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "thing"


def installation_id(slug: str, device_id: str) -> str:
    """Return the IRI of a deployment's share on a device."""
    device = hashlib.sha256(device_id.encode()).hexdigest()[:12]
    return f"urn:wasmiot:installation:{slug}:{device}"


def complete(
    document: Mapping[str, Any], *, slug: str, device_id: str, base: str
) -> dict[str, Any]:
    """Return the TD as this device serves it.

    Args:
        document: a TD, possibly without forms and security.
        slug: the name of the installation.
        device_id: the IRI of this device.
        base: the address of the installation, with a slash at the end.
    """
    thing = copy.deepcopy({k: v for k, v in document.items() if k not in _OF_THE_SOURCE})
    thing.setdefault("@context", [TD_CONTEXT, WASMIOT_CONTEXT])
    thing["@type"] = _with_types(thing.get("@type"))
    thing.setdefault("id", installation_id(slug, device_id))
    thing.setdefault("title", slug)
    thing.setdefault("wasmiot:device", device_id)
    thing["base"] = base
    if isinstance(thing.get("wasmiot:trigger"), Mapping):
        thing["properties"] = {TRIGGERS: _triggers(), **_mapping(thing.get("properties"))}
    for kind, complete_one in _COMPLETIONS.items():
        for name, affordance in _members(thing, kind):
            complete_one(name, affordance)
    add_thing_forms(thing)
    return with_open_door(thing)


def rebased(document: Mapping[str, Any], base: str) -> dict[str, Any]:
    """Return a completed TD at another address."""
    return {**document, "base": base}


def _with_types(types: Any) -> Any:
    if types is not None and not isinstance(types, (str, list)):
        return types  # no type at all: the check of the document says so
    listed = [types] if isinstance(types, str) else list(types or [])
    for wanted in ("Thing", "wasmiot:Supervisor", _INSTALLATION):
        if wanted not in listed:
            listed.append(wanted)
    return listed


def _members(thing: Mapping[str, Any], kind: str) -> list[tuple[str, dict[str, Any]]]:
    members = thing.get(kind)
    if not isinstance(members, dict):
        return []
    return [(n, a) for n, a in members.items() if isinstance(a, dict)]


def _triggers() -> dict[str, Any]:
    """Return the property that tells what became of the trigger."""
    count, text = {"type": "integer", "minimum": 0}, {"type": "string"}
    moment = {"type": "string", "format": "date-time"}
    members: dict[str, Any] = {
        "fired": count,
        "failed": count,
        "skipped": count,
        "running": count,
        "lastFired": moment,
        "nextTime": moment,
        "lastError": text,
        "lastEventId": text,
    }
    return {
        "title": "Triggers",
        "description": "How often the composition was started by itself, and how often not.",
        "type": "object",
        "properties": members,
        "readOnly": True,
        "forms": [{"href": f"properties/{TRIGGERS}", "op": ["readproperty"], "contentType": JSON}],
    }


def _complete_property(name: str, affordance: dict[str, Any]) -> None:
    if not is_bound(affordance) and affordance.get("forms"):
        return  # it is somebody else's to serve
    if "wasmiot:writeEntrypoint" in affordance and "wasmiot:entrypoint" not in affordance:
        affordance["writeOnly"] = True
    if not takes_value(affordance):
        affordance["readOnly"] = True
    ops = [
        op
        for op, is_closed in (("readproperty", "writeOnly"), ("writeproperty", "readOnly"))
        if not affordance.get(is_closed)
    ]
    href = f"properties/{_quoted(name)}"
    form = {"href": f"{href}{_query(affordance)}", "op": ops}
    affordance["forms"] = [{**form, "contentType": _media_type(affordance)}]
    if affordance.get("observable") is True:
        ops = ["observeproperty", "unobserveproperty"]
        affordance["forms"] += change_forms(f"{href}/changes", ops)


def _complete_event(name: str, affordance: dict[str, Any]) -> None:
    if is_bound(affordance) or not affordance.get("forms"):
        ops = ["subscribeevent", "unsubscribeevent"]
        affordance["forms"] = change_forms(f"events/{_quoted(name)}", ops)


def _complete_action(name: str, affordance: dict[str, Any]) -> None:
    if not is_bound(affordance) and affordance.get("forms"):
        return
    is_synchronous = affordance.setdefault("synchronous", False)
    form: dict[str, Any] = {
        "href": f"actions/{_quoted(name)}{_query(affordance)}",
        "op": ["invokeaction"],
        "htv:methodName": "POST",
        "contentType": _input_media_type(affordance),
    }
    answer = _media_type(affordance.get("output")) if is_synchronous else JSON
    if answer != form["contentType"]:
        form["response"] = {"contentType": answer}
    affordance["forms"] = [form]


def _input_media_type(affordance: Mapping[str, Any]) -> str:
    schema = _mapping(affordance.get("input"))
    members = _mapping(schema.get("properties"))
    if any("contentMediaType" in _mapping(member) for member in members.values()):
        return "multipart/form-data"
    return _media_type(schema)


def _media_type(schema: Any) -> str:
    return str(_mapping(schema).get("contentMediaType", JSON))


def _mapping(value: Any) -> Mapping[str, Any]:
    """Return an object of a document that has not been checked yet; empty if it is none."""
    return value if isinstance(value, Mapping) else {}


def _query(affordance: Mapping[str, Any]) -> str:
    names = list(_mapping(affordance.get("uriVariables")))
    return "{?" + ",".join(names) + "}" if names else ""


def _quoted(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._~-]", lambda m: "".join(f"%{b:02X}" for b in m[0].encode()), name)


_COMPLETIONS = {
    "properties": _complete_property,
    "actions": _complete_action,
    "events": _complete_event,
}
