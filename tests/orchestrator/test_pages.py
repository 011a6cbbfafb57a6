"""The pages beside the documents, and that the README knows them all."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from rdflib import Graph
from rdflib.compare import isomorphic

import orchestrator_app
from orchestrator_app.app import create_app
from orchestrator_app.cli import settings_of
from orchestrator_app.settings import Settings
from wasmiot_td.thing_description import load
from wasmiot_td.vocabulary_reference import terms

PACKAGE = Path(orchestrator_app.__file__).parent
README = (PACKAGE / "README.md").read_text()
UI_README = (PACKAGE / "ui" / "README.md").read_text()


def test_every_setting_is_documented():
    """The README names each."""
    missing = [f.name for f in fields(Settings) if f"`{f.name}`" not in README]
    assert missing == []


def test_every_route_is_documented(app):
    """The README names the beginning of each path."""
    paths = {re.split(r"<", rule.rule)[0] for rule in app.url_map.iter_rules()}
    known = README + UI_README
    missing = [p for p in sorted(paths) if p.rstrip("/") not in known and "static" not in p]
    assert missing == []


def test_the_command_line_makes_settings():
    """Options become settings, and what is not given has its default."""
    settings = settings_of(["--port", "0", "--no-discover", "--data-dir", "d"])
    assert (settings.port, settings.discover, settings.data_dir) == (0, False, Path("d").resolve())
    assert settings.threads == Settings().threads


def test_the_own_description_is_valid(client):
    """It loads without a violation."""
    document = client.get("/.well-known/wot").json
    assert load(document).id == document["id"]


def test_the_own_description_passes_the_official_schema(client, corpus):
    """It is a Thing Description by the schema of the W3C."""
    schema = json.loads((corpus / "official" / "td-json-schema-validation.json").read_text())
    document = client.get("/.well-known/wot").json
    assert list(Draft7Validator(schema).iter_errors(document)) == []


def test_the_own_id_survives_a_restart(tmp_path):
    """It is made once and kept."""
    ids = set()
    for _ in range(2):
        app = create_app(Settings(data_dir=tmp_path))
        ids.add(app.test_client().get("/.well-known/wot").json["id"])
        app.extensions["wasmiot"].close()
    assert len(ids) == 1


def test_the_page_for_people_lists_what_is_there(client, thing):
    """Things are shown with links to their documents, and titles are escaped."""
    client.put("/things/urn:ex:a", json=thing("<b>lamp</b>", id="urn:ex:a"))
    page = client.get("/").text
    assert 'href="/ui/thing?id=urn:ex:a"' in page
    assert "&lt;b&gt;lamp&lt;/b&gt;" in page


def test_health_counts_documents(client, thing):
    """The counts come from the store."""
    client.post("/things", json=thing())
    assert client.get("/healthz").json["documents"]["thing"] == 1


@pytest.mark.parametrize("path", ["/ontology", "/shapes", "/ontology/module", "/shapes/thing"])
def test_the_vocabulary_is_served_as_turtle(client, path):
    """All of it, or one part."""
    response = client.get(path)
    assert (response.status_code, response.mimetype) == (200, "text/turtle")


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph:DeprecationWarning")  # rdflib's own
@pytest.mark.parametrize("path", ["/ontology", "/shapes"])
def test_the_vocabulary_comes_as_it_is_asked_for(client, path):
    """Every form holds the same graph; a person gets a page."""
    turtle = Graph().parse(data=client.get(path).text, format="turtle")
    for media_type in ("application/ld+json", "application/n-triples"):
        response = client.get(path, headers={"Accept": media_type})
        assert response.mimetype == media_type
        found = Graph().parse(data=response.text, format=media_type)
        assert isomorphic(found, turtle)
    page = client.get(path, headers={"Accept": "text/html"})
    assert page.mimetype == "text/html"


def test_every_term_has_its_place_on_the_page(client):
    """With its comment, at the fragment of its IRI."""
    page = client.get("/ontology", headers={"Accept": "text/html"}).text
    missing = [t.name for t in terms() if f'<h3 id="{t.name}"' not in page]
    assert missing == []
    assert "The exported function of a WebAssembly module" in page


def test_what_the_vocabulary_does_not_come_as_is_said(client):
    """406, with the forms that there are."""
    response = client.get("/ontology?as=image/png")
    assert (response.status_code, response.mimetype) == (406, "application/problem+json")


def test_contexts_are_served(client):
    """Each name in the list has its document."""
    names = client.get("/contexts").json
    assert "wasmiot" in names
    assert all("@context" in client.get(f"/contexts/{name}").json for name in names)


@pytest.mark.parametrize("path", ["/contexts/x", "/shapes/x", "/ontology/..%2F..%2Fx", "/x"])
def test_what_is_not_there_is_a_problem(client, path):
    """Unknown names are a 404 with problem details."""
    response = client.get(path)
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")
