"""Events that functions stand behind."""

from flask import Blueprint, Response

from supervisor_app.routes.changes import change_response
from supervisor_app.routes.context import supervisor

blueprint = Blueprint("events", __name__, url_prefix="/deployments/<slug>/events")


@blueprint.get("/<name>")
def subscribe(slug: str, name: str) -> Response:
    """Tell of an event, as a stream or by long poll."""
    return change_response([supervisor().operation(slug, "events", name)])


@blueprint.get("")
def subscribe_all(slug: str) -> Response:
    """Tell of every event of the Thing."""
    operations = supervisor().installations.get(slug).operations.values()
    return change_response([o for o in operations if o.kind == "events"])
