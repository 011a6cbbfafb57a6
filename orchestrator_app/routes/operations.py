"""`/healthz`: whether this process can do its work."""

from flask import Blueprint, Response

from orchestrator_app.routes.representations import JSON, represent
from orchestrator_app.services import services

blueprint = Blueprint("operations", __name__)

KINDS = ("thing", "module", "manifest", "deployment")


@blueprint.get("/healthz")
def health() -> Response:
    """Say what the store holds; an error of the store is an error here."""
    counts = {kind: services().store.count(kind) for kind in KINDS}
    return represent({"status": "ok", "documents": counts}, JSON)
