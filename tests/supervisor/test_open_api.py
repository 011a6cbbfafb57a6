"""`/openapi.json` of a device: all of its routes, and nothing else."""

from openapi_spec_validator import validate

from supervisor_app.app import create_app
from supervisor_app.http_api import DESCRIBED
from supervisor_app.settings import Settings


def test_the_document_is_valid_and_whole(tmp_path):
    """Every route is described, and the document is one of OpenAPI 3.1."""
    app = create_app(Settings(data_dir=tmp_path))
    try:
        endpoints = {r.endpoint for r in app.url_map.iter_rules()} - {"static"}
        assert endpoints == set(DESCRIBED)
        document = app.test_client().get("/openapi.json").json
        validate(document)
        assert "post" in document["paths"]["/deployments/{slug}/actions/{name}"]
    finally:
        app.extensions["supervisor"].close()
