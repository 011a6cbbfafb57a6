"""`/policies`: what an operator demands of every solution, as SHACL shapes."""

from flask import Blueprint, Response, request

from orchestrator_app.policies import Policies
from orchestrator_app.routes.representations import JSON, body, represent
from orchestrator_app.services import services
from wasmiot_td.problem import ProblemError

TURTLE = "text/turtle"

blueprint = Blueprint("policies", __name__)


@blueprint.get("/policies")
def list_policies() -> Response:
    """List the names of the policies."""
    return represent(Policies(services().store).names(), JSON)


@blueprint.get("/policies/<name>")
def read_policy(name: str) -> Response:
    """Give the shapes of a policy."""
    return Response(Policies(services().store).require(name), content_type=TURTLE)


@blueprint.put("/policies/<name>")
def put_policy(name: str) -> Response:
    """Take in a policy; it binds every solution from now on."""
    if request.mimetype != TURTLE:
        raise ProblemError(415, "Unsupported Media Type", f"a policy is {TURTLE}")
    is_new = Policies(services().store).put(name, body())
    return Response(status=201 if is_new else 204)


@blueprint.delete("/policies/<name>")
def delete_policy(name: str) -> Response:
    """Remove a policy."""
    Policies(services().store).delete(name)
    return Response(status=204)
