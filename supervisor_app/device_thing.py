"""The TD of the device itself, at `/.well-known/wot`."""

import os
import platform
from collections.abc import Iterable
from typing import Any

from supervisor_app.installation import Installation
from supervisor_app.settings import Settings
from wasmiot_td.context_iris import HTTP_BASIC_PROFILE, TD_CONTEXT, WASMIOT_CONTEXT

TD_MEDIA_TYPE = "application/td+json"
_JSON = "application/json"
_LOAD = {"type": "number", "minimum": 0, "maximum": 1}
_COUNT = {"type": "integer", "minimum": 0}


def device_thing(
    settings: Settings, provides: Iterable[str], installations: Iterable[Installation], base: str
) -> dict[str, Any]:
    """Return the TD of the device.

    Args:
        settings: name, id, memory, zone and limit of risk.
        provides: the interfaces that modules may import here.
        installations: what is deployed, linked as items.
        base: the address of the device, with a slash at the end.
    """
    thing: dict[str, Any] = {
        "@context": [TD_CONTEXT, WASMIOT_CONTEXT],
        "@type": ["Thing", "wasmiot:Supervisor"],
        "id": settings.device_id,
        "title": settings.name,
        "base": base,
        "profile": HTTP_BASIC_PROFILE,
        "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
        "security": ["nosec_sc"],
        "wasmiot:provides": list(provides),
        "wasmiot:memoryBytes": settings.memory_bytes,
        "wasmiot:cpuCores": os.cpu_count() or 1,
        "wasmiot:architecture": platform.machine(),
        "properties": {"health": _health()},
        "actions": {"deploy": _deploy(), "undeploy": _undeploy()},
    }
    if settings.zone:
        thing["wasmiot:zone"] = settings.zone
    if settings.trusted_keys:
        thing["wasmiot:trustsKey"] = sorted(set(settings.trusted_keys))
    if settings.risk_limit is not None:
        thing["wasmiot:riskLimit"] = settings.risk_limit
    links = [
        {"rel": "item", "href": f"deployments/{i.slug}/td", "type": TD_MEDIA_TYPE}
        for i in installations
    ]
    if links:
        thing["links"] = links
    return thing


def _health() -> dict[str, Any]:
    return {
        "title": "Health",
        "description": "How busy the device is.",
        "type": "object",
        "properties": {
            "cpuLoad": _LOAD,
            "memoryLoad": _LOAD,
            "queueLength": _COUNT,
            "runningCalls": _COUNT,
            "deployments": _COUNT,
        },
        "readOnly": True,
        "forms": [{"href": "properties/health", "op": ["readproperty"], "contentType": _JSON}],
    }


def _deploy() -> dict[str, Any]:
    return {
        "title": "Deploy",
        "description": "Install or replace an application from its TD.",
        "synchronous": True,
        "idempotent": True,
        "input": {"type": "object"},
        "uriVariables": {"id": {"type": "string"}},
        "forms": [
            {
                "href": "deployments/{id}",
                "op": ["invokeaction"],
                "htv:methodName": "PUT",
                "contentType": TD_MEDIA_TYPE,
            }
        ],
    }


def _undeploy() -> dict[str, Any]:
    return {
        "title": "Undeploy",
        "description": "Remove an application and everything it brought.",
        "synchronous": True,
        "idempotent": True,
        "uriVariables": {"id": {"type": "string"}},
        "forms": [
            {
                "href": "deployments/{id}",
                "op": ["invokeaction"],
                "htv:methodName": "DELETE",
                "contentType": _JSON,
            }
        ],
    }
