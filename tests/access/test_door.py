"""A guarded server: who is refused, who passes, and what is said to them."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask, jsonify, request

from orchestrator_app.app import create_app as orchestrator_of
from orchestrator_app.settings import Settings as OrchestratorSettings
from supervisor_app.app import create_app as supervisor_of
from supervisor_app.settings import Settings as SupervisorSettings
from wasmiot_td.access.authorization import AuthorizedTransport
from wasmiot_td.access.credentials import Credentials, read_credentials
from wasmiot_td.access.declared import declared_security
from wasmiot_td.access.guard import Guard
from wasmiot_td.access.oauth import Issuer
from wasmiot_td.access.roles import Role
from wasmiot_td.access.secret_files import SecretFileError
from wasmiot_td.access.tokens import make_token, revoke_token
from wasmiot_td.errors import ThingProblem
from wasmiot_td.problem import ProblemError
from wasmiot_td.thing_description import load
from wasmiot_td.wsgi_transport import WsgiTransport

DEVICE = "http://device.test/"
PLACE = "/things/urn:example:thing"
THING = {"@context": "https://www.w3.org/2022/wot/td/v1.1", "id": "urn:example:thing", "title": "X"}
THING |= {"securityDefinitions": {"n": {"scheme": "nosec"}}, "security": ["n"]}


@pytest.fixture
def orchestrator(tmp_path: Path) -> Iterator[Flask]:
    """Return an orchestrator that keeps its data in `tmp_path`."""
    app = orchestrator_of(OrchestratorSettings(data_dir=tmp_path))
    yield app
    app.extensions["wasmiot"].close()


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Flask]:
    """Return a supervisor that keeps its data in `tmp_path`."""
    app = supervisor_of(SupervisorSettings(data_dir=tmp_path, public_url=DEVICE))
    yield app
    app.extensions["supervisor"].close()


def shown(token: str) -> dict[str, str]:
    """Return the header that shows a token."""
    return {"Authorization": f"Bearer {token}"}


def made(tmp_path: Path, role: str, **options: Any) -> str:
    """Return a new token."""
    return make_token(tmp_path / "access", f"a {role}", role, **options)[0]


def test_without_tokens_nobody_is_asked(orchestrator: Flask) -> None:
    """A server without tokens answers as it always did."""
    assert orchestrator.test_client().get("/things").status_code == 200


def test_first_token_closes_the_door_while_running(orchestrator: Flask, tmp_path: Path) -> None:
    """As soon as there is a token, who has none gets 401 and is told how to ask."""
    client = orchestrator.test_client()
    token = made(tmp_path, "read")
    refused = client.get("/things")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="wasmiot"'
    assert refused.mimetype == "application/problem+json"
    assert client.get("/things", headers=shown(token)).status_code == 200


def test_own_first_token_counts_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the moment is waited for, within which an open server looks but once."""
    monkeypatch.setattr("wasmiot_td.access.guard.time.monotonic", lambda: 1.0)
    guard = Guard(tmp_path / "access")
    assert guard.is_open
    made(tmp_path, "read")
    assert not guard.is_open


def test_first_token_of_another_process_counts_a_moment_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An open server looks at its directory once in a millisecond, and a guarded one always."""
    clock, source = [1.0], tmp_path / "source"
    monkeypatch.setattr("wasmiot_td.access.guard.time.monotonic", lambda: clock[0])
    made(source, "read")
    guard = Guard(tmp_path / "access")
    assert guard.is_open
    (source / "access").rename(tmp_path / "access")
    assert guard.is_open
    clock[0] += 0.0011
    assert not guard.is_open
    (tmp_path / "access").rename(source / "access")
    assert not guard.known.tokens


def test_a_role_too_small_is_named(orchestrator: Flask, tmp_path: Path) -> None:
    """403 says which role is needed, and nothing is stored."""
    client, reader = orchestrator.test_client(), shown(made(tmp_path, "read"))
    refused = client.put(PLACE, json=THING, headers=reader)
    assert refused.status_code == 403
    assert refused.get_json()["needed"] == "deploy"
    assert "insufficient_scope" in refused.headers["WWW-Authenticate"]
    assert client.get("/things", headers=reader).get_json() == []


@pytest.mark.parametrize(("role", "status"), [("deploy", 403), ("administer", 404)])
def test_administering_includes_deploying_not_the_reverse(
    orchestrator: Flask, tmp_path: Path, role: str, status: int
) -> None:
    """Policies bind everybody's deployments, so those who deploy do not remove them."""
    client, header = orchestrator.test_client(), shown(made(tmp_path, role))
    assert client.delete("/policies/none", headers=header).status_code == status
    assert client.put(PLACE, json=THING, headers=header).status_code == 201


def test_a_revoked_token_ends_at_once(orchestrator: Flask, tmp_path: Path) -> None:
    """Revocation needs no restart, and leaves the server guarded."""
    client, header = orchestrator.test_client(), shown(made(tmp_path, "read"))
    assert client.get("/things", headers=header).status_code == 200
    assert len(revoke_token(tmp_path / "access", "a read")) == 1
    refused = client.get("/things", headers=header)
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    assert client.get("/things").status_code == 401


def test_a_token_whose_time_is_over_is_none(orchestrator: Flask, tmp_path: Path) -> None:
    """An expiry is heeded."""
    token = made(tmp_path, "administer", lifetime=timedelta(seconds=-1))
    assert orchestrator.test_client().get("/things", headers=shown(token)).status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        "Basic YTpi",
        "Bearer",
        "Bearer wasmiot_000000000000_x",
        "Bearer a.b.c",
        f"Bearer {9000 * 'x'}",
    ],
)
def test_what_is_no_token_is_refused(orchestrator: Flask, tmp_path: Path, header: str) -> None:
    """Whatever is shown, the answer is 401 and not an error of the server."""
    made(tmp_path, "read")
    answer = orchestrator.test_client().get("/things", headers={"Authorization": header})
    assert answer.status_code == 401


def test_broken_file_lets_nobody_in(orchestrator: Flask, tmp_path: Path) -> None:
    """A file of tokens that cannot be read does not open the server."""
    token = made(tmp_path, "read")
    (tmp_path / "access/tokens.json").unlink()
    (tmp_path / "access/tokens.json").write_text("{")
    assert orchestrator.test_client().get("/things", headers=shown(token)).status_code == 401


def test_only_the_hash_is_kept_where_others_cannot_read(tmp_path: Path) -> None:
    """The token itself is in no file, and the file is its owner's."""
    token, file = made(tmp_path, "read"), tmp_path / "access/tokens.json"
    assert token not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_health_is_for_everybody(orchestrator: Flask, tmp_path: Path) -> None:
    """What watches a server needs no token, and an unknown route tells strangers nothing."""
    made(tmp_path, "read")
    client = orchestrator.test_client()
    assert client.get("/healthz").status_code == 200
    assert client.get("/no-such-route").status_code == 401


def test_pages_take_the_token_from_a_cookie(orchestrator: Flask, tmp_path: Path) -> None:
    """A browser's cookie opens pages; to change something the page must be of this server."""
    client = orchestrator.test_client()
    client.set_cookie("wasmiot_token", made(tmp_path, "deploy"))
    assert client.get("/things").status_code == 200
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert client.put(PLACE, json=THING, headers=foreign).status_code == 401
    own = {"Sec-Fetch-Site": "same-origin"}
    assert client.put(PLACE, json=THING, headers=own).status_code == 201


def test_a_browser_is_given_a_form_and_keeps_the_token(orchestrator: Flask, tmp_path: Path) -> None:
    """Who asks for a page without a token gets a form; its token then opens the pages."""
    token, client = made(tmp_path, "read"), orchestrator.test_client()
    asked = client.get("/", headers={"Accept": "text/html"})
    assert (asked.status_code, asked.mimetype) == (401, "text/html")
    assert client.post("/login", data={"token": "wrong"}).status_code == 401
    assert client.post("/login", data={"token": f"{token}; Path=/x"}).status_code == 401
    entered = client.post("/login", data={"token": token})
    assert entered.status_code == 303
    assert "HttpOnly; SameSite=Strict" in entered.headers["Set-Cookie"]
    assert client.get("/things").status_code == 200


def test_a_device_is_guarded_too(device: Flask, tmp_path: Path) -> None:
    """The short way of invocations inside a supervisor does not lead round the door."""
    reader, client = shown(made(tmp_path, "read")), device.test_client()
    assert client.post("/deployments/x/actions/y").status_code == 401
    assert client.post("/deployments/x/actions/y", headers=reader).status_code == 403
    assert client.put("/deployments/x", json={}, headers=reader).status_code == 403
    assert client.get("/deployments", headers=reader).get_json() == []


def test_descriptions_say_what_is_asked_for(
    orchestrator: Flask, device: Flask, tmp_path: Path
) -> None:
    """The schemes in the TDs are those of now, and the TDs are valid."""
    for app in (orchestrator, device):
        assert scheme_of(app) == "nosec"
    header = shown(made(tmp_path, "read"))
    for app in (orchestrator, device):
        assert scheme_of(app, header) == "bearer"


def scheme_of(app: Flask, headers: dict[str, str] | None = None) -> str:
    """Return the one scheme of a server's own description, which is checked."""
    thing = load(app.test_client().get("/.well-known/wot", headers=headers).data).document
    return str(thing["securityDefinitions"][thing["security"][0]]["scheme"])


def test_own_description_can_be_public(tmp_path: Path) -> None:
    """Where the operator wants it, a stranger reads what the device is and no more."""
    made(tmp_path, "read")
    settings = SupervisorSettings(data_dir=tmp_path, public_url=DEVICE, has_public_td=True)
    app = supervisor_of(settings)
    try:
        assert app.test_client().get("/.well-known/wot").status_code == 200
        assert app.test_client().get("/deployments").status_code == 401
    finally:
        app.extensions["supervisor"].close()


def test_credentials_go_to_their_origin_alone(device: Flask, tmp_path: Path) -> None:
    """A transport shows what a file says to the origin that it is for."""
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps({DEVICE: {"bearer": made(tmp_path, "read")}}))
    credentials = Credentials()
    with pytest.raises(SecretFileError, match="chmod 600"):
        read_credentials(file, credentials, WsgiTransport({}))
    file.chmod(0o600)
    read_credentials(file, credentials, WsgiTransport({}))
    assert credentials.token("http://device.test.evil.test/") == ""
    transport = AuthorizedTransport(WsgiTransport(device.wsgi_app), credentials)
    assert transport.request("GET", f"{DEVICE}deployments").json() == []
    assert transport.request("GET", "http://other.test/deployments").status == 401


def test_a_credential_that_is_no_token_is_refused_unseen(tmp_path: Path) -> None:
    """A line break in it would be told of as a server that does not answer, with the token."""
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps({DEVICE: {"bearer": "bad\ntoken"}}))
    file.chmod(0o600)
    with pytest.raises(SecretFileError, match="its token is none") as refused:
        read_credentials(file, Credentials(), WsgiTransport({}))
    assert "bad" not in str(refused.value)


ISSUER = "http://issuer.test"


class SmallIssuer:
    """An OAuth 2 issuer: metadata, keys, and tokens for one client."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.tokens_given = 0
        self.app = Flask("issuer")
        self.app.add_url_rule("/.well-known/oauth-authorization-server", view_func=self.metadata)
        self.app.add_url_rule("/keys", view_func=self.keys)
        self.app.add_url_rule("/token", view_func=self.token, methods=["POST"])
        self.transport = WsgiTransport({f"{ISSUER}/": self.app.wsgi_app})

    def metadata(self) -> Any:
        """Say where the rest is."""
        urls = {"jwks_uri": f"{ISSUER}/keys", "token_endpoint": f"{ISSUER}/token"}
        return jsonify({"issuer": ISSUER, **urls})

    def keys(self) -> Any:
        """Publish the key."""
        algorithm = jwt.get_algorithm_by_name("EdDSA")
        public = json.loads(algorithm.to_jwk(self.key.public_key()))
        return jsonify({"keys": [{**public, "kid": "k1", "alg": "EdDSA", "use": "sig"}]})

    def token(self) -> Any:
        """Give the client a token with the scope that it asks for."""
        if (request.authorization or {}).get("password") != "secret":
            return jsonify({"error": "invalid_client"}), 401
        self.tokens_given += 1
        return jsonify({"access_token": self.signed(scope=request.form["scope"]), "expires_in": 90})

    def signed(self, **claims: Any) -> str:
        """Return a token."""
        base = {"iss": ISSUER, "aud": "fleet", "sub": "c", "exp": int(time.time()) + 90}
        return jwt.encode({**base, **claims}, self.key, algorithm="EdDSA", headers={"kid": "k1"})


@pytest.fixture
def issuer() -> SmallIssuer:
    """Return an issuer."""
    return SmallIssuer()


@pytest.fixture
def guard(issuer: SmallIssuer) -> Guard:
    """Return a guard that trusts the issuer."""
    return Guard(issuer=Issuer(ISSUER, "fleet", issuer.transport))


def test_client_credentials_give_role(issuer: SmallIssuer, guard: Guard, tmp_path: Path) -> None:
    """A client gets a token of the issuer, once, and its scope is its role."""
    file = tmp_path / "credentials.json"
    client = {"client_id": "c", "client_secret": "secret", "scope": "wasmiot:deploy"}
    file.write_text(json.dumps({DEVICE: {"oauth2": {"token": f"{ISSUER}/token", **client}}}))
    file.chmod(0o600)
    credentials = Credentials()
    read_credentials(file, credentials, issuer.transport)
    tokens = [credentials.token(DEVICE) for _ in range(3)]
    assert guard.principal(f"Bearer {tokens[2]}").role is Role.DEPLOY
    assert issuer.tokens_given == 1


@pytest.mark.parametrize(
    "claims",
    [{"aud": "others"}, {"exp": 1}, {"iss": "http://other.test"}],
    ids=["other audience", "over", "other issuer"],
)
def test_other_tokens_of_an_issuer_are_none(
    issuer: SmallIssuer, guard: Guard, claims: dict[str, Any]
) -> None:
    """A token for somebody else, of somebody else or of yesterday is refused."""
    with pytest.raises(ProblemError) as caught:
        guard.principal(f"Bearer {issuer.signed(scope='wasmiot:administer', **claims)}")
    assert caught.value.problem.status == 401


def test_a_forged_token_is_none(issuer: SmallIssuer, guard: Guard) -> None:
    """A token signed with another key, or with none, is refused."""
    issuer.key, real = Ed25519PrivateKey.generate(), issuer.key
    forged = issuer.signed(scope="wasmiot:administer")
    issuer.key = real
    claims = {"iss": ISSUER, "aud": "fleet", "exp": int(time.time()) + 90}
    unsigned = jwt.encode({**claims, "scope": "wasmiot:administer"}, "", algorithm="none")
    for token in (forged, unsigned):
        with pytest.raises(ProblemError, match="401"):
            guard.principal(f"Bearer {token}")


def test_a_wrong_secret_gets_no_token(issuer: SmallIssuer) -> None:
    """A client that the issuer refuses fails with what the issuer said."""
    from wasmiot_td.access.oauth import Client, ClientTokens

    with pytest.raises(ThingProblem, match="401"):
        ClientTokens(Client(f"{ISSUER}/token", "c", "wrong"), issuer.transport).token()


def test_an_issuer_is_declared_as_oauth2(guard: Guard) -> None:
    """A description names the flow, where tokens are had, and the scopes."""
    said = declared_security(guard)
    scheme = said["securityDefinitions"][said["security"][0]]
    assert (scheme["scheme"], scheme["flow"]) == ("oauth2", "client")
    assert scheme["token"] == f"{ISSUER}/token"
    assert load({**THING, **said}).document["security"] == ["oauth2_sc"]
