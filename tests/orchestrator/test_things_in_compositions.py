"""Steps that are affordances of Things, readings of Things, and triggers that follow Things."""

from typing import Any

import pytest

from orchestrator_app import thing_reader
from orchestrator_app.monitoring.observation import Observation
from wasmiot_td.namespaces import CANONICAL_CONTEXT

WAT = """(module (memory (export "memory") 1)
  (func (export "source") (result f32) (f32.const 1))
  (func (export "add") (param f32 f32) (result f32) (local.get 0))
  (func (export "twice") (param f32) (result f32) (local.get 0)))"""
SENSOR = "https://w3id.org/saref#Sensor"
CONTEXT = [*CANONICAL_CONTEXT]
TEMPERATURE = "saref:TemperatureSensor"
FORM = [{"href": "http://thing.example/x"}]
READING = {"type": "number", "readOnly": True, "forms": FORM}


class Setting:
    """An orchestrator with a module, two devices in two zones, and Things."""

    def __init__(self, client: Any, thing: Any) -> None:
        self.client = client
        self._thing = thing

    def register(self, title: str, **members: Any) -> str:
        """Register a Thing and return its id."""
        td = self._thing(title, **{"@context": CONTEXT, "id": f"urn:ex:{title}", **members})
        answer = self.client.put(f"/things/{td['id']}", json=td, content_type="application/td+json")
        assert answer.status_code in (201, 204), answer.get_json()
        return str(td["id"])

    def solve(self, *sequence: dict[str, Any], **members: Any) -> Any:
        """Return the answer to a manifest that is tried out."""
        manifest = {"name": "one", "sequence": sequence, **members}
        return self.client.post("/manifests?dry-run=true", json=manifest)

    def placements(self, *sequence: dict[str, Any], **members: Any) -> list[dict[str, Any]]:
        """Return the placements of a manifest that is tried out."""
        answer = self.solve(*sequence, **members)
        assert answer.status_code == 200, answer.get_json()
        return list(answer.get_json()["placements"])

    def faults(self, *sequence: dict[str, Any], **members: Any) -> dict[str, str]:
        """Return what is wrong with a manifest, by JSON pointer."""
        answer = self.solve(*sequence, **members)
        assert answer.status_code == 422, answer.get_json()
        return {e["field"]: e["description"] for e in answer.get_json()["validationErrors"]}

    @property
    def store(self) -> Any:
        """The store of the orchestrator."""
        return self.client.application.extensions["wasmiot"].store


@pytest.fixture
def setting(client, thing, supervisor, wasm) -> Setting:
    """Return an orchestrator with a module `m` and the devices `hall` and `yard`."""
    for zone in ("hall", "yard"):
        td = supervisor(zone) | {"wasmiot:zone": zone}
        client.put(f"/things/{td['id']}", json=td, content_type="application/td+json")
    client.post("/modules?name=m", data=wasm(WAT), content_type="application/wasm")
    return Setting(client, thing)


def call(entrypoint: str, *depends_on: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Return a step that is a function of the module."""
    stated = {"dependsOn": list(depends_on)} if depends_on else {}
    return {"module": "m", "entrypoint": entrypoint, **stated, **members}


def lamp(setting: Setting, title: str = "lamp", **members: Any) -> str:
    """Register a lamp with an action that takes a number, and properties."""
    return setting.register(
        title,
        actions={"dim": {"input": {"type": "number"}, "forms": FORM}},
        properties={
            "level": {"type": "number", "forms": FORM},
            "used": READING,
        },
        **members,
    )


def sensor(setting: Setting, title: str = "sensor", **members: Any) -> str:
    """Register a Thing that is of a class, with a property of which that is not said."""
    properties = {"value": READING}
    return setting.register(title, **{"@type": TEMPERATURE, "properties": properties, **members})


@pytest.mark.parametrize(
    ("affordance", "op"),
    [("dim", "invokeaction"), ("level", "writeproperty")],
)
def test_a_thing_is_used_by_its_affordance(setting, affordance, op):
    """An action is invoked, a property written with what the step before gives."""
    id = lamp(setting)
    kind = "actions" if affordance == "dim" else "properties"
    before, step = setting.placements(call("source"), {"thing": id, "affordance": affordance})
    assert step["uses"] == {
        "id": f"{id}#/{kind}/{affordance}",
        "thing": f"http://127.0.0.1:5000/things/{id}",
        "affordance": affordance,
        "op": op,
    }
    assert (step["device"], step["name"]) == (before["device"], affordance)
    assert "module" not in step


def test_a_property_is_read_by_a_step_that_is_given_nothing(setting):
    """Its value goes to the next step."""
    id = lamp(setting)
    first, second = setting.placements({"thing": id, "affordance": "level"}, call("twice"))
    assert first["uses"]["op"] == "readproperty"
    assert second["inputs"] == [{"from": "urn:wasmiot:solution:one#/placements/0"}]


def test_what_can_only_be_read_is_not_written(setting):
    """The error says so at the step that asks for it."""
    id = lamp(setting)
    found = setting.faults(call("source"), {"thing": id, "affordance": "used"})
    assert "nothing that can be written or invoked" in found["/sequence/1/thing"]


def test_a_thing_is_found_by_the_class_that_it_or_its_affordance_is_of(setting):
    """Either will do; one of several is always the same, and what was asked for comes first."""
    sensor(setting, "b")
    id = sensor(setting, "a")
    (step,) = setting.placements({"dependsOn": [{"type": TEMPERATURE}]})
    assert step["uses"]["id"] == f"{id}#/properties/value"
    properties = {"heat": {**READING, "@type": TEMPERATURE}, "battery": READING}
    meant = setting.register("z", properties=properties)
    (step,) = setting.placements({"dependsOn": [{"type": TEMPERATURE}]})
    assert step["uses"]["id"] == f"{meant}#/properties/heat"


def test_a_thing_of_the_zone_is_used_if_it_can_be_there_instead(setting):
    """What it gives must be acceptable as what the first one gives; where it is does not matter."""
    at = {"forms": [{"href": "http://other.example/"}], "title": "another"}
    sensor(setting, "a", properties={"value": {**READING, "maximum": 50}})
    tight = {"value": {**READING, **at, "maximum": 40}}
    near = sensor(setting, "b", **{"properties": tight, "wasmiot:zone": "yard"})
    wide = {"value": {**READING, **at, "maximum": 90}}
    sensor(setting, "c", **{"properties": wide, "wasmiot:zone": "hall"})
    used = {
        device: setting.placements({"dependsOn": [{"type": TEMPERATURE}], "device": device})[0]
        for device in ("urn:ex:hall", "urn:ex:yard")
    }
    assert used["urn:ex:yard"]["uses"]["id"] == f"{near}#/properties/value"
    assert used["urn:ex:hall"]["uses"]["id"] == "urn:ex:a#/properties/value"


def test_of_many_things_those_of_each_zone_are_looked_at(setting, monkeypatch):
    """A bound on how many are looked at leaves some of every zone, and what was meant by type."""
    monkeypatch.setattr(thing_reader, "MOST_THINGS", 3)
    for number in range(4):
        sensor(setting, f"a{number}", **{"wasmiot:zone": "hall"})
    far = sensor(setting, "z", **{"wasmiot:zone": "yard"})
    step = {"dependsOn": [{"type": TEMPERATURE}], "device": "urn:ex:yard"}
    (placement,) = setting.placements(step)
    assert placement["uses"]["id"] == f"{far}#/properties/value"
    meant = setting.register("zz", properties={"heat": {**READING, "@type": TEMPERATURE}})
    (placement,) = setting.placements({"dependsOn": [{"type": TEMPERATURE}]})
    assert placement["uses"]["id"] == f"{meant}#/properties/heat"


def test_a_subclass_is_found_by_its_superclass(setting):
    """The ontologies that are known here say which are subclasses, and what is equivalent."""
    id = sensor(setting)
    assert "/sequence/0/dependsOn/0" in setting.faults({"dependsOn": [{"type": "urn:ex:Meter"}]})
    rdfs = "http://www.w3.org/2000/01/rdf-schema#subClassOf"
    turtle = f"<{SENSOR}> <{rdfs}> <urn:ex:Meter> ."
    setting.client.put("/ontologies/meters", data=turtle, content_type="text/turtle")
    for type in ("saref:Sensor", "urn:ex:Meter"):
        (step,) = setting.placements({"dependsOn": [{"type": type}]})
        assert step["uses"]["id"] == f"{id}#/properties/value"


def test_a_thing_is_found_by_the_id_of_its_affordance(setting):
    """The IRI of the affordance is enough."""
    id = lamp(setting)
    (step,) = setting.placements({"dependsOn": [{"id": f"{id}#/properties/level"}]})
    assert (step["uses"]["affordance"], step["uses"]["op"]) == ("level", "readproperty")


def test_of_several_that_fit_one_has_to_be_named(setting):
    """A class of a Thing does not say which of its properties is meant."""
    properties = {"value": READING, "battery": READING}
    id = sensor(setting, properties=properties)
    found = setting.faults({"dependsOn": [{"type": TEMPERATURE}]})
    assert "battery, value" in found["/sequence/0/dependsOn/0"]
    wanted = [{"type": TEMPERATURE, "affordance": "battery"}]
    (step,) = setting.placements({"dependsOn": wanted})
    assert step["uses"]["id"] == f"{id}#/properties/battery"


def test_a_thing_that_does_not_answer_or_holds_no_more_does_not_count(setting):
    """Nor does one that is not there; each is named where it is asked for."""
    ill = sensor(setting)
    setting.store.put(Observation(ill, False, None, {}), kind="observation")
    sensor(setting, "old", registration={"expires": "2020-01-01T00:00:00Z"})
    steps = ({"dependsOn": [{"type": TEMPERATURE}]}, {"thing": "urn:none", "affordance": "x"})
    found = setting.faults(*steps)
    assert set(found) == {"/sequence/0/dependsOn/0", "/sequence/1/thing"}


def test_a_reading_is_bound_to_the_member_that_is_left(setting):
    """The Thing in the zone of the device is taken, and the device in the zone of the Thing."""
    sensor(setting, "a")
    id = sensor(setting, "b", **{"wasmiot:zone": "yard"})
    first, second = setting.placements(
        call("source", id="s"),
        call("add", {"step": "s", "input": "p0"}, {"type": TEMPERATURE}),
    )
    assert second["device"] == first["device"] == "urn:ex:yard"
    (reading,) = second["dependsOn"]
    assert (reading["id"], reading["input"]) == (f"{id}#/properties/value", "p1")
    names = [s["name"] for s in second["candidates"][0]["scores"]]
    assert "near_things" in names


def test_a_reading_that_does_not_fit_is_refused(setting):
    """A text is no number, and of several Things those that fit are taken."""
    bad = sensor(setting, "a", properties={"value": {**READING, "type": "string"}})
    step = call("twice", {"type": TEMPERATURE})
    assert f"{bad}#/properties/value" in setting.faults(step)["/sequence/0/dependsOn/0"]
    good = sensor(setting, "b")
    (placement,) = setting.placements(step)
    assert placement["dependsOn"][0]["id"] == f"{good}#/properties/value"


def test_a_trigger_follows_an_event_of_a_thing(setting):
    """The solution says where the event is, and its data is the first input."""
    event = {"data": {"type": "number"}, "forms": FORM}
    id = setting.register("bell", events={"rung": event})
    answer = setting.solve(call("twice"), trigger={"event": f"{id}#/events/rung"})
    assert answer.get_json()["trigger"] == {
        "event": f"{id}#/events/rung",
        "thing": f"http://127.0.0.1:5000/things/{id}",
        "affordance": "rung",
    }


@pytest.mark.parametrize(
    ("trigger", "pointer", "words"),
    [
        ({"every": "PT0S"}, "/trigger/every", "shorter"),
        ({"every": "10s"}, "/trigger/every", "ISO 8601"),
        ({"cron": "61 * * * *"}, "/trigger/cron", "cron"),
        ({"cron": "* * * *"}, "/trigger/cron", "five fields"),
        ({"event": "urn:none#/events/x"}, "/trigger/event", "no event"),
        ({"property": "urn:lamp#/properties/level"}, "/trigger/property", "cannot be observed"),
        ({"event": "urn:lamp#/properties/level"}, "/trigger/event", "no event"),
        ({"event": "urn:lamp#/events/broke"}, "/trigger", "cannot be had from a string"),
    ],
)
def test_a_trigger_that_cannot_be_is_refused(setting, trigger, pointer, words):
    """A wrong time, a Thing that is not there, a property that cannot be observed, wrong data."""
    setting.register(
        "lamp",
        id="urn:lamp",
        properties={"level": {"type": "number", "forms": FORM}},
        events={"broke": {"data": {"type": "string"}, "forms": FORM}},
    )
    assert words in setting.faults(call("twice"), trigger=trigger)[pointer]


def test_a_time_gives_no_input(setting):
    """A first step that takes one cannot be started by a clock, unless constants suffice."""
    trigger = {"every": "PT10S"}
    assert "does not give" in setting.faults(call("twice"), trigger=trigger)["/trigger"]
    step = call("add", arguments={"p0": 1, "p1": 2})
    assert setting.placements(step, trigger=trigger)[0]["arguments"] == {"p0": 1, "p1": 2}


def test_a_manifest_may_come_before_its_things(setting):
    """Like devices, Things come and go; modules and steps have to be there."""
    manifest = {"name": "early", "sequence": [{"thing": "urn:none", "affordance": "x"}]}
    assert setting.client.post("/manifests", json=manifest).status_code == 201
    answer = setting.client.get("/manifests/early/solution")
    assert (answer.status_code, answer.get_json()["title"]) == (422, "Unknown Thing")
    manifest["sequence"] = [call("twice", {"step": "none"})]
    assert setting.client.post("/manifests", json=manifest).status_code == 422
