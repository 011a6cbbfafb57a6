"""A directory whose operator has given out tokens."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from orchestrator_app.app import create_app
from orchestrator_app.settings import Settings
from wasmiot_td.access.login import COOKIE
from wasmiot_td.access.tokens import make_token

LAMP = "/things/urn:ex:lamp"


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[FlaskClient, dict[str, dict[str, str]]]]:
    """A client of a guarded directory, and a header for each role."""
    app = create_app(Settings(data_dir=tmp_path))
    headers = {
        role: {"Authorization": f"Bearer {make_token(tmp_path / 'access', role, role)[0]}"}
        for role in ("read", "deploy")
    }
    yield app.test_client(), headers
    app.extensions["wasmiot"].close()


def test_a_stranger_is_told_how_to_be_let_in(guarded):
    """At the well-known place the answer is that of the bearer scheme; a token opens it."""
    client, headers = guarded
    refused = client.get("/.well-known/wot")
    assert (refused.status_code, refused.mimetype) == (401, "application/problem+json")
    assert refused.headers["WWW-Authenticate"].startswith("Bearer ")
    found = client.get("/.well-known/wot", headers=headers["read"])
    schemes = {each["scheme"] for each in found.json["securityDefinitions"].values()}
    assert (found.status_code, schemes) == (200, {"bearer"})


def test_a_reader_lists_and_changes_nothing(guarded, thing):
    """Reading is open to it; to create, update and delete is refused, one by one and in bulk."""
    client, headers = guarded
    lamp = thing(id="urn:ex:lamp")
    assert client.put(LAMP, json=lamp, headers=headers["deploy"]).status_code == 201
    reader = {"headers": headers["read"]}
    patch = {"content_type": "application/merge-patch+json", "data": '{"title": "x"}'}
    refused = [
        client.post("/things", json=thing(), **reader),
        client.put(LAMP, json={**lamp, "title": "x"}, **reader),
        client.patch(LAMP, **patch, **reader),
        client.delete(LAMP, **reader),
        client.post("/bulk/things", json=[thing()], **reader),
    ]
    assert {(answer.status_code, answer.mimetype) for answer in refused} == {
        (403, "application/problem+json")
    }
    assert [each["title"] for each in client.get("/things", **reader).json] == [lamp["title"]]


def test_a_page_of_another_site_learns_that_it_is_a_stranger(guarded):
    """It can read the refusal, may not send a token, and gets nothing by a cookie of the user."""
    client, headers = guarded
    token = headers["read"]["Authorization"].removeprefix("Bearer ")
    asked = {"query_string": {"query": "ASK {}"}, "headers": {"Origin": "http://yasgui.example"}}
    refused = client.get("/sparql", **asked)
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, "*")
    preflight = client.options(
        "/sparql", headers={"Access-Control-Request-Headers": "authorization"}
    )
    assert "authorization" not in preflight.headers["Access-Control-Allow-Headers"].lower()
    client.set_cookie(COOKIE, token)
    told = client.get("/sparql", **asked)
    assert told.status_code == 200
    assert told.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in told.headers
