"""No document, query or patch that is sent to an application ends in a fault of the server."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from asking import ask
from bounds import fuzzed
from flask.testing import FlaskClient
from fuzzed_documents import (
    INSTALLATION,
    MANIFESTS,
    MODEL,
    SENSOR,
    SOURCE_FORMAT,
    TEXTS,
    VALUES,
    mutated,
)
from hypothesis import given, note
from hypothesis import strategies as st

from orchestrator_app.app import create_app
from orchestrator_app.settings import Settings
from supervisor_app.app import create_app as create_device
from supervisor_app.settings import Settings as DeviceSettings

# pyld warns of terms that look like keywords.
pytestmark = pytest.mark.filterwarnings("ignore::SyntaxWarning")
EXAMPLES = Path(__file__).parents[2] / "examples"
QUERIES = (
    "SELECT * { ?s ?p ?o } LIMIT 3",
    "PREFIX td: <https://www.w3.org/2019/wot/td#> ASK { ?s td:title 'sensor' FILTER(?s != 1) }",
    "CONSTRUCT { ?s ?p ?o } WHERE { GRAPH ?g { ?s ?p ?o OPTIONAL { ?o ?q ?r } } }",
    "SELECT (COUNT(?s) AS ?n) { { ?s a ?c } UNION { VALUES ?c { 'x'@en 1.5e3 } } } GROUP BY ?c",
    "DESCRIBE <urn:example:sensor>",
)
PATHS = (
    "$..title",
    "$[?@.properties.t.minimum < -1]",
    "$[0,1:3:-1]['title']",
    "$[?match(@.id, 'u.*')]",
)
_TOKENS = r"""
    { } ( ) [ ] < > ? $ * . , ; : ' " \ | ^ + / # @ ! = && || ?x <urn:a> 'a' 1e999 ^^<x> _:b @ _ []
    SELECT FROM SERVICE LOAD BIND(1/0) FILTER regex(?s,'(a+)+$') [?@] $..* == length(@) ?(@.a) [::0]
    99999999999999999999
"""
TOKENS = st.sampled_from([*_TOKENS.split(), "\0", "\u2028"])
TURTLE = (EXAMPLES.parent / "shapes" / "module.ttl").read_text()[:1500]
ACCEPTED = st.sampled_from(
    [
        "",
        "*/*",
        "text/csv",
        "application/sparql-results+json",
        "x",
        "a/b;q=x",
        ";",
        "text/turtle;q=0",
    ]
)


@pytest.fixture(scope="module")
def orchestrator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """An orchestrator that knows one Thing and one module."""
    app = create_app(Settings(data_dir=tmp_path_factory.mktemp("orchestrator")))
    client = app.test_client()
    assert client.post("/things", json=SENSOR).status_code in (201, 400)
    assert client.put("/things/urn:example:sensor", json=SENSOR).status_code in (201, 204)
    yield client
    app.extensions["wasmiot"].close()


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """A device."""
    app = create_device(
        DeviceSettings(tmp_path_factory.mktemp("device"), device_id="urn:ex:device")
    )
    yield app.test_client()
    app.extensions["supervisor"].close()


def noted(document: Any) -> bytes:
    """Return the text of a document, which is shown if something is wrong."""
    note(json.dumps(document))
    return json.dumps(document).encode()


@fuzzed(60)
@given(document=mutated((SENSOR,)))
def test_things(orchestrator: FlaskClient, document: Any) -> None:
    """A Thing with slips is put and read back, or refused; the directory can still be listed."""
    ask(orchestrator, "PUT", "/things/urn:example:sensor", data=noted(document))
    ask(orchestrator, "GET", "/things/urn:example:sensor")
    assert ask(orchestrator, "GET", "/things").status_code == 200


@fuzzed(60)
@given(patch=st.dictionaries(st.sampled_from([*SENSOR, "registration", "x"]), VALUES, max_size=2))
def test_merge_patches(orchestrator: FlaskClient, patch: Any) -> None:
    """Any patch of a Thing."""
    ask(
        orchestrator,
        "PUT",
        "/things/urn:example:patched",
        json={**SENSOR, "id": "urn:example:patched"},
    )
    content_type = "application/merge-patch+json"
    path = "/things/urn:example:patched"
    ask(orchestrator, "PATCH", path, data=noted(patch), content_type=content_type)
    ask(orchestrator, "GET", path)


@fuzzed(40)
@given(document=mutated(MANIFESTS), is_yaml=st.booleans())
def test_manifests(orchestrator: FlaskClient, document: Any, is_yaml: bool) -> None:
    """A manifest with slips, as JSON-LD and as YAML."""
    body = yaml.safe_dump(document).encode() if is_yaml else noted(document)
    content_type = "application/ld+yaml" if is_yaml else "application/ld+json"
    ask(orchestrator, "POST", "/manifests", data=body, content_type=content_type)
    assert ask(orchestrator, "GET", "/manifests").status_code == 200


@fuzzed(60)
@given(
    text=st.lists(
        TEXTS
        | TOKENS
        | st.sampled_from(["\n", "  ", "- ", "&a ", "*a", "<<: *a", "!!x ", "? ", "|"]),
        max_size=12,
    )
)
def test_yaml(orchestrator: FlaskClient, text: list[str]) -> None:
    """YAML of any kind."""
    body = "".join(text).encode()
    ask(orchestrator, "POST", "/manifests", data=body, content_type="application/ld+yaml")


@fuzzed(40)
@given(document=mutated((MODEL,)))
def test_modules(orchestrator: FlaskClient, document: Any) -> None:
    """A description with slips comes with the binary that it describes."""
    binary = (EXAMPLES / "thermostat" / "thermostat.wasm").read_bytes()
    if isinstance(document, dict):
        document.pop("wasmiot:digest", None)
    description = (io.BytesIO(noted(document)), "x.tm.json", "application/tm+json")
    form = {
        "binary": (io.BytesIO(binary), "x.wasm", "application/wasm"),
        "description": description,
    }
    ask(orchestrator, "POST", "/modules", data=form, content_type="multipart/form-data")
    assert ask(orchestrator, "GET", "/modules").status_code == 200


def spliced(draw: st.DrawFn, texts: tuple[str, ...]) -> str:
    """Return one of some texts with tokens put in, taken out and replaced."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(TOKENS) + text[start + draw(st.integers(0, 6)) :]
    return text


@fuzzed(60)
@given(query=st.composite(spliced)(QUERIES), accept=ACCEPTED, is_posted=st.booleans())
def test_queries(orchestrator: FlaskClient, query: str, accept: str, is_posted: bool) -> None:
    """SPARQL by GET and by POST, for whatever the client accepts."""
    note(query)
    headers = {"Accept": accept} if accept else {}
    if is_posted:
        request = {
            "data": query.encode("utf-8", "replace"),
            "content_type": "application/sparql-query",
        }
        ask(orchestrator, "POST", "/sparql", headers=headers, **request)
    else:
        ask(orchestrator, "GET", "/sparql", headers=headers, query_string={"query": query})


@fuzzed(80)
@given(path=st.composite(spliced)(PATHS))
def test_paths(orchestrator: FlaskClient, path: str) -> None:
    """JSONPath."""
    note(path)
    ask(orchestrator, "GET", "/search/jsonpath", query_string={"query": path})


@fuzzed(40)
@given(text=st.composite(spliced)((TURTLE,)), kind=st.sampled_from(["policies", "ontologies"]))
def test_turtle(orchestrator: FlaskClient, text: str, kind: str) -> None:
    """Policies and ontologies; what was taken does not keep manifests from being solved."""
    ask(orchestrator, "PUT", f"/{kind}/x", data=text.encode(), content_type="text/turtle")
    manifest = {"data": json.dumps(MANIFESTS[1]), "content_type": "application/ld+json"}
    ask(orchestrator, "POST", "/manifests?dry-run=true", **manifest)
    ask(orchestrator, "DELETE", f"/{kind}/x")


@fuzzed(80)
@given(document=mutated((INSTALLATION, SOURCE_FORMAT)))
def test_installations(device: FlaskClient, document: Any) -> None:
    """A share of a deployment with slips."""
    ask(device, "PUT", "/deployments/x", data=noted(document))
    assert ask(device, "GET", "/.well-known/wot").status_code == 200
    ask(device, "DELETE", "/deployments/x")
