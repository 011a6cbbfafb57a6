"""The device's own Thing: its TD, its health."""

import re

from flask import Blueprint, Response

from supervisor_app.device_thing import TD_MEDIA_TYPE
from supervisor_app.routes.context import device_base, json_response, supervisor

blueprint = Blueprint("well_known", __name__)


@blueprint.get("/.well-known/wot")
def thing() -> Response:
    """Return the TD of the device (W3C WoT Discovery, clause 6.4)."""
    return json_response(supervisor().thing(device_base()), TD_MEDIA_TYPE)


@blueprint.get("/properties/health")
def health() -> Response:
    """Return how busy the device is."""
    return json_response(supervisor().health())


@blueprint.get("/metrics")
def metrics() -> Response:
    """Return the same numbers for a monitoring system (Prometheus text format 0.0.4)."""
    health = supervisor().health()
    lines = [f"wasmiot_supervisor_{_snake_case(name)} {health[name]}\n" for name in health]
    return Response("".join(lines), content_type="text/plain; version=0.0.4")


@blueprint.get("/healthz")
def healthz() -> Response:
    """Say that requests are answered."""
    return json_response({"status": "ok"})


def _snake_case(name: str) -> str:
    return re.sub("([A-Z])", r"_\1", name).lower()
