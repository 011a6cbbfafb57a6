"""Rolled out to all devices or to none; deployed again, changed, taken back."""

import json

import pytest
from jsonschema import Draft7Validator

from wasmiot_td.errors import ThingUnreachable


@pytest.fixture
def deployed(yard):
    """The yard with the two-step manifest deployed."""
    yard.submit("read", "double")
    answer = yard.client.post("/manifests/thermo/deploy")
    assert answer.status_code == 201, answer.text
    return yard


def test_each_device_gets_its_own_share_with_its_neighbour(deployed):
    """The first knows whom it feeds, the second on whom it depends."""
    first = deployed.devices["sensor"].installed["thermo"]["actions"]["read"]
    second = deployed.devices["large"].installed["thermo"]["actions"]["double"]
    assert first["wasmiot:feeds"][0]["thing"] == "http://large/deployments/thermo/td"
    assert second["wasmiot:dependsOn"][0]["id"].endswith("#/actions/read")
    assert "wasmiot:feeds" not in second


def test_packages_are_named_by_digest(deployed):
    """A device finds the binary at the orchestrator under its digest."""
    (module,) = deployed.devices["large"].installed["thermo"]["wasmiot:module"]
    assert module["binary"] == f"http://orchestrator/packages/{module['digest']}"
    path = module["binary"].removeprefix("http://orchestrator")
    with deployed.client.get(path) as answer:
        assert answer.status_code == 200


def test_a_deployment_has_a_certificate_while_it_stands(deployed):
    """The report of the policies, none here, about what is deployed; it goes with it."""
    answer = deployed.client.get("/deployments/thermo/certificate")
    assert (answer.status_code, answer.mimetype) == (200, "text/turtle")
    assert "sh:conforms true" in answer.text
    assert deployed.client.delete("/deployments/thermo").status_code == 204
    assert deployed.client.get("/deployments/thermo/certificate").status_code == 404


def test_the_deployment_is_a_thing(deployed):
    """First input, last output, one link for each installation."""
    thing = deployed.client.get("/deployments/thermo").get_json()
    assert thing["@type"] == ["Thing", "wasmiot:Deployment"]
    assert thing["actions"]["execute"]["output"] == {"type": "number"}
    assert {link["href"] for link in thing["links"]} == {
        "http://orchestrator/deployments/thermo/certificate",
        "http://sensor/deployments/thermo/td",
        "http://large/deployments/thermo/td",
    }
    assert deployed.client.get("/deployments/thermo/properties/state").get_json() == "deployed"


def test_the_base_of_a_deployment_leads_to_it(deployed):
    """It ends with a slash, so that relative addresses hang below it, and is what people open."""
    base = deployed.client.get("/deployments/thermo").get_json()["base"]
    assert base.endswith("/deployments/thermo/")
    found = deployed.client.get(base.removeprefix("http://orchestrator"))
    assert (found.status_code, found.get_json()["base"]) == (200, base)


def test_every_description_is_valid_by_the_official_schema(deployed, corpus):
    """The deployment's TD and the installations' TDs pass the W3C's schema."""
    schema = json.loads((corpus / "official/td-json-schema-validation.json").read_text())
    documents = [d.installed["thermo"] for d in deployed.devices.values() if d.installed]
    documents.append(deployed.client.get("/deployments/thermo").get_json())
    assert [e.message for d in documents for e in Draft7Validator(schema).iter_errors(d)] == []


def test_actions_of_one_function_are_told_apart_by_their_names(yard):
    """Each has a description of its own; a function that two of them call names neither."""
    wat = """(module (memory (export "memory") 1)
      (func (export "scale") (param f32) (result f32) (local.get 0)))"""
    number = {"type": "number"}
    action = {"wasmiot:entrypoint": "scale", "input": number, "output": number}
    low, high = ({**action, "input": {**number, "maximum": most}} for most in (1, 1000))
    yard.upload_text("scales", wat, {}, actions={"low": low, "high": high})
    for name, most in (("low", 1), ("high", 1000)):
        step = {"module": "scales", "entrypoint": name}
        yard.client.post("/manifests", json={"name": name, "sequence": [step]})
        answer = yard.client.post(f"/manifests/{name}/deploy")
        assert answer.status_code == 201, answer.text
        (share,) = [d.installed[name] for d in yard.devices.values() if name in d.installed]
        assert share["actions"][name]["input"]["maximum"] == most
        assert share["actions"][name]["wasmiot:entrypoint"] == "scale"
    step = {"module": "scales", "entrypoint": "scale"}
    answer = yard.client.post("/manifests", json={"name": "either", "sequence": [step]})
    assert answer.status_code == 422
    assert "has no action 'scale'; it has: high, low" in answer.text


def test_deploying_again_changes_nothing(deployed):
    """The revision stays, and the answer is 200."""
    before = deployed.devices["large"].installed["thermo"]
    answer = deployed.client.post("/manifests/thermo/deploy")
    assert (answer.status_code, answer.get_json()["wasmiot:revision"]) == (200, 1)
    assert deployed.devices["large"].installed["thermo"] == before


def test_a_changed_manifest_touches_the_devices_that_differ(deployed):
    """The step that goes is taken from its device, the other gets its share anew beside the old."""
    deployed.submit("read")
    answer = deployed.client.post("/manifests/thermo/deploy")
    assert answer.get_json()["wasmiot:revision"] == 2
    assert deployed.devices["large"].installed == {}
    (left,) = deployed.devices["sensor"].installed.values()
    assert left["base"] == "http://sensor/deployments/thermo.r2/"
    assert "wasmiot:feeds" not in left["actions"]["read"]


def test_work_stays_where_it_is_while_it_can(deployed):
    """A better device that comes along does not move what runs."""
    deployed.add("huge", memory_bytes=1_000_000_000, double=lambda x: 2 * x)
    deployed.client.post("/manifests/thermo/deploy")
    assert "thermo" in deployed.devices["large"].installed
    assert deployed.devices["huge"].installed == {}


def test_if_one_device_refuses_nothing_is_deployed(yard):
    """Those that succeeded are rolled back, and the answer says who said what."""
    yard.devices["large"].refuses = "the disk is full"
    yard.submit("read", "double")
    answer = yard.client.post("/manifests/thermo/deploy")
    outcomes = {d["device"]: d["outcome"] for d in answer.get_json()["devices"]}
    assert answer.status_code == 502
    assert outcomes == {"urn:ex:large": "failed", "urn:ex:sensor": "rolled back"}
    assert "the disk is full" in answer.get_json()["detail"]
    assert yard.devices["sensor"].installed == {}
    assert yard.client.get("/deployments/thermo").status_code == 404


def test_a_revision_that_fails_leaves_the_one_before(deployed):
    """After a change that a device refused, both hold what they held."""
    before = deployed.devices["large"].installed["thermo"]
    deployed.devices["sensor"].refuses = "no"
    deployed.submit("read", "double", "double")
    assert deployed.client.post("/manifests/thermo/deploy").status_code == 502
    assert deployed.devices["large"].installed["thermo"] == before
    thing = deployed.client.get("/deployments/thermo").get_json()
    assert thing["wasmiot:revision"] == 1


def test_undeploying_tells_every_device(deployed):
    """Nothing is left on the devices, nor of the deployment in the graph."""
    assert deployed.client.delete("/deployments/thermo").status_code == 204
    assert all(d.installed == {} for d in deployed.devices.values())
    assert deployed.parts.store.list("installation") == []


def test_a_device_that_is_away_is_told_later(deployed):
    """Undeploying answers 202 and says who is away."""
    deployed.unplug(deployed.devices["large"])
    answer = deployed.client.delete("/deployments/thermo")
    assert (answer.status_code, answer.get_json()["away"]) == (202, ["urn:ex:large"])
    assert deployed.devices["sensor"].installed == {}
    refused = deployed.client.post("/deployments/thermo/actions/execute")
    assert refused.status_code == 409


def test_reserved_memory_is_seen_by_the_next_solution(deployed):
    """A second deployment finds the memory of the first one taken."""
    deployed.submit("double", name="second")
    placement = deployed.client.get("/manifests/second/solution").get_json()["placements"][0]
    scores = {s["name"]: s["value"] for s in placement["candidates"][0]["scores"]}
    assert scores["spread"] == 50
    assert scores["module_cached"] == 100


def test_a_device_that_left_the_directory_cannot_be_told(deployed):
    """Telling a device that nobody knows is an error that names it."""
    deployed.client.delete("/things/urn:ex:large")
    with pytest.raises(ThingUnreachable, match="urn:ex:large"):
        deployed.parts.deployments.upkeep.restore("thermo", "urn:ex:large")
