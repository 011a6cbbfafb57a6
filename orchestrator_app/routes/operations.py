"""`/healthz` and `/metrics`: whether this process can do its work, and how much it does."""

from flask import Blueprint, Response, current_app

from orchestrator_app.measures import KINDS, not_ready
from orchestrator_app.routes.representations import JSON, represent
from orchestrator_app.services import services
from wasmiot_td.metrics import MEDIA_TYPE
from wasmiot_td.problem import ProblemError

blueprint = Blueprint("operations", __name__)


@blueprint.get("/healthz")
def health() -> Response:
    """Say what the store holds; 503 if this orchestrator is not ready."""
    _require_ready()
    counts = {kind: services().store.count(kind) for kind in KINDS}
    return represent({"status": "ok", "documents": counts}, JSON)


@blueprint.get("/healthz/live")
def live() -> Response:
    """Say that requests are answered."""
    return represent({"status": "ok"}, JSON)


@blueprint.get("/healthz/ready")
def ready() -> Response:
    """Say that work can be done: store open, disk writable, not stopping; else 503."""
    _require_ready()
    return represent({"status": "ok"}, JSON)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Give the numbers an operator asks for (Prometheus text format 0.0.4)."""
    return Response(current_app.extensions["measures"].text(), content_type=MEDIA_TYPE)


def _require_ready() -> None:
    missing = not_ready(services())
    if missing:
        detail = "; ".join(f"{part}: {reason}" for part, reason in missing.items())
        raise ProblemError(503, "Not ready", detail, parts=missing)
