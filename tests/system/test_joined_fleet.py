"""A fleet whose supervisors joined with one-time tokens: nobody wrote a file of credentials."""

import json
from collections.abc import Iterator
from functools import partial

import pytest
import requests
from joined_fleet import MEMORY, JoinedFleet, made, shown, wait_until
from local_system import EXAMPLE

from wasmiot_td.access.assertions import Grant, assertion, granted
from wasmiot_td.access.keys import read_key
from wasmiot_td.access.peers import known_peers
from wasmiot_td.processes import ServerProcesses


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
        found.deploy(EXAMPLE / "manifest.jsonld")
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
    ready, refused = (
        requests.get(f"{fleet.servers[name].url}healthz", timeout=10)
        for name in ("first", "second")
    )
    assert (ready.status_code, refused.status_code) == (200, 503)
    assert refused.json()["parts"]["orchestrator"].startswith(f"{fleet.url} has refused")


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


def is_registered_where_it_is(fleet: JoinedFleet, name: str) -> bool:
    """Say whether the directory has the address of a supervisor."""
    return bool(fleet.thing(name).get("base") == fleet.servers[name].url)


def test_keys_outlast_restarts(fleet: JoinedFleet) -> None:
    """Started again without the tokens, all know each other, and each at another address."""
    for name in MEMORY:
        fleet.servers[name].end()
    fleet.servers["orchestrator"].end()
    fleet.start_orchestrator("--no-discover")
    for name in MEMORY:
        fleet.start_supervisor(name, "--no-announce")
    for name in MEMORY:
        wait_until(partial(is_registered_where_it_is, fleet, name))
    fleet.deploy(EXAMPLE / "manifest.jsonld")
    assert fleet.execute() in range(10)


def test_a_revoked_device_is_out(fleet: JoinedFleet) -> None:
    """Its key counts no more from the next request on, and then what was granted to it neither."""
    key = known_peers(fleet.directory / "orchestrator" / "access")[fleet.device_id("tiny")].key
    headers = fleet.said_by("tiny", fleet.orchestrator_id)
    assert requests.get(f"{fleet.url}things", headers=headers, timeout=10).status_code == 200
    share = f"{fleet.servers['mid'].url}deployments/digit-reader/td"
    granted_use = granted_to_tiny(fleet, key)
    assert requests.get(share, headers=granted_use, timeout=10).status_code == 200
    made("revoke", "tiny", "--data-dir", str(fleet.directory / "orchestrator"))
    assert requests.get(f"{fleet.url}things", headers=headers, timeout=10).status_code == 401
    headers = fleet.said_by("mid", fleet.orchestrator_id)
    told = requests.get(f"{fleet.url}join/revoked", headers=headers, timeout=10)
    assert told.json() == [key]
    wait_until(lambda: requests.get(share, headers=granted_use, timeout=10).status_code == 401)
    refused = requests.get(share, headers=granted_use, timeout=10).json()
    assert "was revoked" in refused["detail"]


def granted_to_tiny(fleet: JoinedFleet, public: str) -> dict[str, str]:
    """Return what `tiny` shows to `mid`, to use there what the orchestrator granted to it."""
    audience, base = fleet.device_id("mid"), fleet.servers["mid"].url
    signing = read_key(fleet.directory / "orchestrator" / "access" / "key.pem")
    grant = Grant(fleet.device_id("tiny"), public, audience, base, ("digit-reader",))
    text = granted(signing, fleet.orchestrator_id, grant)
    own = read_key(fleet.directory / "tiny" / "access" / "key.pem")
    return shown(assertion(own, fleet.device_id("tiny"), audience, text)[0])


def test_grants_need_no_orchestrator(fleet: JoinedFleet) -> None:
    """What starts by itself goes on over both devices when the orchestrator is gone."""
    manifest = json.loads((EXAMPLE / "manifest.jsonld").read_text())
    manifest |= {"name": "by-itself", "trigger": {"every": "PT1S"}}
    file = fleet.directory / "by-itself.jsonld"
    file.write_text(json.dumps(manifest))
    fleet.deploy(file)
    fleet.servers["orchestrator"].end()
    before = classified(fleet)
    wait_until(lambda: len(classified(fleet)) >= len(before) + 2)
    assert {status["status"] for status in classified(fleet)} <= {"pending", "running", "completed"}


def classified(fleet: JoinedFleet) -> list[dict[str, str]]:
    """Return how the executions stand on the device that is fed."""
    url = f"{fleet.servers['mid'].url}deployments/by-itself/actions"
    headers = _orchestrators(fleet, "mid")
    return list(requests.get(url, headers=headers, timeout=10).json()["classify"])
