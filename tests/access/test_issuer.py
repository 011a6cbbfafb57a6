"""Both servers with `--oauth-issuer`, over an issuer that is a server of its own."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask, jsonify
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from orchestrator_app.app import create_app as orchestrator_of
from orchestrator_app.settings import Settings as OrchestratorSettings
from supervisor_app.app import create_app as supervisor_of
from supervisor_app.settings import Settings as SupervisorSettings
from wasmiot_td.access import oauth

AUDIENCE = "fleet"
PLACE = "/things/urn:example:thing"
THING = {
    "@context": "https://www.w3.org/2022/wot/td/v1.1",
    "id": "urn:example:thing",
    "title": "X",
    "securityDefinitions": {"n": {"scheme": "nosec"}},
    "security": ["n"],
}


class Issuer:
    """An OAuth 2 issuer on a port of its own, whose keys can be replaced."""

    def __init__(self) -> None:
        self.keys = {"k1": Ed25519PrivateKey.generate()}
        self.is_silent = False
        app = Flask("issuer")
        app.add_url_rule("/.well-known/oauth-authorization-server", view_func=self.metadata)
        app.add_url_rule("/keys", view_func=self.key_set)
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def metadata(self) -> Any:
        """Say where the keys are, or that nothing can be said."""
        if self.is_silent:
            return "", 500
        return jsonify({"issuer": self.url, "jwks_uri": f"{self.url}/keys"})

    def key_set(self) -> Any:
        """Publish the keys."""
        algorithm = jwt.get_algorithm_by_name("EdDSA")
        known = {name: algorithm.to_jwk(key.public_key()) for name, key in self.keys.items()}
        return jsonify({"keys": [{**json.loads(k), "kid": n} for n, k in known.items()]})

    def claims(self, scope: str) -> dict[str, Any]:
        """Return what a token of this issuer says."""
        ends = int(time.time()) + 600
        return {"iss": self.url, "aud": AUDIENCE, "sub": "c", "exp": ends, "scope": scope}

    def shown(self, scope: str, key_id: str = "k1") -> dict[str, str]:
        """Return the header that shows a token."""
        token = jwt.encode(self.claims(scope), self.keys[key_id], "EdDSA", {"kid": key_id})
        return {"Authorization": f"Bearer {token}"}

    def stop(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    """Return an issuer, which servers may ask as often as they like."""
    monkeypatch.setattr(oauth, "RETRY_SECONDS", 0.0)
    found = Issuer()
    yield found
    found.stop()


@pytest.fixture
def orchestrator(issuer: Issuer, tmp_path: Path) -> Iterator[FlaskClient]:
    """Return a client of an orchestrator without tokens of its own."""
    named = {"oauth_issuer": issuer.url, "oauth_audience": AUDIENCE}
    app = orchestrator_of(OrchestratorSettings(data_dir=tmp_path / "o", **named))
    yield app.test_client()
    app.extensions["wasmiot"].close()


@pytest.fixture
def device(issuer: Issuer, tmp_path: Path) -> Iterator[FlaskClient]:
    """Return a client of a supervisor without tokens of its own."""
    named = {"oauth_issuer": issuer.url, "oauth_audience": AUDIENCE}
    app = supervisor_of(SupervisorSettings(data_dir=tmp_path / "d", **named))
    yield app.test_client()
    app.extensions["supervisor"].close()


def asked(client: FlaskClient, headers: dict[str, str]) -> int:
    """Return how a server answers who wants to know what there is."""
    path = "/things" if "wasmiot" in client.application.extensions else "/deployments"
    return client.get(path, headers=headers).status_code


@pytest.mark.parametrize("name", ["orchestrator", "device"])
def test_a_server_with_an_issuer_asks_everybody(name: str, request: Any) -> None:
    """Without a token of its own there is none by which strangers come in."""
    client = request.getfixturevalue(name)
    assert asked(client, {}) == 401
    assert client.get("/healthz").status_code == 200


def test_scopes_are_roles_on_an_orchestrator(orchestrator: FlaskClient, issuer: Issuer) -> None:
    """Who may read does not register, who may deploy does, and neither changes policies."""
    reader, deployer = issuer.shown("wasmiot:read"), issuer.shown("openid wasmiot:deploy")
    assert asked(orchestrator, reader) == 200
    assert orchestrator.put(PLACE, json=THING, headers=reader).status_code == 403
    assert orchestrator.get("/things", headers=reader).get_json() == []
    assert orchestrator.put(PLACE, json=THING, headers=deployer).status_code == 201
    assert orchestrator.delete("/policies/x", headers=deployer).status_code == 403
    chief = issuer.shown("wasmiot:administer")
    assert orchestrator.delete("/policies/x", headers=chief).status_code == 404
    assert asked(orchestrator, issuer.shown("openid")) == 403


def test_scopes_are_roles_on_a_device(device: FlaskClient, issuer: Issuer) -> None:
    """Who may read removes nothing; for who may deploy there is nothing to remove."""
    reader, deployer = issuer.shown("wasmiot:read"), issuer.shown("wasmiot:deploy")
    assert asked(device, reader) == 200
    assert device.delete("/deployments/x", headers=reader).status_code == 403
    assert device.delete("/deployments/x", headers=deployer).status_code == 404


@pytest.mark.parametrize("name", ["orchestrator", "device"])
def test_replaced_keys_are_found(name: str, request: Any, issuer: Issuer) -> None:
    """A key that is new is asked for when it is first used; the old one is none from then on."""
    client = request.getfixturevalue(name)
    assert asked(client, issuer.shown("wasmiot:read")) == 200
    late = issuer.shown("wasmiot:administer")
    issuer.keys = {"k2": Ed25519PrivateKey.generate()}
    assert asked(client, issuer.shown("wasmiot:read", "k2")) == 200
    assert asked(client, late) == 401


def test_a_token_is_not_taken_for_its_key_id_alone(orchestrator: Any, issuer: Issuer) -> None:
    """Another key under the name of a published one signs nothing."""
    assert asked(orchestrator, issuer.shown("wasmiot:read")) == 200
    published, issuer.keys = issuer.keys, {"k1": Ed25519PrivateKey.generate()}
    forged = issuer.shown("wasmiot:administer")
    issuer.keys = published
    assert asked(orchestrator, forged) == 401


@pytest.mark.parametrize("name", ["orchestrator", "device"])
def test_while_an_issuer_is_silent(name: str, request: Any, issuer: Issuer) -> None:
    """Nobody comes in whose token cannot be checked, and whoever asks may ask again: 503."""
    client = request.getfixturevalue(name)
    issuer.is_silent = True
    assert asked(client, issuer.shown("wasmiot:read")) == 503
    assert asked(client, {}) == 401
    issuer.is_silent = False
    assert asked(client, issuer.shown("wasmiot:read")) == 200


def test_known_keys_outlast_their_issuer(tmp_path: Path) -> None:
    """What was said before holds while nobody answers: tokens of known keys are checked."""
    issuer = Issuer()
    named = {"oauth_issuer": issuer.url, "oauth_audience": AUDIENCE}
    app = orchestrator_of(OrchestratorSettings(data_dir=tmp_path, **named))
    try:
        assert asked(app.test_client(), issuer.shown("wasmiot:read")) == 200
        issuer.stop()
        assert asked(app.test_client(), issuer.shown("wasmiot:deploy")) == 200
        issuer.keys["k2"] = Ed25519PrivateKey.generate()
        assert asked(app.test_client(), issuer.shown("wasmiot:deploy", "k2")) == 401
    finally:
        app.extensions["wasmiot"].close()


def part(content: bytes) -> str:
    """Return bytes as tokens have them."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@pytest.mark.parametrize("name", ["orchestrator", "device"])
def test_what_is_published_is_no_secret(name: str, request: Any, issuer: Issuer) -> None:
    """A token that is signed with the public key as if it were shared (HS256) is refused."""
    client, public = request.getfixturevalue(name), issuer.keys["k1"].public_key()
    secrets = (
        public.public_bytes(Encoding.Raw, PublicFormat.Raw),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        jwt.get_algorithm_by_name("EdDSA").to_jwk(public).encode(),
    )
    head = part(json.dumps({"alg": "HS256", "typ": "JWT", "kid": "k1"}).encode())
    body = part(json.dumps(issuer.claims("wasmiot:administer")).encode())
    for secret in secrets:
        seal = part(hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest())
        assert asked(client, {"Authorization": f"Bearer {head}.{body}.{seal}"}) == 401
    assert asked(client, issuer.shown("wasmiot:read")) == 200
