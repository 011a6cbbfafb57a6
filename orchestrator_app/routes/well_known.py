"""`/.well-known/wot`: what this orchestrator is (W3C WoT Discovery, clause 6.2)."""

from flask import Blueprint, Response

from orchestrator_app.access import guard
from orchestrator_app.routes.representations import TD, represent
from orchestrator_app.services import services
from wasmiot_td.access.declared import with_security

blueprint = Blueprint("well_known", __name__)


@blueprint.get("/.well-known/wot")
def well_known() -> Response:
    """Give the orchestrator's own Thing Description."""
    return represent(with_security(services().description, guard()), TD)
