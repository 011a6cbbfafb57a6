"""`/ontologies`: what is known of classes and interfaces besides our own vocabulary."""

from flask import Blueprint, Response, request

from orchestrator_app.ontologies import Ontologies
from orchestrator_app.routes.representations import JSON, body, represent
from orchestrator_app.services import services
from wasmiot_td.problem import ProblemError

TURTLE = "text/turtle"

blueprint = Blueprint("ontologies", __name__)


@blueprint.get("/ontologies")
def list_ontologies() -> Response:
    """List the names of the ontologies."""
    return represent(Ontologies(services().store).names(), JSON)


@blueprint.get("/ontologies/<name>")
def read_ontology(name: str) -> Response:
    """Give an ontology."""
    return Response(Ontologies(services().store).require(name), content_type=TURTLE)


@blueprint.put("/ontologies/<name>")
def put_ontology(name: str) -> Response:
    """Take in an ontology; its classes count in every match from now on."""
    if request.mimetype != TURTLE:
        raise ProblemError(415, "Unsupported Media Type", f"an ontology is {TURTLE}")
    is_new = Ontologies(services().store).put(name, body())
    return Response(status=201 if is_new else 204)


@blueprint.delete("/ontologies/<name>")
def delete_ontology(name: str) -> Response:
    """Remove an ontology."""
    Ontologies(services().store).delete(name)
    return Response(status=204)
