"""`/ontology`, `/contexts`, `/shapes`: the vocabulary that this orchestrator speaks.

Turtle, JSON-LD, N-Triples, or a page, as `Accept` says; `?as=` says it for whoever clicks.
"""

import re
from pathlib import Path

from flask import Blueprint, Response, request

from orchestrator_app.routes.representations import JSON_LD, preferred, represent
from orchestrator_app.ui.page import page
from wasmiot_td.contexts import CONTEXT_NAMES, ContextRegistry
from wasmiot_td.namespaces import WASMIOT
from wasmiot_td.problem import ProblemError
from wasmiot_td.resources import resource_directory
from wasmiot_td.vocabulary_reference import by_part, serialized, shapes, terms

TURTLE, N_TRIPLES, HTML = "text/turtle", "application/n-triples", "text/html"
_NAME = re.compile(r"[a-z0-9_]+")

blueprint = Blueprint("vocabulary", __name__, template_folder="../ui/templates")


@blueprint.get("/ontology")
def ontology() -> Response:
    """Give all terms with their labels and comments."""
    return _represent("ontology", "Terms")


@blueprint.get("/ontology/<name>")
def ontology_part(name: str) -> Response:
    """Give the terms of one part."""
    return _represent("ontology", f"Terms: {name}", name)


@blueprint.get("/shapes")
def all_shapes() -> Response:
    """Give all SHACL shapes."""
    return _represent("shapes", "Shapes")


@blueprint.get("/shapes/<name>")
def shapes_part(name: str) -> Response:
    """Give the SHACL shapes of one part."""
    return _represent("shapes", f"Shapes: {name}", name)


@blueprint.get("/contexts")
def contexts() -> Response:
    """List the contexts by name and IRI."""
    return represent(dict(CONTEXT_NAMES), "application/json")


@blueprint.get("/contexts/<name>")
def context(name: str) -> Response:
    """Give one JSON-LD context."""
    iri = CONTEXT_NAMES.get(name)
    if iri is None:
        known = ", ".join(CONTEXT_NAMES)
        raise ProblemError(404, "No such context", f"{name!r} is none of: {known}")
    return represent(ContextRegistry().document(iri), JSON_LD)


def _part(folder: str, name: str) -> Path:
    path = resource_directory(folder) / f"{name}.ttl"
    if not _NAME.fullmatch(name) or not path.is_file():
        known = ", ".join(sorted(p.stem for p in resource_directory(folder).glob("*.ttl")))
        raise ProblemError(404, "No such part", f"{name!r} is none of: {known}")
    return path


def _represent(folder: str, title: str, name: str = "") -> Response:
    paths = [_part(folder, name)] if name else sorted(resource_directory(folder).glob("*.ttl"))
    media_type = request.args.get("as") or preferred(TURTLE, HTML, JSON_LD, N_TRIPLES)
    if media_type == HTML:
        found = by_part(terms()) if folder == "ontology" else by_part(shapes())
        parts = [(part, entries) for part, entries in found if name in ("", part)]
        response = page(
            "ontology.html", title=title, kind=folder, parts=parts, namespace=str(WASMIOT)
        )
    else:
        response = Response(_text(paths, media_type), content_type=f"{media_type}; charset=utf-8")
    response.headers["Vary"] = "Accept"
    return response


def _text(paths: list[Path], media_type: str) -> str:
    if media_type == TURTLE:
        return "\n".join(path.read_text() for path in paths)
    if media_type in (JSON_LD, N_TRIPLES):
        return serialized(tuple(paths), media_type)
    raise ProblemError(
        406, "Not Acceptable", f"It comes as {TURTLE}, {JSON_LD}, {N_TRIPLES}, {HTML}."
    )
