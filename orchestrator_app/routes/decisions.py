"""`/decisions`: what was decided about deployments, and why."""

from flask import Blueprint, Response, request

from orchestrator_app.routes.representations import JSON_LD, non_negative, represent
from orchestrator_app.services import services

PAGE_LENGTH = 100

blueprint = Blueprint("decisions", __name__)


@blueprint.get("/decisions")
def list_decisions() -> Response:
    """List decisions, the newest first; those about one deployment where `deployment` names it."""
    limit = non_negative("limit", PAGE_LENGTH) or 0
    slug = request.args.get("deployment", "")
    return represent(services().deployments.decisions.list(slug, limit), JSON_LD)
