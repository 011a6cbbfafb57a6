"""A fleet whose supervisors joined with one-time tokens: nobody wrote a file of credentials."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from local_system import CAMERA_BYTES, EXAMPLE, IMAGES, MID_BYTES, TINY_BYTES

from wasmiot_td.access.assertions import assertion
from wasmiot_td.access.keys import read_key
from wasmiot_td.access.peers import known_peers
from wasmiot_td.processes import ServerProcess, ServerProcesses

MEMORY = {"camera": CAMERA_BYTES, "mid": MID_BYTES, "tiny": TINY_BYTES}
PATIENCE_SECONDS = 30.0


def wasmiot(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a person does."""
    command = [sys.executable, "-c", "from wasmiot_td.command_line import main; main()"]
    return subprocess.run(
        [*command, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def made(*arguments: str) -> str:
    """Return what a command says that makes a token."""
    done = wasmiot("token", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def wait_until(is_true: Callable[[], Any]) -> Any:
    """Wait for what another process brings about, and return it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := is_true()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)
    return found


def shown(token: str) -> dict[str, str]:
    """Return the header that shows a token."""
    return {"Authorization": f"Bearer {token}"}


@dataclass
class JoinedFleet:
    """An orchestrator and its supervisors."""

    directory: Path
    processes: ServerProcesses
    token: str = ""
    administrator: str = ""
    servers: dict[str, ServerProcess] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The orchestrator's."""
        return self.servers["orchestrator"].url

    def start_orchestrator(self, *options: str, port: str = "0") -> None:
        """Start the orchestrator, guarded."""
        place = str(self.directory / "orchestrator")
        options = ("--port", port, "--data-dir", place, *options)
        self._start("orchestrator_app", "orchestrator", options)

    def start_supervisor(self, name: str, *options: str, port: str = "0") -> None:
        """Start a supervisor."""
        place = str(self.directory / name)
        options = ("--name", name, "--port", port, "--data-dir", place, *options)
        options += ("--memory-bytes", str(MEMORY.get(name, TINY_BYTES)), "--directory", self.url)
        options += ("--camera", str(IMAGES)) if name == "camera" else ()
        self._start("supervisor_app", name, options)

    def _start(self, module: str, name: str, options: tuple[str, ...]) -> None:
        server = self.processes.start(module, name, options)
        server.wait_until_listening()
        self.servers[name] = server

    def restart(self, name: str, *options: str) -> None:
        """End a server and start it again at its port."""
        port = self.servers[name].url.rstrip("/").rpartition(":")[2]
        self.servers[name].end()
        if name == "orchestrator":
            self.start_orchestrator(*options, port=port)
        else:
            self.start_supervisor(name, *options, port=port)

    def join_token(self, name: str) -> str:
        """Make a one-time token."""
        place = str(self.directory / "orchestrator")
        return made("join", name, "--data-dir", place)

    def device_id(self, name: str) -> str:
        """Return a supervisor's id."""
        return (self.directory / name / "device-id").read_text()

    def thing(self, name: str) -> dict[str, Any]:
        """Return the description of a supervisor that the directory has; empty without one."""
        answer = requests.get(
            f"{self.url}things/{self.device_id(name)}", headers=shown(self.token), timeout=10
        )
        return dict(answer.json()) if answer.ok else {}

    def said_by(self, name: str, audience: str) -> dict[str, str]:
        """Return a header by which a supervisor says who it is."""
        key = read_key(self.directory / name / "access" / "key.pem")
        return shown(assertion(key, self.device_id(name), audience)[0])

    def log(self, name: str) -> str:
        """Return what a server wrote."""
        return self.servers[name].log.read_text()

    def execute(self) -> Any:
        """Execute the deployment and return its output."""
        done = self.command("execute", "digit-reader", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["output"]

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command against the orchestrator."""
        return wasmiot(*arguments, WASMIOT_URL=self.url, WASMIOT_TOKEN=self.token)

    @property
    def orchestrator_id(self) -> str:
        """The orchestrator's id."""
        return (self.directory / "orchestrator" / "id").read_text().strip()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JoinedFleet]:
    """Yield a fleet of three supervisors that have joined, with the digit reader deployed."""
    directory = tmp_path_factory.mktemp("joined")
    place = ("--data-dir", str(directory / "orchestrator"))
    found = JoinedFleet(directory, ServerProcesses(directory))
    found.token = made("make", "operator", "--role", "deploy", *place)
    found.administrator = made("make", "chief", "--role", "administer", *place)
    try:
        found.start_orchestrator("--no-discover")
        for name in MEMORY:
            found.start_supervisor(name, "--no-announce", "--join-token", found.join_token(name))
        for name in MEMORY:
            wait_until(partial(found.thing, name))
        for name, more in (("camera", ()), ("digits", ("--data", str(EXAMPLE / "weights.bin")))):
            binary, model = EXAMPLE / name / f"{name}.wasm", EXAMPLE / f"{name}.tm.json"
            done = found.command("module", "add", str(binary), "--description", str(model), *more)
            assert done.returncode == 0, done.stderr
        done = found.command("deploy", str(EXAMPLE / "manifest.jsonld"))
        assert done.returncode == 0, done.stderr
        yield found
    finally:
        found.processes.stop()


def test_a_joined_fleet_executes(fleet: JoinedFleet) -> None:
    """Deploying, fetching packages and feeding the next device need nothing but the keys."""
    assert fleet.execute() in range(10)
    assert not list(fleet.directory.glob("**/credentials*"))


def test_strangers_are_refused_by_each_server(fleet: JoinedFleet) -> None:
    """A supervisor that has joined asks everybody, and tokens of the orchestrator do not do."""
    for name in MEMORY:
        for headers in ({}, shown(fleet.token)):
            url = f"{fleet.servers[name].url}deployments"
            assert requests.get(url, headers=headers, timeout=10).status_code == 401


def test_a_join_token_is_used_once(fleet: JoinedFleet) -> None:
    """A second device with the same token does not join, says why, and gets no Thing."""
    token = fleet.join_token("first")
    for name in ("first", "second"):
        fleet.start_supervisor(name, "--no-announce", "--join-token", token)
        wait_until(partial(has_answer, fleet, name))
    wait_until(lambda: fleet.thing("first"))
    assert "the join token has been used already" in fleet.log("second")
    assert fleet.thing("second") == {}
    assert token not in fleet.log("first")


def has_answer(fleet: JoinedFleet, name: str) -> bool:
    """Say whether a supervisor has joined, or was refused."""
    return "joined " in fleet.log(name) or "refused" in fleet.log(name)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_device_cannot_speak_for_another(fleet: JoinedFleet, method: str) -> None:
    """With its own key a supervisor changes the Thing that it is, and no other."""
    document, victim = fleet.thing("mid"), fleet.device_id("mid")
    headers = fleet.said_by("camera", fleet.orchestrator_id)
    kind = "application/merge-patch+json" if method == "PATCH" else "application/td+json"
    answer = requests.request(
        method,
        f"{fleet.url}things/{victim}",
        json={**document, "title": "taken over"},
        headers={**headers, "Content-Type": kind},
        timeout=10,
    )
    assert answer.status_code == 403, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert fleet.thing("mid")["title"] == "mid"


def test_nobody_but_an_administrator_replaces_what_a_key_owns(fleet: JoinedFleet) -> None:
    """A token with the role deploy does not do, one with administer does."""
    url, document = f"{fleet.url}things/{fleet.device_id('tiny')}", fleet.thing("tiny")
    answers = [
        requests.put(url, json=document, headers=shown(token), timeout=10)
        for token in (fleet.token, fleet.administrator)
    ]
    assert [a.status_code for a in answers] == [403, 204]
    assert "known by its key" in answers[0].json()["detail"]


def test_a_device_describes_its_own_address_alone(fleet: JoinedFleet) -> None:
    """Neither another device's address nor that of a form elsewhere is taken from a device."""
    headers = fleet.said_by("camera", fleet.orchestrator_id)
    url, document = f"{fleet.url}things/{fleet.device_id('camera')}", fleet.thing("camera")
    elsewhere = json.loads(json.dumps(document))
    elsewhere["actions"]["deploy"]["forms"][0]["href"] = f"{fleet.servers['mid'].url}x/{{id}}"
    for wrong, status in (({**document, "base": fleet.servers["mid"].url}, 403), (elsewhere, 400)):
        answer = requests.put(url, json=wrong, headers=headers, timeout=10)
        assert (answer.status_code, answer.json()["title"]) == (status, "Address of another")


def test_what_is_said_to_one_server_is_nothing_to_another(fleet: JoinedFleet) -> None:
    """A statement for the orchestrator does not open a device, nor one device's another."""
    for audience, status in ((fleet.orchestrator_id, 401), (fleet.device_id("tiny"), 401)):
        headers = fleet.said_by("camera", audience)
        answer = requests.get(f"{fleet.servers['mid'].url}deployments", headers=headers, timeout=10)
        assert answer.status_code == status
    headers = fleet.said_by("camera", fleet.device_id("mid"))
    assert requests.get(f"{fleet.url}things", headers=headers, timeout=10).status_code == 401


def test_a_grant_opens_one_installation(fleet: JoinedFleet) -> None:
    """The camera may use what it feeds on the other device, and neither list nor replace it."""
    header = fleet.said_by("camera", fleet.orchestrator_id)
    own = f"{fleet.servers['camera'].url}deployments/digit-reader/td"
    headers = _orchestrators(fleet, "camera")
    grants = requests.get(own, headers=headers, timeout=10).json()["wasmiot:grant"]
    key = read_key(fleet.directory / "camera" / "access" / "key.pem")
    audience = fleet.device_id("mid")
    header = shown(assertion(key, fleet.device_id("camera"), audience, grants[0])[0])
    share = f"{fleet.servers['mid'].url}deployments/digit-reader"
    seen = {
        (method, url): requests.request(method, url, headers=header, timeout=10).status_code
        for method, url in (
            ("GET", f"{share}/td"),
            ("PUT", share),
            ("DELETE", share),
            ("GET", f"{fleet.servers['mid'].url}deployments"),
            ("GET", f"{fleet.servers['mid'].url}deployments/other/td"),
        )
    }
    assert list(seen.values()) == [200, 403, 403, 403, 403]
    stolen = read_key(fleet.directory / "tiny" / "access" / "key.pem")
    header = shown(assertion(stolen, fleet.device_id("camera"), audience, grants[0])[0])
    assert requests.get(f"{share}/td", headers=header, timeout=10).status_code == 401


def _orchestrators(fleet: JoinedFleet, name: str) -> dict[str, str]:
    """Return what the orchestrator shows to a device."""
    key = read_key(fleet.directory / "orchestrator" / "access" / "key.pem")
    return shown(assertion(key, fleet.orchestrator_id, fleet.device_id(name))[0])


def test_keys_outlast_restarts(fleet: JoinedFleet) -> None:
    """Started again without the tokens, all know each other, also at another address."""
    fleet.restart("orchestrator", "--no-discover")
    fleet.restart("mid", "--no-announce")
    fleet.servers["camera"].end()
    fleet.start_supervisor("camera", "--no-announce")
    wait_until(lambda: fleet.thing("camera").get("base") == fleet.servers["camera"].url)
    done = fleet.command("deploy", str(EXAMPLE / "manifest.jsonld"))
    assert done.returncode == 0, done.stderr
    assert fleet.execute() in range(10)


def test_a_revoked_device_is_out(fleet: JoinedFleet) -> None:
    """Its key counts no more from the next request on, and the others are told."""
    key = known_peers(fleet.directory / "orchestrator" / "access")[fleet.device_id("tiny")].key
    headers = fleet.said_by("tiny", fleet.orchestrator_id)
    assert requests.get(f"{fleet.url}things", headers=headers, timeout=10).status_code == 200
    made("revoke", "tiny", "--data-dir", str(fleet.directory / "orchestrator"))
    assert requests.get(f"{fleet.url}things", headers=headers, timeout=10).status_code == 401
    headers = fleet.said_by("mid", fleet.orchestrator_id)
    told = requests.get(f"{fleet.url}join/revoked", headers=headers, timeout=10)
    assert told.json() == [key]


def test_an_announced_impostor_does_not_replace_a_device(tmp_path: Path) -> None:
    """Who announces itself with the id of a device that is known by its key is not believed."""
    place = ("--data-dir", str(tmp_path / "orchestrator"))
    token = made("make", "operator", "--role", "read", *place)
    found = JoinedFleet(tmp_path, ServerProcesses(tmp_path), token)
    nearby = ("--announce-interface", "127.0.0.1")
    try:
        found.start_orchestrator("--discover", "--discover-interface", "127.0.0.1")
        found.start_supervisor("mid", "--no-announce", "--join-token", found.join_token("mid"))
        before = wait_until(lambda: found.thing("mid"))
        id = found.device_id("mid")
        found.start_supervisor("honest", *nearby)
        found.start_supervisor("impostor", "--id", id, *nearby)
        refusal = f"url={found.servers['impostor'].url}.well-known/wot"
        log = wait_until(lambda: refusal in found.log("orchestrator") and found.log("orchestrator"))
        assert f"{id} is known by its key" in log
        wait_until(lambda: found.thing("honest"))
        assert found.thing("mid")["base"] == before["base"]
    finally:
        found.processes.stop()
