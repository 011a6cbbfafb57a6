"""`/backup`: all that this orchestrator keeps, as one file."""

from flask import Blueprint, Response, request

from orchestrator_app.backup_archive import MEDIA_TYPE
from orchestrator_app.backups import take_snapshot
from orchestrator_app.services import services

blueprint = Blueprint("backup", __name__)


@blueprint.post("/backup")
def backup() -> Response:
    """Stream a copy of this moment as tar; writes go on meanwhile."""
    has_secrets = request.args.get("with-secrets") == "true"
    snapshot = take_snapshot(services(), with_secrets=has_secrets)
    response = Response(snapshot.pieces(), content_type=MEDIA_TYPE)
    response.call_on_close(snapshot.close)
    response.content_length = snapshot.byte_length
    response.headers["Cache-Control"] = "no-store"
    return response
