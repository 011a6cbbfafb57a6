"""`/openapi.json`: this HTTP interface, for programs that read such descriptions."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from flask import Blueprint, Flask, Response, current_app

from orchestrator_app.http_api import DESCRIBED
from orchestrator_app.routes.representations import JSON, represent
from orchestrator_app.services import services
from wasmiot_td.open_api import Operation, open_api

blueprint = Blueprint("open_api", __name__)


@blueprint.get("/openapi.json")
def read() -> Response:
    """Describe this HTTP interface (OpenAPI 3.1)."""
    return represent(document(current_app, services().settings.base_url), JSON)


def document(app: Flask, url: str) -> dict[str, Any]:
    """Return the OpenAPI document of the application."""
    try:
        number = version("wasmiot")
    except PackageNotFoundError:
        number = "0"
    return open_api("wasmiot orchestrator", number, url, operations_of(app))


def operations_of(app: Flask) -> Iterator[Operation]:
    """Yield every operation that is not a page for people."""
    for rule in app.url_map.iter_rules():
        described = DESCRIBED.get(rule.endpoint)
        if described is None:
            continue
        summary = (app.view_functions[rule.endpoint].__doc__ or "").strip().partition("\n")[0]
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield Operation(rule.rule, method, rule.endpoint, summary, described)
