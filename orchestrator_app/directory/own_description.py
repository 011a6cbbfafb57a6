"""The orchestrator's own Thing Description: a directory, and what else it can do.

Source: W3C WoT Discovery, clause 7.3 (directory Thing Model).
"""

from collections.abc import Mapping
from typing import Any

from wasmiot_td.namespaces import DISCOVERY_CONTEXT, TD_CONTEXT, WASMIOT_CONTEXT

_ID = {"id": {"type": "string", "format": "iri-reference"}}
_TD = "application/td+json"
_MODEL = "https://www.w3.org/2022/wot/discovery/model/directory"
_DESCRIPTION = (
    "A directory of Things that deploys WebAssembly modules onto them. "
    "Search by SPARQL and by JSONPath is offered, search by XPath is not."
)
_EVENTS = {
    "thingCreated": "thing_created",
    "thingUpdated": "thing_updated",
    "thingDeleted": "thing_deleted",
}
_PROBLEM = {"contentType": "application/problem+json", "success": False}


def own_description(
    thing_id: str, title: str, base_url: str, public_key: str = ""
) -> dict[str, Any]:
    """Return the Thing Description that `/.well-known/wot` serves."""
    own_key = {"wasmiot:publicKey": public_key} if public_key else {}
    return {
        "@context": [TD_CONTEXT, WASMIOT_CONTEXT, DISCOVERY_CONTEXT],
        "@type": ["Thing", "ThingDirectory", "wasmiot:Orchestrator"],
        "id": thing_id,
        "title": title,
        **own_key,
        "description": _DESCRIPTION,
        "base": base_url,
        "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
        "security": ["nosec_sc"],
        "properties": {"things": _things()},
        "actions": {
            **_thing_actions(),
            "createThings": _create_things(),
            **_searches(),
            **_module_actions(),
        },
        "events": {name: _event(kind) for name, kind in _EVENTS.items()},
        "links": [
            {"rel": "type", "href": _MODEL, "type": "application/tm+json"},
            {"rel": "service-desc", "href": "sparql", "type": "application/sparql-results+json"},
            {"rel": "collection", "href": "modules", "type": "application/ld+json"},
        ],
    }


def _things() -> dict[str, Any]:
    arguments = {
        "offset": {"type": "integer", "minimum": 0, "default": 0},
        "limit": {"type": "integer", "minimum": 1},
        "format": {"type": "string", "enum": ["array", "collection"], "default": "array"},
    }
    form = {
        "href": "things{?offset,limit,format}",
        "op": ["readproperty"],
        "htv:methodName": "GET",
        "contentType": "application/ld+json",
        "additionalResponses": [_PROBLEM],
    }
    return {
        "title": "Things",
        "description": "All Thing Descriptions, ascending by id.",
        "type": "array",
        "items": {"type": "object"},
        "readOnly": True,
        "observable": False,
        "uriVariables": arguments,
        "forms": [form],
    }


def _thing_actions() -> dict[str, Any]:
    td = {"type": "object"}
    return {
        "createThing": _action("things/{id}", "PUT", _TD, variables=_ID, input_schema=td),
        "createAnonymousThing": _action("things", "POST", _TD, input_schema=td),
        "retrieveThing": _action("things/{id}", "GET", None, variables=_ID, safe=True, output=td),
        "updateThing": _action("things/{id}", "PUT", _TD, variables=_ID, input_schema=td),
        "partiallyUpdateThing": _action(
            "things/{id}",
            "PATCH",
            "application/merge-patch+json",
            variables=_ID,
            input_schema=td,
        ),
        "deleteThing": _action("things/{id}", "DELETE", None, variables=_ID),
    }


def _create_things() -> dict[str, Any]:
    """Return the action that registers many Things, which W3C's directories do not have."""
    many = {"type": "array", "items": {"type": "object"}}
    action = _action("bulk/things", "POST", "application/json", input_schema=many, output=many)
    action["forms"][0]["response"] = {"contentType": "application/json"}
    described = "Registers each description, and says of each what came of it."
    return {"title": "Create Things", "description": described, **action}


def _event(kind: str) -> dict[str, Any]:
    form = {
        "href": f"events/{kind}{{?diff}}",
        "op": ["subscribeevent", "unsubscribeevent"],
        "subprotocol": "sse",
        "htv:methodName": "GET",
        "contentType": "text/event-stream",
    }
    return {
        "uriVariables": {"diff": {"type": "boolean", "default": False}},
        "data": {"type": "object", "properties": _ID, "required": ["id"]},
        "forms": [form],
    }


def _searches() -> dict[str, Any]:
    # the model says `object` for both; what a path selects is an array, and clients check the type
    sparql, by_path = _search("sparql", {"type": "object"}), _search("jsonpath", {"type": "array"})
    by_post = {"href": "search/sparql", "htv:methodName": "POST"}
    sparql["forms"].append(sparql["forms"][0] | by_post)
    return {"searchSPARQL": sparql, "searchJSONPath": by_path}


def _search(language: str, output: dict[str, Any]) -> dict[str, Any]:
    variables, href = {"query": {"type": "string"}}, f"search/{language}?query={{query}}"
    action = _action(href, "GET", None, variables=variables, safe=True, output=output)
    action["forms"][0]["response"] = {"contentType": "application/json"}
    return action


def _module_actions() -> dict[str, Any]:
    upload = _action("modules", "POST", "multipart/form-data", input_schema={"type": "object"})
    submit = _action("manifests", "POST", "application/ld+json", input_schema={"type": "object"})
    return {"uploadModule": upload, "submitManifest": submit}


def _action(
    href: str,
    method: str,
    content_type: str | None,
    *,
    variables: Mapping[str, Any] | None = None,
    input_schema: Mapping[str, Any] | None = None,
    output: Mapping[str, Any] | None = None,
    safe: bool = False,
) -> dict[str, Any]:
    form: dict[str, Any] = {"href": href, "op": ["invokeaction"], "htv:methodName": method}
    if content_type:
        form["contentType"] = content_type
    if output:
        form["response"] = {"contentType": _TD}
    form["additionalResponses"] = [_PROBLEM]
    action = {
        "uriVariables": variables,
        "input": input_schema,
        "output": output,
        "synchronous": True,
        "safe": safe,
        "idempotent": method in ("GET", "PUT", "DELETE"),
        "forms": [form],
    }
    return {name: value for name, value in action.items() if value is not None}
