"""A device that is known by its key says where it is, and takes no other's place."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from orchestrator_app.app import create_app as orchestrator_of
from orchestrator_app.directory.registration import DNS_SD
from orchestrator_app.settings import Settings as OrchestratorSettings
from supervisor_app.app import create_app as supervisor_of
from supervisor_app.settings import Settings as SupervisorSettings
from wasmiot_td.access.assertions import assertion
from wasmiot_td.access.keys import Key, make_key
from wasmiot_td.access.peers import DEVICE, ORCHESTRATOR, Peer, known_peers, put_peer
from wasmiot_td.access.tokens import make_token
from wasmiot_td.own_process import PROCESS_HEADER
from wasmiot_td.problem import ProblemError
from wasmiot_td.wsgi_transport import WsgiTransport

HOST = "http://o.test/"
OLD, NEW = "http://old.test/", "http://new.test/"
DEPLOYER, ADMINISTRATOR = "deploy", "administer"


class Fleet:
    """An orchestrator, and devices of this process that are known to it by their keys."""

    def __init__(self, directory: Path) -> None:
        self.at: dict[str, Callable[..., Any]] = {}
        self.devices: dict[str, Flask] = {}
        self.keys: dict[str, Key] = {}
        self._directory = directory
        settings = OrchestratorSettings(data_dir=directory / "o")
        self.app = orchestrator_of(settings, WsgiTransport(self.at))
        self.services = self.app.extensions["wasmiot"]
        self.access = directory / "o" / "access"
        self.tokens = {
            role: make_token(self.access, role, role)[0] for role in (DEPLOYER, ADMINISTRATOR)
        }

    def add(self, name: str, base: str) -> str:
        """Add a device at an address, and return its id."""
        id, place = f"urn:ex:{name}", self._directory / name
        key = self.keys[id] = make_key(place / "access" / "key.pem")
        host = self.services.peer_tokens
        put_peer(place / "access", Peer(host.own_id, host.key.public, ORCHESTRATOR))
        put_peer(self.access, Peer(id, key.public, DEVICE, name, (base,)))
        settings = SupervisorSettings(data_dir=place, device_id=id, public_url=base, directory=HOST)
        self.devices[id] = supervisor_of(settings)
        self.at[base] = self.devices[id]
        return id

    def put(self, id: str, document: Any, token: str = "", process: str = "") -> tuple[int, Any]:
        """Put a description, in the name of the device itself if no token is given."""
        shown = token or assertion(self.keys[id], id, self.services.guard.own_id)[0]
        answer = self.app.test_client().put(
            f"/things/{id}",
            data=json.dumps(document),
            content_type="application/td+json",
            headers={"Authorization": f"Bearer {shown}", PROCESS_HEADER: process},
        )
        return answer.status_code, answer.get_json(silent=True, force=True)

    def described(self, id: str, base: str) -> dict[str, Any]:
        """Return the description of a device at an address."""
        thing = self.devices[id].extensions["supervisor"].thing(base)
        return dict(thing)

    def bases(self, id: str) -> tuple[str, ...]:
        """Return where the orchestrator reaches a device."""
        return known_peers(self.access)[id].bases

    def close(self) -> None:
        """End everything."""
        self.services.close()
        for device in self.devices.values():
            device.extensions["supervisor"].close()


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Return a fleet without devices."""
    found = Fleet(tmp_path)
    yield found
    found.close()


def test_a_device_says_where_it_is(fleet: Fleet) -> None:
    """What it registers of itself with its key is where it is reached, and asked, from then on."""
    id = fleet.add("mover", OLD)
    fleet.at[NEW] = fleet.at.pop(OLD)
    assert fleet.put(id, fleet.described(id, NEW))[0] == 201
    assert fleet.bases(id) == (NEW,)
    registration = fleet.services.directory.get(id).registration
    assert registration["wasmiot:introducedBy"] == "key"
    assert (
        fleet.services.devices.health(fleet.services.directory.get(id).document)["deployments"] == 0
    )


def test_one_process_moves_and_a_second_one_takes_nothing_over(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the device answers at both addresses it may choose, if it is the same that answers."""
    id = fleet.add("one", OLD)
    fleet.at[NEW] = fleet.at[OLD]
    status, problem = fleet.put(id, fleet.described(id, NEW), process="a copy")
    assert (status, problem["title"]) == (409, "Runs elsewhere too")
    assert (f"at={NEW} stays_at={OLD}" in caplog.text, fleet.bases(id)) == (True, (OLD,))
    process = fleet.devices[id].extensions["supervisor"].directory.process
    assert fleet.put(id, fleet.described(id, NEW), process=process)[0] == 201
    assert fleet.bases(id) == (NEW,)


def test_many_at_once_are_no_way_round_a_key(fleet: Fleet) -> None:
    """Whoever deploys may send many descriptions, and none of a device that has a key."""
    one, other = fleet.described(fleet.add("one", OLD), OLD), {"id": "urn:ex:other"}
    answer = fleet.app.test_client().post(
        "/bulk/things",
        json=[one, {**one, **other}],
        headers={"Authorization": f"Bearer {fleet.tokens[DEPLOYER]}"},
    )
    refused, kept = answer.get_json()
    assert (refused["status"], kept["status"]) == (403, 201)
    assert "known by its key" in refused["problem"]["detail"]
    assert fleet.services.directory.get(one["id"]) is None


def test_an_address_is_taken_over_by_who_answers_there(fleet: Fleet) -> None:
    """Where the other device answers it is refused; where it answers itself, the other has left."""
    stayer, mover = fleet.add("stayer", OLD), fleet.add("mover", NEW)
    status, problem = fleet.put(mover, fleet.described(mover, OLD))
    assert (status, problem["title"]) == (403, "Address of another")
    assert fleet.bases(stayer) == (OLD,)
    fleet.at[OLD] = fleet.at.pop(NEW)
    assert fleet.put(mover, fleet.described(mover, OLD))[0] == 201
    assert (fleet.bases(mover), fleet.bases(stayer)) == ((OLD,), ())


@pytest.mark.parametrize("wrong", ["base", "href", "orchestrator", "none"])
def test_a_device_leads_to_itself_alone(fleet: Fleet, wrong: str) -> None:
    """Its description names no other server, and not the orchestrator."""
    id = fleet.add("one", OLD)
    document = json.loads(json.dumps(fleet.described(id, OLD)))
    if wrong == "href":
        document["properties"]["health"]["forms"][0]["href"] = "http://elsewhere.test/health"
    else:
        own = fleet.services.settings.base_url
        document["base"] = {"base": "ftp://old.test/", "orchestrator": own, "none": ""}[wrong]
    assert fleet.put(id, document)[0] in (400, 403)
    assert fleet.services.directory.get(id) is None
    assert fleet.bases(id) == (OLD,)


def test_a_token_to_deploy_replaces_no_keyed_thing(fleet: Fleet) -> None:
    """The operator's deployers cannot, administrators can."""
    id = fleet.add("one", OLD)
    document = fleet.described(id, OLD)
    answers = [fleet.put(id, document, fleet.tokens[role])[0] for role in (DEPLOYER, ADMINISTRATOR)]
    assert answers == [403, 201]


def test_what_is_announced_speaks_for_no_keyed_device(fleet: Fleet) -> None:
    """Neither its id nor its address is taken from a description that nobody vouches for."""
    id = fleet.add("one", OLD)
    announced = fleet.described(id, NEW)
    for document in (announced, {**announced, "id": "urn:ex:other", "base": OLD}):
        with pytest.raises(ProblemError, match="403"):
            fleet.services.directory.register(document, introduced_by=DNS_SD)
    fleet.services.directory.register({**announced, "id": "urn:ex:other"}, introduced_by=DNS_SD)
    assert [thing.id for thing in fleet.services.directory.page()] == ["urn:ex:other"]
