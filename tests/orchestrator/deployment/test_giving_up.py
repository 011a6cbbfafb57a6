"""Devices that are awaited no longer, and are told all the same should they answer one day."""

import pytest

from orchestrator_app.deployment.strays import MOST_DEPLOYMENTS, Strays
from orchestrator_app.monitoring.reconcile import Forget, Remove
from orchestrator_app.store.oxigraph_store import OxigraphStore
from wasmiot_td.errors import ThingUnreachable

LARGE, SENSOR = "urn:ex:large", "urn:ex:sensor"


@pytest.fixture
def undeploying(yard):
    """The yard, whose deployment of two steps goes on waiting for the large device."""
    yard.submit("read", "double")
    yard.client.post("/manifests/thermo/deploy")
    yard.leave("large")
    assert yard.client.delete("/deployments/thermo").status_code == 202
    return yard


def forget(yard, device, slug="thermo"):
    """Give up waiting for a device."""
    return yard.client.delete(f"/deployments/{slug}", query_string={"forget": device})


def test_an_undeployment_ends_when_nobody_waits_any_longer(undeploying):
    """The deployment is gone, its modules are free, and the log says who wanted it."""
    assert undeploying.client.delete("/modules/double").status_code == 409
    assert forget(undeploying, LARGE).status_code == 204
    assert undeploying.client.get("/deployments/thermo").status_code == 404
    decision = undeploying.client.get("/decisions").get_json()[0]
    said = [decision[key] for key in ("command", "device", "reason", "outcome")]
    assert said == ["forget", LARGE, "somebody asked for it", "done"]
    assert undeploying.client.delete("/modules/double").status_code == 204


def test_the_others_are_awaited_on(undeploying):
    """Only the device that is named is given up."""
    records = undeploying.parts.deployments.records
    both = {LARGE: ["thermo"], SENSOR: ["thermo"]}
    records.set_registration(records.get("thermo"), leftovers=both)
    answer = forget(undeploying, LARGE)
    assert (answer.status_code, answer.get_json()["away"]) == (202, [SENSOR])
    assert records.get("thermo").awaited == {SENSOR}


def test_an_undeployment_of_an_earlier_version_ends_too(undeploying):
    """Its record listed the devices alone, without what each may hold."""
    records = undeploying.parts.deployments.records
    records.set_registration(records.get("thermo"), leftovers=[LARGE], leftSince={})
    assert forget(undeploying, LARGE).status_code == 204
    assert records.get("thermo") is None


def test_a_device_that_is_not_awaited_cannot_be_given_up(undeploying):
    """The answer names those that are; an unknown deployment is 404."""
    answer = forget(undeploying, SENSOR)
    assert (answer.status_code, answer.get_json()["title"]) == (409, "Not awaited")
    assert f"awaited: {LARGE}" in answer.get_json()["detail"]
    assert forget(undeploying, "").status_code == 409
    assert forget(undeploying, LARGE, "nothing").status_code == 404


def test_what_runs_is_not_undeployed_by_the_way(yard):
    """Giving up a device of a deployment that stands is refused, and changes nothing."""
    yard.submit("read", "double")
    yard.client.post("/manifests/thermo/deploy")
    answer = forget(yard, LARGE)
    assert (answer.status_code, answer.get_json()["title"]) == (409, "Not awaited")
    assert yard.execute()["output"] == 42


def test_a_device_that_was_given_up_is_told_should_it_be_back(undeploying):
    """Also by an orchestrator that was restarted in between; then it is known no more."""
    forget(undeploying, LARGE)
    undeploying.parts.close()
    undeploying.start()
    assert undeploying.watch().round() == []
    undeploying.come_back("large")
    watch = undeploying.watch()
    assert watch.round() == [Remove("thermo", LARGE)]
    assert undeploying.devices["large"].installed == {}
    assert watch.round() == []


def test_what_is_deployed_again_under_its_name_is_left_alone(undeploying):
    """The device that was given up has the new share under the name of the old one."""
    forget(undeploying, LARGE)
    undeploying.come_back("large")
    undeploying.client.post("/manifests/thermo/deploy")
    watch = undeploying.watch()
    assert watch.round() == [Remove("thermo", LARGE)]
    assert watch.round() == []
    assert undeploying.execute()["output"] == 42


def test_what_was_given_up_is_not_remembered_for_ever(undeploying, monkeypatch):
    """After the time for which devices are awaited at most, there is nothing to be told."""
    monkeypatch.setattr("orchestrator_app.monitoring.loop.AWAITED_SECONDS", -1.0)
    forget(undeploying, LARGE)
    assert undeploying.watch().round() == [Forget("thermo", LARGE)]
    assert undeploying.parts.deployments.changing.strays.seconds() == {}


def test_strays_are_kept_up_to_a_number(monkeypatch):
    """Those of the deployment that was undeployed first go first."""
    monkeypatch.setattr("orchestrator_app.deployment.strays.MOST_DEPLOYMENTS", 2)
    assert MOST_DEPLOYMENTS == 1000
    strays = Strays(OxigraphStore())
    for slug in ("c", "a", "b"):
        strays.add(slug, {(LARGE, slug)})
    assert strays.seconds().keys() == {"a", "b"}


def test_one_device_of_many_is_given_up_by_the_name_of_the_whole(yard):
    """What stands on each device by itself has an undeployment on each of them."""
    sequence = [{"module": "read", "entrypoint": "read"}]
    asked = {"interfaces": ["dht.getTemperature"]}
    yard.client.post("/manifests", json={"name": "each", "forEach": asked, "sequence": sequence})
    yard.client.post("/manifests/each/deploy")
    yard.unplug(yard.devices["sensor"])
    assert yard.client.delete("/deployments/each").get_json()["away"] == [SENSOR]
    assert yard.client.get("/deployments/each").status_code == 404
    assert forget(yard, LARGE, "each").status_code == 409
    assert forget(yard, SENSOR, "each").status_code == 204
    assert yard.parts.deployments.records.list() == []


def test_a_first_deployment_that_fails_is_taken_back_where_it_could_not_be(yard, monkeypatch):
    """It took its share and was gone when the other refused: it is told when it is back."""
    sensor, large, tell = yard.devices["sensor"], yard.devices["large"], yard.parts.devices.deploy

    def dies(document, slug, installation):
        tell(document, slug, installation)
        if document["id"] == LARGE:
            yard.unplug(large)

    sensor.refuses = "it is full"
    yard.submit("read", "double")
    monkeypatch.setattr(yard.parts.devices, "deploy", dies)
    assert yard.client.post("/manifests/thermo/deploy").status_code == 502
    assert list(large.installed) == ["thermo"]
    assert yard.client.delete("/manifests/thermo").status_code == 204
    yard.plug_in(large)
    assert yard.watch().round() == [Remove("thermo", LARGE)]
    assert large.installed == {}


def test_a_device_that_takes_its_share_too_late_gives_it_up(yard, monkeypatch):
    """It was asked to take it back before it had it, which it then had: it is asked again."""
    yard.submit("read", "double")
    large, devices = yard.devices["large"], yard.parts.devices
    given, deploy = [], devices.deploy

    def late(device, slug, installation):
        if device["id"] != LARGE:
            return deploy(device, slug, installation)
        given.append((slug, installation))
        raise ThingUnreachable("read timed out")

    with monkeypatch.context() as patch:
        patch.setattr(devices, "deploy", late)
        assert yard.client.post("/manifests/thermo/deploy").status_code == 502
    large.installed.update(given)
    assert yard.watch().round() == [Remove("thermo", LARGE)]
    assert large.installed == {}
