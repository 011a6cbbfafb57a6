"""`/cordons`: devices on which their operator wants no new work."""

from flask import Blueprint, Response

from orchestrator_app.cordons import Cordons
from orchestrator_app.routes.representations import JSON, represent
from orchestrator_app.services import services

blueprint = Blueprint("cordons", __name__)


@blueprint.get("/cordons")
def list_cordons() -> Response:
    """List the cordoned devices, each with the time since when it is."""
    return represent(Cordons(services().store).list(), JSON)


@blueprint.put("/cordons/<path:device>")
def cordon(device: str) -> Response:
    """Give a device no new work; what runs on it stays."""
    is_new = Cordons(services().store).put(device)
    return Response(status=201 if is_new else 204)


@blueprint.delete("/cordons/<path:device>")
def uncordon(device: str) -> Response:
    """Let a device take work again."""
    Cordons(services().store).delete(device)
    return Response(status=204)
