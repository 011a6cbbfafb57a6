"""`forEach`: a manifest stands on every device that matches, and follows them."""

import pytest

from orchestrator_app.monitoring.loop import Watch
from orchestrator_app.monitoring.reconcile import Join, Leave, Remove

MANIFEST = {
    "name": "thermo",
    "sequence": [
        {"module": "read", "entrypoint": "read"},
        {"module": "double", "entrypoint": "double"},
    ],
    "forEach": {"interfaces": ["dht.getTemperature"]},
}


def add_sensor(yard, name, value, memory_bytes=1_000_000):
    """Put up a device that reads and doubles."""
    return yard.add(
        name,
        "dht.getTemperature",
        memory_bytes=memory_bytes,
        read=lambda _: value,
        double=lambda x: 2 * x,
    )


@pytest.fixture
def standing(yard):
    """The yard with one device more that matches, and the manifest standing on both."""
    add_sensor(yard, "second", 4)
    yard.client.delete("/things/urn:ex:sensor")
    add_sensor(yard, "third", 5)
    assert yard.client.post("/manifests", json=MANIFEST).status_code == 201
    answer = yard.client.post("/manifests/thermo/deploy")
    assert answer.status_code == 201, answer.text
    return yard


def watch_of(yard):
    """Return a watch that is patient."""
    parts = yard.parts
    return Watch(parts.store, parts.devices, parts.deployments, 3600.0)


def test_it_runs_on_each_and_gives_the_results_by_device(standing):
    """Every device has the whole sequence, and takes nothing from another."""
    status = standing.execute()
    assert status["output"] == {"urn:ex:second": 8, "urn:ex:third": 10}
    placement = standing.client.get("/deployments/thermo/properties/placement").get_json()
    assert [p["device"] for p in placement] == ["urn:ex:second"] * 2 + ["urn:ex:third"] * 2
    thing = standing.client.get("/deployments/thermo").get_json()
    assert thing["actions"]["run"]["output"]["additionalProperties"] == {"type": "number"}
    assert watch_of(standing).round() == []


def test_the_id_of_a_request_reaches_every_device(standing):
    """What each logs of an execution can be found by what the client said."""
    asked = []

    def noting(app):
        def answer(environ, start_response):
            if environ["REQUEST_METHOD"] == "POST":
                asked.append((environ["SERVER_NAME"], environ.get("HTTP_X_REQUEST_ID")))
            return app(environ, start_response)

        return answer

    standing.wires.update({base: noting(app) for base, app in standing.wires.items()})
    standing.client.post("/deployments/thermo/actions/run", headers={"X-Request-Id": "abc"})
    assert {("second", "abc"), ("third", "abc")} <= set(asked)


def test_its_page_names_every_device(standing):
    """Also those below it stand in the table."""
    told = standing.client.get("/ui/deployments/thermo/state").text
    assert told.count("urn:ex:second") == told.count("urn:ex:third") == 2
    assert ">second</a>" in told


def test_a_device_that_comes_gets_it_too(standing):
    """Nothing has to be deployed again for that, and the others hear nothing."""
    puts = standing.devices["second"].puts
    add_sensor(standing, "fourth", 6)
    assert watch_of(standing).round() == [Join("thermo", "urn:ex:fourth")]
    assert standing.execute()["output"]["urn:ex:fourth"] == 12
    assert standing.devices["second"].puts == puts
    assert watch_of(standing).round() == []


def test_a_device_that_goes_is_no_longer_asked(standing):
    """It left the directory; what stands on it ends when it is back, and no longer matches."""
    third = standing.devices["third"]
    standing.client.delete("/things/urn:ex:third")
    assert Leave("thermo", "urn:ex:third") in watch_of(standing).round()
    assert standing.execute()["output"] == {"urn:ex:second": 8}
    watch_of(standing).round()
    assert watch_of(standing).round() == []
    (name,) = third.installed
    third.provides.clear()
    standing.client.put(f"/things/{third.id}", json=third.description())
    assert watch_of(standing).round() == [Remove(name, third.id)]
    assert third.installed == {}
    assert len(standing.client.get("/deployments").get_json()) == 2


def test_a_device_that_is_back_gets_it_again(standing):
    """What it still held from before is its share again."""
    third = standing.devices["third"]
    standing.client.delete(f"/things/{third.id}")
    watch_of(standing).round()
    standing.client.put(f"/things/{third.id}", json=third.description())
    watch_of(standing).round()
    assert standing.execute()["output"] == {"urn:ex:second": 8, "urn:ex:third": 10}
    assert watch_of(standing).round() == []
    assert len(third.installed) == 1


def test_a_device_that_is_silent_keeps_its_own(standing):
    """Its steps go nowhere else; the execution says who failed, and what the others gave."""
    standing.unplug(standing.devices["third"])
    watch = Watch(standing.parts.store, standing.parts.devices, standing.parts.deployments, 0.0)
    watch.round()
    status = standing.execute()
    assert (status["status"], status["output"]) == ("failed", {"urn:ex:second": 8})
    assert status["error"]["devices"] == ["urn:ex:third"]
    standing.plug_in(standing.devices["third"])
    assert standing.execute()["output"] == {"urn:ex:second": 8, "urn:ex:third": 10}


def test_a_changed_manifest_changes_all(standing):
    """Each device gets the new one, and the old one can be returned to."""
    short = MANIFEST | {"sequence": MANIFEST["sequence"][:1]}
    standing.client.post("/manifests", json=short)
    standing.client.post("/manifests/thermo/deploy")
    assert standing.execute()["output"] == {"urn:ex:second": 4, "urn:ex:third": 5}
    answer = standing.client.post("/deployments/thermo/actions/rollback")
    assert answer.get_json() == 3
    assert standing.execute()["output"] == {"urn:ex:second": 8, "urn:ex:third": 10}


def test_undeploying_ends_all(standing):
    """Nothing is left on any device, nor on record."""
    assert standing.client.delete("/deployments/thermo").status_code == 204
    assert all(d.installed == {} for d in standing.devices.values())
    assert standing.client.get("/deployments").get_json() == []


@pytest.mark.parametrize(
    "asked",
    [
        {
            "quantities": [
                {"property": "wasmiot:memoryBytes", "atLeast": 2, "unit": "unit:MegaBYTE"}
            ]
        },
        {
            "shape": "[] a sh:NodeShape ; sh:property "
            "[ sh:path wasmiot:memoryBytes ; sh:minInclusive 2000000 ] ."
        },
        {"pattern": "?device wasmiot:memoryBytes ?bytes FILTER (?bytes >= 2000000)"},
    ],
    ids=["quantities", "shape", "pattern"],
)
def test_what_it_asks_for_may_be_a_question_to_the_graph(yard, asked):
    """Of two sensors the larger has it, and one like it that comes later."""
    yard.client.delete("/things/urn:ex:sensor")
    add_sensor(yard, "meagre", 4)
    add_sensor(yard, "ample", 5, memory_bytes=4_000_000)
    manifest = {**MANIFEST, "forEach": {**MANIFEST["forEach"], **asked}}
    submitted = yard.client.post("/manifests", json=manifest)
    assert submitted.status_code == 201, submitted.text
    deployed = yard.client.post("/manifests/thermo/deploy")
    assert deployed.status_code == 201, deployed.text
    assert yard.execute()["output"] == {"urn:ex:ample": 10}
    add_sensor(yard, "later", 6, memory_bytes=4_000_000)
    assert watch_of(yard).round() == [Join("thermo", "urn:ex:later")]
    assert yard.execute()["output"] == {"urn:ex:ample": 10, "urn:ex:later": 12}
