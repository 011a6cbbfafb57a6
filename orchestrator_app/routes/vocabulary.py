"""`/ontology`, `/contexts`, `/shapes`: the vocabulary that this orchestrator speaks."""

import re
from pathlib import Path

from flask import Blueprint, Response

from orchestrator_app.routes.representations import JSON_LD, represent
from wasmiot_td.contexts import CONTEXT_NAMES, ContextRegistry
from wasmiot_td.problem import ProblemError
from wasmiot_td.resources import resource_directory

_NAME = re.compile(r"[a-z0-9_]+")

blueprint = Blueprint("vocabulary", __name__)


@blueprint.get("/ontology")
def ontology() -> Response:
    """Give all terms with their labels and comments."""
    return _turtle(sorted(resource_directory("ontology").glob("*.ttl")))


@blueprint.get("/ontology/<name>")
def ontology_part(name: str) -> Response:
    """Give the terms of one part."""
    return _turtle([_part("ontology", name)])


@blueprint.get("/shapes")
def shapes() -> Response:
    """Give all SHACL shapes."""
    return _turtle(sorted(resource_directory("shapes").glob("*.ttl")))


@blueprint.get("/shapes/<name>")
def shapes_part(name: str) -> Response:
    """Give the SHACL shapes of one part."""
    return _turtle([_part("shapes", name)])


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


def _turtle(paths: list[Path]) -> Response:
    text = "\n".join(path.read_text() for path in paths)
    return Response(text, content_type="text/turtle; charset=utf-8")
