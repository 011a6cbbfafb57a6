"""`/`: one page for people, drawn on the server."""

from flask import Blueprint, render_template

from orchestrator_app.services import services

PAGE_LENGTH = 100

blueprint = Blueprint("ui", __name__, template_folder="../ui/templates")


@blueprint.get("/")
def overview() -> str:
    """Show Things, modules, manifests and deployments, with links to their documents."""
    store, kinds = services().store, ("thing", "module", "manifest", "deployment")
    return render_template(
        "overview.html",
        description=services().description,
        documents={kind: store.list(kind, limit=PAGE_LENGTH) for kind in kinds},
        counts={kind: store.count(kind) for kind in kinds},
    )
