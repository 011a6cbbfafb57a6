"""The device's own Thing: its TD, its health."""

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


@blueprint.get("/healthz")
def healthz() -> Response:
    """Say that requests are answered."""
    return json_response({"status": "ok"})
