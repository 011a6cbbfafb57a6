"""Graphs: one step feeds several, several feed one, and some begin or end beside others."""

import threading
import time

import pytest

from orchestrator_app.deployment import trace
from orchestrator_app.deployment.triggered import PAUSE_SECONDS, Triggered
from wasmiot_td.call_context import CarryingTransport

LEFT = {"step": "twice", "input": "left"}
RIGHT = {"step": "again", "input": "right"}
DIAMOND = [
    {"id": "start", "module": "read", "entrypoint": "read"},
    {"id": "twice", "module": "double", "entrypoint": "double", "dependsOn": [{"step": "start"}]},
    {"id": "again", "module": "double", "entrypoint": "double", "dependsOn": [{"step": "start"}]},
    {"id": "sum", "module": "add", "entrypoint": "add", "dependsOn": [LEFT, RIGHT]},
]


@pytest.fixture
def wide(yard):
    """The yard with a third device, and a function of two numbers that any of them could run."""
    yard.add("third", memory_bytes=900_000, double=lambda x: 2 * x)
    for device in yard.devices.values():
        device.results["add"] = lambda parts: parts["left"] + parts["right"]
    yard.upload_join("add")
    return yard


def deploy(yard, sequence, **devices):
    """Deploy a manifest whose steps are pinned to devices, by name."""
    steps = [s | ({"device": devices[s["id"]]} if s.get("id") in devices else {}) for s in sequence]
    answer = yard.client.post("/manifests", json={"name": "thermo", "sequence": steps})
    assert answer.status_code in (200, 201), answer.text
    answer = yard.client.post("/manifests/thermo/deploy")
    assert answer.status_code in (200, 201), answer.text
    return answer.get_json()


def until(is_so):
    """Wait a little until something is so."""
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def diamond(wide):
    """A graph that parts and joins again, over three devices."""
    places = {"twice": "urn:ex:large", "again": "urn:ex:third", "sum": "urn:ex:large"}
    deploy(wide, DIAMOND, **places)
    return wide


def test_outputs_are_joined(diamond):
    """The result is that of the one step that feeds none; every step is in the trace once."""
    status = diamond.execute()
    assert (status["status"], status["output"]) == ("completed", 84)
    assert sorted(e["step"] for e in status["trace"]) == [0, 1, 2, 3]
    assert next(e for e in status["trace"] if e["step"] == 3)["after"] == [1, 2]


def test_a_step_knows_all_that_it_feeds_and_all_that_feed_it(diamond):
    """Each feed names the member that it becomes, and each part the step that sends it."""
    read = diamond.devices["sensor"].installed["thermo"]["actions"]["read"]
    assert [f["thing"] for f in read["wasmiot:feeds"]] == [
        "http://large/deployments/thermo/td",
        "http://third/deployments/thermo/td",
    ]
    actions = diamond.devices["large"].installed["thermo"]["actions"]
    assert [(d["step"], d["input"]) for d in actions["add"]["wasmiot:dependsOn"]] == [
        ("twice", "left"),
        ("again", "right"),
    ]
    assert actions["double"]["wasmiot:feeds"][0]["input"] == "left"


def test_a_join_has_no_stand_in(diamond):
    """Those that feed it could not agree on one."""
    placement = diamond.client.get("/deployments/thermo/properties/placement").get_json()
    assert "standby" not in placement[3]
    assert [sorted(p["after"]) for p in placement][3] == sorted(p["name"] for p in placement[1:3])
    assert [p["name"] for p in placement] == ["start", "twice", "again", "sum"]


def test_one_branch_that_fails_ends_the_other(diamond):
    """The status names the step and its device; what was at work elsewhere is cancelled."""
    third = diamond.devices["third"]
    third.results["double"] = lambda _: None

    def trap(_):
        raise ValueError("integer divide by zero")

    diamond.devices["large"].results["double"] = trap
    error = diamond.execute()["error"]
    assert (error["step"], error["device"]) == (1, "urn:ex:large")
    assert [s["status"] for s in third.statuses.values()] == ["cancelled here"]


def test_cancelling_reaches_what_the_devices_began_unseen(diamond):
    """A step that nobody has seen begin is cancelled by the name of its invocation."""
    large, third = diamond.devices["large"], diamond.devices["third"]
    third.results["double"] = lambda _: None
    diamond.devices["large"].results["double"] = lambda _: None
    begun = diamond.client.post("/deployments/thermo/actions/execute").get_json()
    path = begun["href"].removeprefix("http://orchestrator")
    until(lambda: len(diamond.client.get(path).get_json()["trace"]) == 3)
    key = begun["href"].rpartition("/")[2]
    (deployed,) = diamond.parts.deployments.records.list()
    route = trace.Route.of(deployed)
    join = route.invocations(3, key)[0]
    large.statuses[join.rpartition("/")[2]] = {"status": "pending", "href": join}
    diamond.client.delete(path)
    diamond.client.get(path, headers={"Prefer": "wait=30"})
    assert {s["status"] for s in large.statuses.values()} == {"cancelled here"}
    assert len(large.statuses) == 2


def test_several_sinks_give_their_outputs_by_name(wide):
    """The description of the deployment says so."""
    thing = deploy(wide, DIAMOND[:3], twice="urn:ex:large", again="urn:ex:third")
    number = {"type": "number"}
    output = thing["actions"]["execute"]["output"]
    assert output["properties"] == {"twice": number, "again": number}
    assert wide.execute()["output"] == {"twice": 42, "again": 42}
    answer = wide.client.post("/deployments/thermo/actions/run")
    assert answer.get_json() == {"twice": 42, "again": 42}


def test_several_sources_take_their_inputs_by_name(wide):
    """The input is an object, which is checked by the schemas of both."""
    free = [step | {"dependsOn": []} for step in DIAMOND[1:3]]
    thing = deploy(wide, [*free, DIAMOND[3]], twice="urn:ex:large", again="urn:ex:third")
    assert thing["actions"]["execute"]["input"]["required"] == ["twice", "again"]
    assert wide.execute(json={"twice": 1, "again": 10})["output"] == 22
    answer = wide.client.post("/deployments/thermo/actions/execute", json={"twice": 1})
    assert answer.status_code == 422


def test_constants_go_to_the_device(wide):
    """A step with arguments carries them in its installation."""
    join = DIAMOND[3] | {"dependsOn": [LEFT], "arguments": {"right": 1}}
    deploy(wide, [*DIAMOND[:2], join], sum="urn:ex:large")
    action = wide.devices["large"].installed["thermo"]["actions"]["add"]
    assert action["wasmiot:arguments"] == {"right": 1}


def test_a_join_that_moved_is_sent_its_parts_again(diamond, monkeypatch):
    """Its device dies when one part is there; where it is moved to, it gets both."""
    monkeypatch.setattr(trace, "SILENT_SECONDS", -1.0)
    records = diamond.parts.deployments.records
    deployed = records.get("thermo")
    unpinned = {**deployed.manifest, "sequence": [dict(s) for s in deployed.manifest["sequence"]]}
    for step in unpinned["sequence"]:
        step.pop("device", None)
    records.set_registration(deployed, manifest=unpinned)
    gate = threading.Event()
    third = diamond.devices["third"]
    third.results["double"] = lambda x: gate.wait(30) and 2 * x
    begun = diamond.client.post("/deployments/thermo/actions/execute").get_json()
    path = begun["href"].removeprefix("http://orchestrator")
    until(lambda: diamond.devices["large"].parts)
    diamond.unplug(diamond.devices["large"])
    gate.set()
    diamond.parts.deployments.upkeep.move("thermo", "urn:ex:large")
    status = diamond.client.get(path, headers={"Prefer": "wait=30"}).get_json()
    assert (status["status"], status.get("output")) == ("completed", 84), status
    assert status["trace"][-1]["device"] == "urn:ex:third"


def test_provenance_says_which_step_informed_which(diamond):
    """The edges that were gone along are in the graph."""
    diamond.execute()
    rows = diamond.parts.store.select(
        """PREFIX prov: <http://www.w3.org/ns/prov#>
        SELECT ?device ?other { ?step prov:wasInformedBy ?before ;
            prov:wasAssociatedWith ?device . ?before prov:wasAssociatedWith ?other }"""
    )
    pairs = {(str(r["other"])[-5:], str(r["device"])[-5:]) for r in rows}
    assert pairs == {("ensor", "large"), ("ensor", "third"), ("large", "large"), ("third", "large")}


def test_another_makers_thing_is_used_by_a_device(wide):
    """It is no module: the installation says which affordance, and who feeds it."""
    form = {"href": "http://lamp/toggle", "op": ["invokeaction"]}
    lamp = {
        "@context": "https://www.w3.org/2022/wot/td/v1.1",
        "id": "urn:ex:lamp",
        "title": "lamp",
        "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
        "security": ["nosec_sc"],
        "actions": {"toggle": {"synchronous": True, "input": {"type": "number"}, "forms": [form]}},
    }
    assert wide.client.put("/things/urn:ex:lamp", json=lamp).status_code == 201
    deploy(wide, [DIAMOND[0], {"thing": "urn:ex:lamp", "affordance": "toggle"}])
    placement = wide.client.get("/deployments/thermo/properties/placement").get_json()
    device = wide.devices[placement[1]["device"].removeprefix("urn:ex:")]
    action = device.installed["thermo"]["actions"]["toggle"]
    assert action["wasmiot:uses"]["thing"].startswith("http://")
    assert action["wasmiot:uses"]["op"] == "invokeaction"
    assert "wasmiot:entrypoint" not in action
    assert action["wasmiot:dependsOn"][0]["step"] == "start"


def test_kept_state_goes_along(wide):
    """A stateful step that is installed anew, or elsewhere, finds what it had kept."""
    text = """(module (memory (export "memory") 1)
        (func (export "count") (param f32) (result f32) (local.get 0)))"""
    number = {"type": "number"}
    action = {"wasmiot:entrypoint": "count", "input": number, "output": number}
    wide.upload_text("count", text, action, **{"wasmiot:stateful": True})
    count = {"id": "count", "module": "count", "entrypoint": "count"}
    deploy(wide, [DIAMOND[0], count], count="urn:ex:large")
    wide.devices["large"].states["thermo"] = b"17"
    deploy(wide, [DIAMOND[0], count], count="urn:ex:third")
    assert wide.devices["third"].states == {"thermo.r2": b"17"}


def test_what_a_trigger_began_is_listed_with_its_provenance(wide):
    """The first device says what it was asked for; what this orchestrator began stands once."""
    manifest = {"name": "thermo", "sequence": DIAMOND[:2], "trigger": {"every": "PT1H"}}
    manifest["sequence"][1] = DIAMOND[1] | {"device": "urn:ex:large"}
    wide.client.post("/manifests", json=manifest)
    wide.client.post("/manifests/thermo/deploy")
    trigger = wide.devices["sensor"].installed["thermo.trigger"]["wasmiot:trigger"]
    (feed,) = trigger["feeds"]
    wide.execute()
    CarryingTransport(wide.transport, {"Idempotency-Key": '"k"'}).request(
        "POST", feed["thing"].removesuffix("td") + "actions/read"
    )
    wide.parts.executions.look_for_triggered()
    path = "/deployments/thermo/actions/execute"
    until(lambda: all("timeEnded" in s for s in wide.client.get(path).get_json()))
    found = wide.client.get(path).get_json()
    assert [(s["output"], s.get("triggered", False)) for s in found] == [(42, True), (42, False)]
    rows = wide.parts.store.select(
        "SELECT ?e { ?e a <http://www.w3.org/ns/prov#Activity> ; "
        "<https://wetware.fi/2023/wasmiot/v1.0#deployment> ?d }"
    )
    assert len(rows) == 2


def test_who_begins_by_themselves_is_asked_now_and_then(wide):
    """A deployment that has gone is forgotten: another of its name is asked of at once."""
    manifest = {"name": "thermo", "sequence": DIAMOND[:2], "trigger": {"every": "PT1H"}}
    wide.client.post("/manifests", json=manifest)
    now, records = [0.0], wide.parts.deployments.records
    triggered = Triggered(wide.parts.store, wide.parts.looks, lambda: now[0])

    def due() -> list[str]:
        return [deployed.slug for deployed in triggered.due(records.list())]

    wide.client.post("/manifests/thermo/deploy")
    assert (due(), due()) == (["thermo"], [])
    now[0] = PAUSE_SECONDS
    assert (due(), due()) == (["thermo"], [])
    wide.client.delete("/deployments/thermo")
    assert due() == []
    wide.client.post("/manifests/thermo/deploy")
    assert due() == ["thermo"]
