"""`/manifests`: what users ask for, where it would go, and the order to bring it there."""

from flask import Blueprint, Response, request

from orchestrator_app.routes.representations import JSON, JSON_LD, TD, body, non_negative, represent
from orchestrator_app.services import services
from orchestrator_app.yaml_text import to_json
from wasmiot_td.problem import ProblemError

_JSON_TYPES = {"application/ld+json", "application/json", ""}
_YAML_TYPES = {"application/ld+yaml", "application/yaml", "text/yaml"}

blueprint = Blueprint("manifests", __name__)


@blueprint.get("/manifests")
def list_manifests() -> Response:
    """List the manifests."""
    offset = non_negative("offset", 0) or 0
    found = services().manifests.list(non_negative("limit"), offset)
    return represent([stored.document for stored in found], JSON_LD)


@blueprint.post("/manifests")
def submit_manifest() -> Response:
    """Take in a manifest whose modules and entrypoints are here; its name makes its URL.

    With `?dry-run=true` it is solved, and nothing is kept.
    """
    source = _source()
    if request.args.get("dry-run", "false") == "true":
        return represent(services().deployments.try_out(source), JSON_LD)
    slug, document, is_new = services().manifests.submit(source)
    headers = {"Location": f"{services().settings.base_url}manifests/{slug}"}
    return represent(document, JSON_LD, status=201 if is_new else 200, headers=headers)


@blueprint.get("/manifests/<slug>")
def read_manifest(slug: str) -> Response:
    """Give a manifest."""
    return represent(services().manifests.require(slug), JSON_LD)


@blueprint.delete("/manifests/<slug>")
def delete_manifest(slug: str) -> Response:
    """Remove a manifest that is not deployed."""
    services().manifests.delete(slug)
    return Response(status=204)


@blueprint.get("/manifests/<slug>/solution")
def read_solution(slug: str) -> Response:
    """Solve a manifest against the present graph; with `?device=IRI` explain one device."""
    if device := request.args.get("device"):
        return represent(services().manifests.explain(slug, device), JSON_LD)
    return represent(services().deployments.solve(slug), JSON_LD)


@blueprint.post("/manifests/<slug>/what-if")
def suppose(slug: str) -> Response:
    """Solve a manifest as if devices went, came, or were busy, and give the difference."""
    return represent(services().manifests.suppose(slug, body()), JSON)


@blueprint.post("/manifests/<slug>/deploy")
def deploy_manifest(slug: str) -> Response:
    """Bring a manifest onto the devices; give the deployment's Thing Description."""
    deployments = services().deployments
    deployed, is_new = deployments.deploy(slug)
    headers = {"Location": deployments.records.base(slug).rstrip("/")}
    document = deployments.records.thing(deployed)
    return represent(document, TD, status=201 if is_new else 200, headers=headers)


def _source() -> bytes:
    """Return the manifest that was sent, as JSON."""
    if request.mimetype in _YAML_TYPES:
        return to_json(body())
    if request.mimetype not in _JSON_TYPES:
        detail = "a manifest is application/ld+json or application/ld+yaml"
        raise ProblemError(415, "Unsupported Media Type", detail)
    return body()
