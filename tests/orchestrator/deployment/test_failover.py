"""An execution goes on where a device does not: on a stand-in, or where the step was moved."""

import pytest

from wasmiot_td.call_context import new_traceparent


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Take a device for silent at its first silence."""
    monkeypatch.setattr("orchestrator_app.deployment.trace.SILENT_SECONDS", -1.0)


@pytest.fixture
def two(yard):
    """The yard with a second device that could double, and the two-step manifest deployed."""
    yard.add("spare", memory_bytes=500_000, double=lambda x: 2 * x)
    yard.submit("read", "double")
    assert yard.client.post("/manifests/thermo/deploy").status_code == 201
    return yard


def dies_at_work(yard, name):
    """Have a device disappear when it has begun its step."""
    device = yard.devices[name]

    def begin(_):
        yard.unplug(device)

    device.results["double"] = begin


def test_a_step_is_given_to_the_stand_in_when_its_device_dies(two):
    """The result of the step before is sent to it, and both stand in the trace."""
    dies_at_work(two, "large")
    status = two.execute()
    assert (status["status"], status["output"]) == ("completed", 42)
    assert [t["device"].removeprefix("urn:ex:") for t in status["trace"]] == [
        "sensor",
        "large",
        "spare",
    ]
    assert [t["status"] for t in status["trace"]] == ["completed", "failed", "completed"]


def test_the_first_step_begins_on_its_stand_in(yard):
    """A device that is away when an execution begins does not fail it."""
    yard.add("second", "dht.getTemperature", memory_bytes=70_000, read=lambda _: 4)
    yard.submit("read", "double")
    yard.client.post("/manifests/thermo/deploy")
    first = yard.client.get("/deployments/thermo/properties/placement").get_json()[0]
    yard.unplug(yard.devices[first["device"].removeprefix("urn:ex:")])
    status = yard.execute()
    assert status["output"] in (8, 42)
    assert status["trace"][0]["device"] == first["standby"]


def test_what_a_crowded_device_does_not_begin_may_be_asked_for_again(two):
    """Nothing has begun, so this is no failure of the deployment: 503, and when to come."""
    two.devices["sensor"].is_crowded = True
    answer = two.client.post("/deployments/thermo/actions/run")
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert "others wait already" in answer.get_json()["detail"]
    two.devices["sensor"].is_crowded = False
    assert two.client.post("/deployments/thermo/actions/run").get_json() == 42


def test_the_first_step_begins_on_its_stand_in_where_its_device_is_crowded(yard):
    """Who asked need not come again."""
    yard.add("second", "dht.getTemperature", memory_bytes=70_000, read=lambda _: 4)
    yard.submit("read", "double")
    yard.client.post("/manifests/thermo/deploy")
    first = yard.client.get("/deployments/thermo/properties/placement").get_json()[0]
    yard.devices[first["device"].removeprefix("urn:ex:")].is_crowded = True
    status = yard.execute()
    assert status["status"] == "completed"
    assert status["trace"][0]["device"] == first["standby"]


def test_a_step_goes_where_it_was_moved_meanwhile(two):
    """What a later revision says counts for executions under way."""
    two.devices["large"].results["double"] = lambda _: (
        two.unplug(two.devices["large"]),
        two.unplug(two.devices["spare"]),
        two.add("third", memory_bytes=400_000, double=lambda x: 2 * x),
        two.parts.deployments.records.tell("thermo", "moved", {}),
        None,
    )[-1]
    moved = []
    two.parts.deployments.records.on_event(
        lambda slug, kind, _: kind == "moved" and not moved and moved.append(move(two))
    )
    status = two.execute()
    assert (status["output"], status["trace"][-1]["device"]) == (42, "urn:ex:third")


def move(yard):
    """Take both devices for lost."""
    yard.client.delete("/things/urn:ex:spare")
    yard.parts.deployments.upkeep.move("thermo", "urn:ex:large")


def test_a_key_and_a_trace_go_along(two):
    """The device gets the execution's key, and a span of the caller's trace."""
    seen = []
    sensor = two.devices["sensor"]
    inner = two.wires[sensor.base]
    two.wires[sensor.base] = lambda environ, start: seen.append(environ) or inner(environ, start)
    trace = new_traceparent()
    status = two.execute(headers={"traceparent": trace})
    posted = next(e for e in seen if e["REQUEST_METHOD"] == "POST")
    assert posted["HTTP_TRACEPARENT"][:36] == trace[:36]
    assert status["traceId"] == trace[3:35]
    assert posted["HTTP_IDEMPOTENCY_KEY"].strip('"') == status["href"].rpartition("/")[2]


def test_provenance_says_which_bytes_ran_where_and_how_long(two):
    """One query gives device, digest and duration of each step."""
    two.execute()
    rows = two.parts.store.select(
        """PREFIX prov: <http://www.w3.org/ns/prov#>
        PREFIX dct: <http://purl.org/dc/terms/>
        PREFIX wasmiot: <https://wetware.fi/2023/wasmiot/v1.0#>
        SELECT ?device ?digest ?module ?long {
          ?step dct:isPartOf ?execution ; prov:wasAssociatedWith ?device ; prov:used ?module ;
                wasmiot:digest ?digest .
          ?execution dct:extent ?long }"""
    )
    digests = {
        d.id: d.installed["thermo"]["wasmiot:module"][0]["digest"]
        for d in two.devices.values()
        if "thermo" in d.installed
    }
    assert {str(r["device"]): str(r["digest"]) for r in rows} == digests
    assert all(str(r["long"]).startswith("PT") for r in rows)


def test_an_execution_that_ends_is_an_event(two):
    """Who listens learns where the result is."""
    log = two.parts.deployment_events.log
    number = log.position(None)
    status = two.execute()
    (event,) = log.after(number, 10)
    assert event.change.kind == "executionCompleted"
    assert event.change.data["href"] == status["href"]
