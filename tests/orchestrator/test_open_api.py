"""`/openapi.json` says what the routes do: all of them, and nothing else."""

import pytest
from openapi_spec_validator import validate

from orchestrator_app.http_api import DESCRIBED

FOR_PEOPLE = ("ui.", "ui_", "static")


@pytest.fixture
def document(client):
    """Return the document of an orchestrator."""
    return client.get("/openapi.json").json


def test_the_document_is_valid(document):
    """By the schema of OpenAPI 3.1."""
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_every_route_is_described(app):
    """But for the pages."""
    routes = {r.endpoint for r in app.url_map.iter_rules()}
    assert {r for r in routes if not r.startswith(FOR_PEOPLE)} == set(DESCRIBED)


def test_every_operation_says_what_it_does(document):
    """In a sentence."""
    silent = [
        (path, method)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if not operation["summary"].endswith(".")
    ]
    assert silent == []


def test_what_is_got_without_arguments_is_what_is_said(client, document):
    """Status and media type of every GET that needs nothing; streams do not end, and are left."""
    wrong = []
    for path, methods in document["paths"].items():
        get = methods.get("get", {})
        needed = [p for p in get.get("parameters", ()) if p["required"]]
        content = get.get("responses", {}).get("200", {}).get("content", {})
        if not get or needed or "text/event-stream" in content:
            continue
        response = client.get(path)
        status = str(response.status_code)
        said = get["responses"].get(status, {}).get("content", {})
        if status not in get["responses"] or (said and response.mimetype not in said):
            wrong.append((path, status, response.mimetype))
    assert wrong == []


def test_the_schemas_are_those_of_the_models(document):
    """A manifest in the document is the manifest that is checked."""
    manifest = document["components"]["schemas"]["Manifest"]
    assert "sequence" in manifest["properties"]
    assert manifest["additionalProperties"] is False
