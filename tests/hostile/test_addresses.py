"""Documents that lead a server to addresses where it has no business; see `td/test_reach.py`."""

import hashlib
import http.server
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from orchestrator_app import cli as orchestrator_cli
from orchestrator_app.app import create_app as orchestrator_of
from orchestrator_app.directory.refresh import IntroducedThings
from orchestrator_app.settings import Settings as OrchestratorSettings
from supervisor_app import cli as supervisor_cli
from supervisor_app.app import create_app as supervisor_of
from supervisor_app.settings import Settings as SupervisorSettings
from wasmiot_td.reach import network

TD = "https://www.w3.org/2022/wot/td/v1.1"
OURS = "https://wetware.fi/2023/wasmiot/v1.0"
HERE = network("127.0.0.1")


def thing(**members: Any) -> dict[str, Any]:
    """Return a valid Thing Description with members besides."""
    security = {"security": "n", "securityDefinitions": {"n": {"scheme": "nosec"}}}
    return {"@context": TD, "title": "x", **security, **members}


def orchestrator(folder: Path, **settings: Any) -> Any:
    """Return an orchestrator's application."""
    folder.mkdir(exist_ok=True)
    return orchestrator_of(OrchestratorSettings(data_dir=folder, is_insecure=True, **settings))


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[FlaskClient]:
    """An orchestrator that other machines reach."""
    app = orchestrator(tmp_path / "outside", host="0.0.0.0")
    yield app.test_client()
    app.extensions["wasmiot"].close()


@pytest.fixture
def device(tmp_path: Path) -> Iterator[FlaskClient]:
    """A supervisor that other machines reach, which was told to use one address of loopback."""
    settings = SupervisorSettings(
        tmp_path / "device", host="0.0.0.0", is_insecure=True, allow_addresses=(HERE,)
    )
    app = supervisor_of(settings)
    yield app.test_client()
    app.extensions["supervisor"].close()


class _Packages(http.server.BaseHTTPRequestHandler):
    """Leads on to where the query says, and answers everything else."""

    def do_GET(self) -> None:
        self.server.visits.append(self.path)  # type: ignore[attr-defined]
        _, _, target = self.path.partition("?to=")
        self.send_response(302 if target else 200)
        self.send_header("Location", target)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def packages() -> Iterator[Any]:
    """A server on loopback that counts its visits."""
    with http.server.ThreadingHTTPServer(("0.0.0.0", 0), _Packages) as served:
        served.visits = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield served
        served.shutdown()
        thread.join()


FORM = {"forms": [{"href": "http://127.0.0.1:22/"}]}
DESCRIPTIONS = [
    ({"base": "http://localhost:5000/"}, "/base"),
    ({"properties": {"p": FORM}}, "/properties/p/forms/0/href"),
    ({"links": [{"rel": "item", "href": "http://[::1]/"}]}, "/links/0/href"),
    ({"links": [{"rel": "type", "href": "http://169.254.169.254/latest"}]}, "/links/0/href"),
    ({"actions": {"a": {"forms": [{"href": "http://2130706433/"}]}}}, "/actions/a/forms/0/href"),
]


@pytest.mark.parametrize(("members", "place"), DESCRIPTIONS)
def test_a_description_is_refused(outside: FlaskClient, members: Any, place: str) -> None:
    """The answer names the member, the address and the setting; nothing is kept."""
    for answer in (
        outside.post("/things", json=thing(**members)),
        outside.put("/things/urn:ex:a", json=thing(id="urn:ex:a", **members)),
    ):
        assert answer.status_code == 400
        (error,) = answer.json["validationErrors"]
        assert error["field"] == place
        assert "--allow-address" in error["description"]
    assert outside.get("/things").json == []


def test_a_patch_brings_none_in(outside: FlaskClient) -> None:
    """What was harmless stays as it was."""
    described = thing(id="urn:ex:a", base="http://10.0.0.9/")
    assert outside.put("/things/urn:ex:a", json=described).status_code == 201
    headers = {"Content-Type": "application/merge-patch+json"}
    patch = json.dumps({"base": "http://127.0.0.1/"})
    assert outside.patch("/things/urn:ex:a", data=patch, headers=headers).status_code == 400
    assert outside.get("/things/urn:ex:a").json["base"] == "http://10.0.0.9/"


def test_who_serves_loopback_has_its_things_there(tmp_path: Path) -> None:
    """A local run needs no setting, and still goes to no link-local address."""
    app = orchestrator(tmp_path / "local")
    client = app.test_client()
    assert client.post("/things", json=thing(properties={"p": FORM})).status_code == 201
    odd = thing(base="http://169.254.169.254/")
    assert client.post("/things", json=odd).status_code == 400
    app.extensions["wasmiot"].close()


def test_an_announcement_leads_nowhere_else(tmp_path: Path, packages: Any) -> None:
    """Neither the address that is announced, nor a redirect from it, as a Thing Link's."""
    app = orchestrator(tmp_path / "links", allow_addresses=(HERE,), host="0.0.0.0")
    parts, port = app.extensions["wasmiot"], packages.server_port
    for target in (
        f"http://127.0.0.2:{port}/td",
        f"http://127.0.0.1:{port}/x?to=http://127.0.0.4:9/",
    ):
        things = IntroducedThings(parts.directory, 30)
        things.note("a", target)
        with pytest.raises(Exception, match="loopback address"):
            things.ask("a", parts.brief_transport)
    assert [path.partition("?")[0] for path in packages.visits] == ["/x"]
    assert parts.directory.count() == 0
    parts.close()


def installation(url: str, content: bytes = b"") -> dict[str, Any]:
    """Return an installation whose module is at a URL."""
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    module = {"id": "urn:wasmiot:module:m:1.0.0", "name": "m", "digest": digest, "binary": url}
    return {"@context": [TD, OURS], "title": "x", "wasmiot:module": [module]}


def test_a_package_of_a_forbidden_address(device: FlaskClient, packages: Any) -> None:
    """Its URL is refused, and so is a redirect to it, before anybody is connected to."""
    port = packages.server_port
    for url in (f"http://127.0.0.2:{port}/", f"http://127.0.0.1:{port}/y?to=http://127.0.0.2:1/"):
        answer = device.put("/deployments/x", json=installation(url))
        assert answer.status_code == 422
        assert "--allow-address 127.0.0.2" in answer.json["detail"]
    assert [path.partition("?")[0] for path in packages.visits] == ["/y"]
    assert device.get("/deployments").json == []


def test_a_package_behind_a_name(
    device: FlaskClient, packages: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name says nothing; what it leads to is refused when it is connected to."""
    real = socket.getaddrinfo

    def resolved(host: str, *arguments: Any, **options: Any) -> Any:
        return real("127.0.0.3" if host == "files.example" else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    url = f"http://files.example:{packages.server_port}/m.wasm"
    answer = device.put("/deployments/x", json=installation(url))
    assert answer.status_code == 422
    assert "files.example leads to 127.0.0.3" in answer.json["detail"]
    assert packages.visits == []
    assert device.get("/deployments").json == []


@pytest.mark.parametrize(
    "members",
    [
        {"wasmiot:trigger": {"event": "urn:e", "thing": "http://[fe80::1]/td", "affordance": "e"}},
        {
            "actions": {
                "a": {
                    "forms": [{"href": "http://10.0.0.9/a"}],
                    "wasmiot:feeds": [{"id": "urn:f", "thing": "http://0.0.0.0/td"}],
                }
            }
        },
        {
            "properties": {
                "p": {
                    "forms": [{"href": "http://10.0.0.9/p"}],
                    "wasmiot:dependsOn": [{"id": "http://169.254.169.254/td#p"}],
                }
            }
        },
    ],
)
def test_what_an_installation_uses(device: FlaskClient, members: dict[str, Any]) -> None:
    """Triggers, targets and what is read: none leads where the device does not go."""
    document = {"@context": [TD, OURS], "title": "x", **members}
    answer = device.put("/deployments/x", json=document)
    assert answer.status_code == 422
    assert "--allow-address" in answer.json["detail"]
    assert device.get("/deployments").json == []


@pytest.mark.parametrize("cli", [orchestrator_cli, supervisor_cli])
def test_options(cli: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Each may be given several times; what is no network is refused."""
    given = ["--allow-address", "127.0.0.0/8", "--allow-address", "fe80::1"]
    settings = cli.settings_of([*given, "--deny-address", "10.0.0.0/8"])
    assert settings.allow_addresses == (network("127.0.0.0/8"), network("fe80::1"))
    assert settings.deny_addresses == (network("10.0.0.0/8"),)
    with pytest.raises(SystemExit):
        cli.settings_of(["--deny-address", "here"])
    assert "invalid network value" in capsys.readouterr().err
