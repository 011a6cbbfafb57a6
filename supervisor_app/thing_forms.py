"""The forms of a Thing as a whole, and of what changes in it.

Whoever wants to be told of changes finds two forms: long polling first, because a client that
takes the first form and knows streams without event names only (node-wot 0.9) works with it, then
the stream of the SSE Profile, whose events carry the affordance's name.

Source: W3C WoT Profile, HTTP Basic Profile and HTTP SSE Profile; TD 1.1, clause 5.3.4.2.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wasmiot_td.context_iris import HTTP_BASIC_PROFILE

HTTP_SSE_PROFILE = "https://www.w3.org/2022/wot/profile/http-sse/v1"
EVENT_STREAM = "text/event-stream"
LONG_POLL = "longpoll"
NAMES = "names"
_JSON = "application/json"


def add_thing_forms(thing: dict[str, Any]) -> None:
    """Add the forms that serve several affordances at once, and the profiles kept to."""
    forms = list(_forms(thing))
    thing.pop("forms", None)
    if forms:
        thing["forms"] = forms
    if any(f["href"].startswith("properties{") for f in forms):
        variable = {"type": "string", "description": "Names of properties, separated by commas."}
        variables = thing.get("uriVariables", {})
        if isinstance(variables, Mapping):  # else the check of the document says so
            thing["uriVariables"] = {**variables, NAMES: variable}
    has_stream = any(f.get("subprotocol") == "sse" for f in forms)
    thing["profile"] = [HTTP_BASIC_PROFILE, HTTP_SSE_PROFILE] if has_stream else HTTP_BASIC_PROFILE


def change_forms(href: str, operations: Sequence[str]) -> list[dict[str, Any]]:
    """Return the forms by which changes of one affordance are told.

    Long polling names no method: node-wot tries the form with HEAD first, but if a method is
    named it takes that one, and gives up where it is not answered within a second.
    """
    form = {"href": href, "op": list(operations)}
    return [
        {**form, "contentType": _JSON, "subprotocol": LONG_POLL},
        _stream(href, operations),
    ]


def with_change_forms(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a completed TD of an older program with the forms of this one."""
    thing = copy.deepcopy(dict(document))
    for kind in ("properties", "events"):
        for affordance in _affordances(thing, kind):
            for form in affordance.get("forms", ()):
                if form.get("subprotocol") == LONG_POLL:
                    form.pop("htv:methodName", None)
    return thing


def _forms(thing: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    properties = _affordances(thing, "properties")
    if any(not p.get("writeOnly") for p in properties):
        yield _form("properties", ["readallproperties"])
        yield _form(f"properties{{?{NAMES}}}", ["readmultipleproperties"])
    if any(not p.get("readOnly") for p in properties):
        yield _form("properties", ["writeallproperties", "writemultipleproperties"])
    if any(p.get("observable") is True for p in properties):
        yield _stream("properties", ["observeallproperties", "unobserveallproperties"])
    if _affordances(thing, "actions"):
        yield {**_form("actions", ["queryallactions"]), "htv:methodName": "GET"}
    if _affordances(thing, "events"):
        yield _stream("events", ["subscribeallevents", "unsubscribeallevents"])


def _affordances(thing: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    members = thing.get(kind)
    return (
        [a for a in members.values() if isinstance(a, Mapping)]
        if isinstance(members, Mapping)
        else []
    )


def _form(href: str, operations: Sequence[str]) -> dict[str, Any]:
    return {"href": href, "op": list(operations), "contentType": _JSON}


def _stream(href: str, operations: Sequence[str]) -> dict[str, Any]:
    form = {"href": href, "op": list(operations), "htv:methodName": "GET"}
    return {**form, "contentType": EVENT_STREAM, "subprotocol": "sse"}
