"""Looked at, compared, mended: one round at a time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from orchestrator_app.monitoring.loop import Watch, watch_devices
from orchestrator_app.monitoring.reconcile import Forget, Move, Remove, Restore, Settle
from wasmiot_td.errors import ThingUnreachable

PATIENCE = """PREFIX wasmiot: <https://wetware.fi/2023/wasmiot/v1.0#>
SELECT ?healthy { <urn:ex:large> wasmiot:isHealthy ?healthy }"""


@pytest.fixture
def deployed(yard):
    """The yard with the two-step manifest deployed."""
    yard.submit("read", "double")
    yard.client.post("/manifests/thermo/deploy")
    return yard


def watch_of(yard, interval_seconds=3600.0):
    """Return a watch that loses patience after three intervals."""
    parts = yard.parts
    return Watch(parts.store, parts.devices, parts.deployments, interval_seconds)


def test_where_all_is_well_nothing_is_done(deployed):
    """A round over healthy devices gives no command, and writes their load into the graph."""
    assert watch_of(deployed).round() == []
    view = deployed.client.get("/manifests/thermo/solution").get_json()["placements"][1]
    assert {"name": "least_load", "value": 75.0, "weight": 1.0} in view["candidates"][0]["scores"]


def test_what_a_device_lost_is_restored(deployed):
    """Somebody deleted the deployment on the device: it comes back, and the state follows."""
    lost = deployed.devices["large"].installed.pop("thermo")
    watch = watch_of(deployed)
    restore = Restore("thermo", "urn:ex:large")
    assert watch.round() == [restore, Settle("thermo", "degraded")]
    assert deployed.devices["large"].installed["thermo"] == lost
    assert watch.round() == [Settle("thermo", "deployed")]
    assert watch.round() == []


def test_a_silent_device_is_unhealthy_and_gets_nothing_new(deployed):
    """The graph says so, and the solver rejects it with the reason."""
    deployed.unplug(deployed.devices["large"])
    assert watch_of(deployed).round() == [Settle("thermo", "degraded")]
    assert str(deployed.parts.store.select(PATIENCE)[0]["healthy"]) == "false"
    problem = deployed.client.get("/manifests/thermo/solution").get_json()
    reasons = {r["device"]: r["reason"] for r in problem["rejections"]}
    assert "does not answer" in reasons["urn:ex:large"]


def test_the_work_of_a_dead_device_goes_elsewhere(deployed):
    """Solved again over what is left; the neighbour is told, and execute works."""
    deployed.add("spare", memory_bytes=500_000, double=lambda x: 2 * x)
    deployed.unplug(deployed.devices["large"])
    assert watch_of(deployed, 0.0).round() == [Move("thermo", "urn:ex:large")]
    (share,) = deployed.devices["sensor"].installed.values()
    feeds = share["actions"]["read"]["wasmiot:feeds"]
    assert feeds[0]["thing"] == "http://spare/deployments/thermo.r2/td"
    assert deployed.execute()["output"] == 42


def test_a_device_that_returns_gives_up_what_it_no_longer_holds(deployed):
    """What moved away while it was dead is removed from it when it is back."""
    deployed.add("spare", memory_bytes=500_000, double=lambda x: 2 * x)
    large = deployed.devices["large"]
    deployed.unplug(large)
    watch_of(deployed, 0.0).round()
    deployed.plug_in(large)
    assert watch_of(deployed).round() == [Remove("thermo", "urn:ex:large")]
    assert large.installed == {}
    assert watch_of(deployed).round() == []


def test_a_goodbye_is_looked_into_at_once(deployed, monkeypatch):
    """The next round is an hour away, and does not wait for that."""
    deployed.add("spare", memory_bytes=500_000, double=lambda x: 2 * x)
    settings = replace(deployed.parts.settings, monitor_interval_seconds=3600.0)
    parts, moved = replace(deployed.parts, settings=settings), threading.Event()
    parts.deployments.records.on_event(lambda _, kind, __: kind == "moved" and moved.set())
    hint, rounds = threading.Event(), threading.Semaphore(0)
    monkeypatch.setattr(parts.executions, "look_for_triggered", rounds.release)
    with watch_devices(parts, hint):
        assert rounds.acquire(timeout=30)
        hint.set()
        assert rounds.acquire(timeout=30)
        parts.directory.delete("urn:ex:large")
        assert moved.wait(30)


def test_a_device_that_registers_after_its_silence_is_looked_at_at_once(deployed, monkeypatch):
    """It need not wait for the next round, an hour away, to be given work again."""
    large = deployed.devices["large"]
    deployed.unplug(large)
    settings = replace(deployed.parts.settings, monitor_interval_seconds=3600.0)
    parts, rounds = replace(deployed.parts, settings=settings), threading.Semaphore(0)
    monkeypatch.setattr(parts.executions, "look_for_triggered", rounds.release)
    with watch_devices(parts, threading.Event()):
        assert rounds.acquire(timeout=30)
        assert not is_healthy(deployed)
        deployed.plug_in(large)
        answer = deployed.client.put("/things/urn:ex:large", json=large.description())
        assert answer.status_code == 204
        assert rounds.acquire(timeout=30)
    assert is_healthy(deployed)


def test_a_device_that_moves_while_it_is_asked_is_asked_where_it_is_now(deployed, monkeypatch):
    """It was asked where it had been, which took a while; it is not called silent for that."""
    large, looks = deployed.devices["large"], deployed.parts.devices

    def moves(_document):
        monkeypatch.undo()
        deployed.client.put("/things/urn:ex:large", json=large.description())
        raise ThingUnreachable("nobody is there any more")

    leave(deployed, "small")
    monkeypatch.setattr(looks, "health", moves)
    watch_of(deployed).round()
    assert is_healthy(deployed)


def is_healthy(yard):
    """Return whether the graph says that the large device answers."""
    return str(yard.parts.store.select(PATIENCE)[0]["healthy"]) == "true"


def test_what_others_deployed_is_left_alone(deployed):
    """A deployment on a device that this orchestrator never gave it stays there."""
    deployed.devices["small"].installed["thermo"] = {"id": "urn:ex:foreign"}
    assert watch_of(deployed).round() == []
    assert "thermo" in deployed.devices["small"].installed


def test_an_undeployment_ends_when_the_last_device_knows(deployed):
    """The device that was away is told when it is back, and the deployment is gone."""
    large = deployed.devices["large"]
    deployed.unplug(large)
    deployed.client.delete("/deployments/thermo")
    assert watch_of(deployed).round() == []
    deployed.plug_in(large)
    assert watch_of(deployed).round() == [Remove("thermo", "urn:ex:large")]
    assert large.installed == {}
    assert deployed.client.get("/deployments/thermo").status_code == 404


def leave(yard, name):
    """Have a device leave the directory; it goes on with what it holds."""
    assert yard.client.delete(f"/things/urn:ex:{name}").status_code == 204


def come_back(yard, name):
    """Have a device registered again."""
    description = yard.devices[name].description()
    assert yard.client.put(f"/things/urn:ex:{name}", json=description).status_code == 201


def test_a_device_that_left_the_directory_is_told_when_it_is_back(deployed):
    """Nobody knows where it is meanwhile: nothing is said to have been done there."""
    large = deployed.devices["large"]
    leave(deployed, "large")
    answer = deployed.client.delete("/deployments/thermo")
    assert (answer.status_code, answer.get_json()["away"]) == (202, ["urn:ex:large"])
    assert watch_of(deployed).round() == []
    assert "thermo" in large.installed
    come_back(deployed, "large")
    assert watch_of(deployed).round() == [Remove("thermo", "urn:ex:large")]
    assert large.installed == {}
    assert deployed.client.get("/deployments/thermo").status_code == 404


def test_a_device_whose_work_moved_when_it_left_gives_it_up_when_it_is_back(deployed):
    """However long it is away, also beyond the time for which earlier revisions are kept."""
    deployed.add("spare", memory_bytes=500_000, double=lambda x: 2 * x)
    large, watch = deployed.devices["large"], watch_of(deployed)
    leave(deployed, "large")
    assert Move("thermo", "urn:ex:large") in watch.round()
    while watch.round():
        pass
    assert list(large.installed) == ["thermo"]
    come_back(deployed, "large")
    assert Remove("thermo", "urn:ex:large") in watch.round()
    assert large.installed == {}
    assert deployed.execute()["output"] == 42


def test_a_device_that_leaves_before_it_is_told_is_told_later(deployed):
    """It was there when it was looked at, and gone a moment later."""
    leave(deployed, "large")
    deployed.client.delete("/deployments/thermo")
    with pytest.raises(ThingUnreachable, match="urn:ex:large"):
        deployed.parts.deployments.upkeep.remove("thermo", "urn:ex:large")
    assert deployed.parts.deployments.records.get("thermo").leftovers == {"urn:ex:large"}


def test_a_device_that_stays_away_is_awaited_no_longer(deployed, monkeypatch):
    """The undeployment ends, and the log does not say that the device was told."""
    monkeypatch.setattr("orchestrator_app.monitoring.loop.AWAITED_SECONDS", -1.0)
    deployed.unplug(deployed.devices["large"])
    deployed.client.delete("/deployments/thermo")
    assert watch_of(deployed).round() == []
    leave(deployed, "large")
    assert watch_of(deployed).round() == [Forget("thermo", "urn:ex:large")]
    assert deployed.client.get("/deployments/thermo").status_code == 404
    assert "stays away" in deployed.client.get("/decisions").get_json()[0]["reason"]


def test_a_device_that_is_back_is_not_forgotten(deployed):
    """It came when it had just been given up: it is told in the next round."""
    deployed.unplug(deployed.devices["large"])
    deployed.client.delete("/deployments/thermo")
    deployed.parts.deployments.upkeep.forget("thermo", "urn:ex:large")
    assert deployed.parts.deployments.records.get("thermo").leftovers == {"urn:ex:large"}


def test_it_counts_since_when_a_device_is_to_be_told(deployed):
    """What is written in between does not begin the time anew; what is done with is not kept."""
    records = deployed.parts.deployments.records
    records.set_registration(records.get("thermo"), leftovers={"urn:ex:small": ["thermo"]})
    since = records.get("thermo").left_since
    assert since.keys() == {"urn:ex:small"}
    both = {"urn:ex:small": ["thermo", "thermo.r2"], "urn:ex:spare": ["thermo"]}
    records.set_registration(records.get("thermo"), leftovers=both)
    assert records.get("thermo").left_since.items() > since.items()
    records.set_registration(records.get("thermo"), leftovers={})
    assert records.get("thermo").left_since == {}


def test_what_is_being_changed_is_left_alone(deployed):
    """While somebody deploys, the watch does not interfere."""
    deployed.devices["large"].installed.pop("thermo")
    with deployed.parts.deployments.changing.alone("thermo"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(watch_of(deployed).round).result() == []
    assert watch_of(deployed).round()[0] == Restore("thermo", "urn:ex:large")


def test_a_deployment_that_a_crash_cut_short_is_completed(deployed):
    """What was wanted was written first, so the watch brings it to the devices."""
    records = deployed.parts.deployments.records
    records.set_registration(records.get("thermo"), state="deploying")
    deployed.devices["large"].installed.clear()
    watch = watch_of(deployed)
    watch.round()
    watch.round()
    assert "thermo" in deployed.devices["large"].installed
    assert records.get("thermo").state == "deployed"
