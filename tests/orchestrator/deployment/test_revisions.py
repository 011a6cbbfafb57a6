"""Stand-ins, revisions, and the deployment as a Thing whose actions change it."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from orchestrator_app.deployment.kept_revisions import earlier_with
from orchestrator_app.monitoring.loop import Watch
from orchestrator_app.monitoring.reconcile import Resume
from wasmiot_td.consumed_thing import ConsumedThing


@pytest.fixture
def two(yard):
    """The yard with a second device that could double, and the two-step manifest deployed."""
    yard.add("spare", memory_bytes=500_000, double=lambda x: 2 * x)
    yard.submit("read", "double")
    answer = yard.client.post("/manifests/thermo/deploy")
    assert answer.status_code == 201, answer.text
    return yard


def thing_of(yard):
    """Return the deployment as any client of Things would use it."""
    yard.wires["http://orchestrator/"] = yard.app.wsgi_app
    return ConsumedThing.fetch("http://orchestrator/deployments/thermo", yard.transport)


def watch_of(yard):
    """Return a watch that is patient."""
    parts = yard.parts
    return Watch(parts.store, parts.devices, parts.deployments, 3600.0)


def test_the_next_best_device_stands_by(two):
    """It holds the step under a name of its own, and the device before knows it."""
    (feed,) = two.devices["sensor"].installed["thermo"]["actions"]["read"]["wasmiot:feeds"]
    assert feed["thing"] == "http://large/deployments/thermo/td"
    (alternative,) = feed["alternatives"]
    assert alternative["thing"] == "http://spare/deployments/thermo.standby/td"
    assert "double" in two.devices["spare"].installed["thermo.standby"]["actions"]
    placement = two.client.get("/deployments/thermo/properties/placement").get_json()
    assert placement[1]["standby"] == "urn:ex:spare"
    assert "standby" not in placement[0]


def test_a_stand_in_that_refuses_is_done_without(yard):
    """The deployment stands; only the alternative is missing."""
    yard.add("spare", memory_bytes=500_000, double=lambda x: 2 * x).refuses = "no"
    yard.submit("read", "double")
    assert yard.client.post("/manifests/thermo/deploy").status_code == 201
    (feed,) = yard.devices["sensor"].installed["thermo"]["actions"]["read"]["wasmiot:feeds"]
    assert "alternatives" not in feed
    assert yard.devices["spare"].installed == {}


def test_a_stand_in_reserves_no_memory(two):
    """Another deployment sees the device of a stand-in as free."""
    two.submit("double", name="second")
    placement = two.client.get("/manifests/second/solution").get_json()["placements"][0]
    spare = next(c for c in placement["candidates"] if c["device"] == "urn:ex:spare")
    assert {s["name"]: s["value"] for s in spare["scores"]}["spread"] == 100


def test_undeploying_tells_the_stand_in(two):
    """Nothing is left anywhere."""
    assert thing_of(two).invoke_action("undeploy") == []
    assert all(d.installed == {} for d in two.devices.values())


def test_deploying_again_keeps_the_stand_in(two):
    """No device is told anything new."""
    before = [d.installed for d in two.devices.values()]
    answer = two.client.post("/manifests/thermo/deploy")
    assert answer.get_json()["wasmiot:revision"] == 1
    assert [d.installed for d in two.devices.values()] == before


def test_rolling_back_returns_to_the_revision_before(two):
    """The earlier manifest is deployed again, as a new revision."""
    two.submit("read")
    two.client.post("/manifests/thermo/deploy")
    assert two.execute()["output"] == 21
    assert thing_of(two).invoke_action("rollback") == 3
    assert two.execute()["output"] == 42


def test_rolling_back_to_a_number(two):
    """Every revision that is on record can be named."""
    for steps in (["read"], ["read", "double", "double"]):
        two.submit(*steps)
        two.client.post("/manifests/thermo/deploy")
    assert thing_of(two).invoke_action("rollback", 2) == 4
    assert two.execute()["output"] == 21


def test_what_a_way_back_needs_is_not_removed(two):
    """The refusal names the deployment and its revisions; who insists gives them up."""
    two.submit("read")
    two.client.post("/manifests/thermo/deploy")
    refused = two.client.delete("/modules/double")
    assert refused.status_code == 409
    assert refused.get_json()["revisions"] == {"thermo": [1]}
    assert "thermo to 1" in refused.get_json()["detail"]
    assert two.client.delete("/modules/double?force=true").status_code == 204
    answer = two.client.post("/deployments/thermo/actions/rollback")
    assert answer.status_code == 422
    assert "no module 'double:1.0.0' is here" in answer.text


def test_what_is_deployed_is_not_removed_by_force(two):
    """Only a way back may be given up."""
    assert two.client.delete("/modules/double?force=true").status_code == 409


def test_a_revision_without_a_version_needs_the_last_one(two):
    """As in the manifest of a deployment that stands on every device."""
    manifest = {"sequence": [{"module": "double"}, {"thing": "urn:ex:lamp"}]}
    history = [{"revision": 1, "manifest": manifest}, {"revision": 2, "manifest": manifest}]
    deployed = two.parts.deployments.records.require("thermo")
    thing = replace(
        deployed.thing,
        document={**deployed.thing.document, "wasmiot:revision": 2},
        registration={**deployed.thing.registration, "history": history},
    )
    standing = [replace(deployed, thing=thing)]
    assert earlier_with(standing, "double:1.0.0", is_last=True) == {"thermo": [1]}
    assert earlier_with(standing, "double:1.0.0", is_last=False) == {}


@pytest.mark.parametrize(("body", "status"), [(b"", 409), (b"7", 409), (b'"x"', 422), (b"0", 422)])
def test_rolling_back_to_nowhere(two, body, status):
    """There is no revision before the first; a number must be one."""
    url = "/deployments/thermo/actions/rollback"
    answer = two.client.post(url, data=body, content_type="application/json")
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")


def test_a_move_brings_what_is_deployed_not_what_was_submitted_since(two):
    """The manifest that a user has changed waits until it is deployed."""
    two.submit("read")
    two.unplug(two.devices["large"])
    two.parts.deployments.upkeep.move("thermo", "urn:ex:large")
    assert "double" in two.devices["spare"].installed["thermo.r2"]["actions"]


def test_a_device_that_refuses_leaves_what_runs_untouched(two):
    """The new revision was put beside the old one, and is gone again; the old one serves."""
    before = {name: dict(d.installed) for name, d in two.devices.items()}
    two.devices["large"].refuses = "no"
    two.submit("read", "double", "double")
    answer = two.client.post("/manifests/thermo/deploy")
    outcomes = {d["device"]: d["outcome"] for d in answer.get_json()["devices"]}
    assert outcomes == {"urn:ex:large": "failed", "urn:ex:sensor": "rolled back"}
    assert {name: d.installed for name, d in two.devices.items()} == before
    assert two.execute()["output"] == 42


def test_an_execution_ends_on_the_revision_on_which_it_began(two):
    """What it needs is taken away when it has ended, and not before."""
    gate = threading.Event()
    large = two.devices["large"]
    large.results["double"] = lambda x: gate.wait(30) and 2 * x
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(two.execute)
        while not large.statuses:
            gate.wait(0.01)
        two.submit("read")
        two.client.post("/manifests/thermo/deploy")
        assert {"thermo"} == large.installed.keys()
        assert {"thermo", "thermo.r2"} == two.devices["sensor"].installed.keys()
        gate.set()
        assert under_way.result()["output"] == 42
    assert two.execute()["output"] == 21
    two.parts.deployments.upkeep.clear("thermo")
    assert (large.installed, two.devices["sensor"].installed.keys()) == ({}, {"thermo.r2"})


def test_a_change_that_a_crash_cut_short_is_finished(two):
    """The wish was written first; until it is fulfilled the old revision serves."""
    records, deployments = two.parts.deployments.records, two.parts.deployments
    two.submit("read")
    change = deployments.changing._establishing._roll_out
    deployments.changing._establishing._roll_out = None  # the orchestrator dies here
    with pytest.raises(TypeError):
        deployments.deploy("thermo")
    assert (records.get("thermo").state, two.execute()["output"]) == ("deploying", 42)
    deployments.changing._establishing._roll_out = change
    assert Resume("thermo") in watch_of(two).round()
    assert (records.get("thermo").state, two.execute()["output"]) == ("deployed", 21)
    watch_of(two).round()
    assert {name for d in two.devices.values() for name in d.installed} == {"thermo.r2"}


def test_a_client_reads_all_properties(two):
    """State, revision and placement, in one answer."""
    values = two.client.get("/deployments/thermo/properties").get_json()
    assert (values["state"], values["revision"], len(values["placement"])) == ("deployed", 1, 2)


def test_events_tell_what_happens(two):
    """A subscriber to one event hears of it, unnamed, as node-wot wants it."""
    two.parts.deployment_events.log.position(None)
    with two.client.get("/deployments/thermo/events/moved", buffered=False) as stream:
        lines = iter(stream.response)
        assert next(lines).startswith(b":")
        two.unplug(two.devices["large"])
        two.parts.deployments.upkeep.move("thermo", "urn:ex:large")
        text = next(lines).decode()
    assert "event:" not in text
    data = json.loads(text.split("data: ")[1])
    assert (data["step"], data["to"]) == (1, "urn:ex:spare")


def test_all_events_carry_their_names(two):
    """Whoever subscribes to all events learns which one it is."""
    before = two.parts.deployment_events.log
    headers = {"Last-Event-ID": f"{before._prefix}-0"}
    with two.client.get("/deployments/thermo/events", buffered=False, headers=headers) as stream:
        lines = iter(stream.response)
        next(lines)
        assert next(lines).decode().startswith("event: stateChanged\n")


def test_an_unknown_event_is_a_problem(two):
    """The answer names those that there are."""
    answer = two.client.get("/deployments/thermo/events/landed")
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
