"""The device's own Thing: its TD, its health."""

from typing import Any

from flask import Blueprint, Flask, Response, current_app

from supervisor_app.measures import not_ready
from supervisor_app.routes.context import device_base, json_response, supervisor, td_response
from wasmiot_td.metrics import MEDIA_TYPE
from wasmiot_td.own_process import PROCESS_HEADER
from wasmiot_td.problem import ProblemError

blueprint = Blueprint("well_known", __name__)


@blueprint.get("/.well-known/wot")
def thing() -> Response:
    """Return the TD of the device (W3C WoT Discovery, clause 6.4)."""
    return td_response(supervisor().thing(device_base()))


@blueprint.get("/properties/health")
def health() -> Response:
    """Return how busy the device is."""
    answer, directory = json_response(supervisor().health()), supervisor().directory
    if directory is not None:
        answer.headers[PROCESS_HEADER] = directory.process
    return answer


@blueprint.get("/metrics")
def metrics() -> Response:
    """Return the numbers of the device for a monitoring system (Prometheus text format 0.0.4)."""
    return Response(current_app.extensions["measures"].text(), content_type=MEDIA_TYPE)


@blueprint.get("/healthz/live")
def live() -> Response:
    """Say that requests are answered."""
    return json_response({"status": "ok"})


@blueprint.get("/healthz")
@blueprint.get("/healthz/ready")
def healthz() -> Response:
    """Say that work can be done: disk writable, let in where it is to join, not stopping."""
    if missing := not_ready(supervisor()):
        detail = "; ".join(f"{part}: {reason}" for part, reason in missing.items())
        raise ProblemError(503, "Not ready", detail, parts=missing)
    return json_response({"status": "ok"})


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Describe this HTTP interface (OpenAPI 3.1)."""
    return json_response(document(current_app, device_base()))


def document(app: Flask, url: str) -> dict[str, Any]:
    """Return the OpenAPI document of the application."""
    # Models of documents are large, and a device that nobody asks does without them.
    from supervisor_app.http_api import DESCRIBED
    from wasmiot_td.open_api import Operation, open_api

    operations = [
        Operation(rule.rule, method, rule.endpoint, _summary(app, rule.endpoint), described)
        for rule in app.url_map.iter_rules()
        if (described := DESCRIBED.get(rule.endpoint))
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]
    return open_api("wasmiot supervisor", "1", url, operations)


def _summary(app: Flask, endpoint: str) -> str:
    return (app.view_functions[endpoint].__doc__ or "").strip().partition("\n")[0]
