"""Thing Models become Thing Descriptions."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from wasmiot_td.errors import ValidationError
from wasmiot_td.thing_description import load
from wasmiot_td.thing_model import Instance, derive_thing, merge_patch, placeholders_of

CORPUS = os.environ.get("WASMIOT_CORPUS", "")
TD = "https://www.w3.org/2022/wot/td/v1.1"
ELSEWHERE = ('"rel": "tm:extends"', '"tm:ref": "http', '"tm:ref": "file')
MODELS: dict[str, Any] = {
    "https://models.example/lamp.tm.json": {
        "@context": TD,
        "@type": "tm:ThingModel",
        "id": "urn:model:lamp",
        "title": "Lamp",
        "version": {"model": "1.2.0"},
        "links": [
            {"rel": "icon", "href": "https://models.example/lamp.png", "sizes": "8x8"},
            {"rel": "license", "href": "https://models.example/license"},
        ],
        "properties": {
            "on": {"type": "boolean", "title": "On", "description": "whether it burns"},
            "level": {"type": "integer", "minimum": 0, "maximum": 100, "readOnly": True},
        },
        "events": {"hot": {"data": {"type": "number"}}},
        "tm:optional": ["/events/hot"],
    },
    "https://models.example/dir/dimmer.tm.json": {
        "@context": [TD, {"saref": "https://w3id.org/saref#"}],
        "@type": ["tm:ThingModel", "saref:LightSwitch"],
        "title": "Dimmer",
        "links": [{"rel": "tm:extends", "href": "../lamp.tm.json"}],
        "properties": {"level": {"maximum": 255}},
        "actions": {
            "fade": {
                "input": {"tm:ref": "../lamp.tm.json#/properties/level", "readOnly": None},
                "output": {"tm:ref": "#/properties/level", "title": "Then"},
            }
        },
    },
}


def load_model(url: str) -> Any:
    """Return a model of the library above."""
    return MODELS[url]


def dimmer(instance: Instance | None = None) -> dict[str, Any]:
    """Return a dimmer."""
    url = "https://models.example/dir/dimmer.tm.json"
    return derive_thing(MODELS[url], instance, url=url, load_model=load_model)


def test_what_is_extended_is_inherited_and_overridden() -> None:
    """Members of the model go over those of the one it extends, deep inside too."""
    thing = dimmer()
    assert thing["title"] == "Dimmer"
    assert thing["properties"]["on"]["description"] == "whether it burns"
    assert thing["properties"]["level"]["maximum"] == 255
    assert thing["properties"]["level"]["minimum"] == 0
    assert thing["@context"] == [TD, {"saref": "https://w3id.org/saref#"}]


def test_what_is_imported_stands_in_its_place() -> None:
    """A reference brings the part; members beside it override, and null removes."""
    fade = dimmer()["actions"]["fade"]
    assert fade["input"] == {"type": "integer", "minimum": 0, "maximum": 100}
    assert fade["output"] == {"maximum": 255, "title": "Then"}


def test_the_thing_is_linked_to_its_model() -> None:
    """One link of `rel: type`; the links that made the model are gone."""
    links = dimmer()["links"]
    assert [link["rel"] for link in links] == ["icon", "license", "type"]
    assert links[-1]["href"] == "https://models.example/dir/dimmer.tm.json"
    assert links[-1]["type"] == "application/tm+json"


def test_nothing_of_the_model_is_left() -> None:
    """Neither the model's class, nor its own id, nor a `tm:` member."""
    thing = dimmer(Instance(id="urn:uuid:1"))
    assert thing["@type"] == ["Thing", "saref:LightSwitch"]
    assert thing["id"] == "urn:uuid:1"
    assert "tm:" not in json.dumps(thing)


def test_with_a_base_it_is_a_thing_that_can_be_used() -> None:
    """Forms of the Basic Profile, security and version are there: it loads without violations."""
    base = "https://dimmer.example/"
    lamp = "https://models.example/lamp.tm.json"
    thing = derive_thing(MODELS[lamp], Instance(id="urn:x:1", title="Mine", base=base), url=lamp)
    loaded = load(thing)
    assert loaded.document["title"] == "Mine"
    assert thing["version"] == {"model": "1.2.0", "instance": "1.2.0"}
    assert thing["properties"]["level"]["forms"][0]["op"] == ["readproperty"]
    assert thing["events"]["hot"]["forms"][0]["subprotocol"] == "sse"


def test_an_optional_affordance_may_be_left_out() -> None:
    """The last of its kind takes the kind with it."""
    assert "events" not in dimmer(Instance(without=["/events/hot"]))


def test_a_mandatory_affordance_may_not_be_left_out() -> None:
    """It is named."""
    with pytest.raises(ValidationError, match="/properties/on: is not optional"):
        dimmer(Instance(without=["/properties/on"]))


def test_placeholders_are_filled_with_values_of_any_type() -> None:
    """A placeholder that is a whole text takes the value's type; within a text it is text."""
    model = {
        "id": "urn:lamp:{{N}}",
        "title": "Lamp {{N}} in {{ROOM}}",
        "properties": {"{{NAME}}": {"maximum": "{{N}}", "observable": "{{WATCHED}}"}},
    }
    values = {"N": 7, "ROOM": "hall", "NAME": "level", "WATCHED": False}
    thing = derive_thing(model, Instance(placeholders=values))
    assert (thing["id"], thing["title"]) == ("urn:lamp:7", "Lamp 7 in hall")
    assert thing["properties"] == {"level": {"maximum": 7, "observable": False}}
    assert placeholders_of(model) == set(values)


def test_every_fault_is_reported_at_once() -> None:
    """Placeholders without a value, models that cannot be had, parts that are not there."""
    model = {
        "title": "{{A}}",
        "base": "http://{{B}}/",
        "links": [{"rel": "tm:extends", "href": "https://models.example/none"}],
        "properties": {"x": {"tm:ref": "https://models.example/lamp.tm.json#/properties/none"}},
    }
    with pytest.raises(ValidationError) as caught:
        derive_thing(model, load_model=load_model)
    pointers = [f.pointer for f in caught.value.report.violations]
    assert pointers == ["/base", "/links/0/href", "/properties/x/tm:ref", "/title"]


def test_circles_end() -> None:
    """Models that extend or import one another are refused, whichever way."""
    a, b = "https://models.example/a", "https://models.example/b"
    circle = {
        a: {"links": [{"rel": "tm:extends", "href": b}]},
        b: {"links": [{"rel": "tm:extends", "href": a}]},
    }
    with pytest.raises(ValidationError, match="a circle"):
        derive_thing(circle[a], url=a, load_model=circle.__getitem__)
    with pytest.raises(ValidationError, match="a circle"):
        derive_thing({"properties": {"x": {"tm:ref": "#/properties"}}})


def test_imports_do_not_multiply_without_end() -> None:
    """Each level refers twice to the next: what would be a billion parts is refused."""
    level = {"tm:ref": "#/schemaDefinitions/{}"}
    names = {
        str(n): {k: {"tm:ref": f"#/schemaDefinitions/{n + 1}"} for k in "ab"} for n in range(30)
    }
    model = {"schemaDefinitions": {**names, "30": {"type": "integer"}}, "properties": {"x": level}}
    with pytest.raises(ValidationError, match="come to more than"):
        derive_thing(model)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": [1]}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}),
        ([1, 2], {"a": 1}, {"a": 1}),
        ({"a": 1}, "x", "x"),
    ],
)
def test_merge_patch(target: Any, patch: Any, result: Any) -> None:
    """Cases of RFC 7396, appendix A."""
    assert merge_patch(target, patch) == result


@pytest.mark.skipif(not CORPUS, reason="WASMIOT_CORPUS names no corpus")
def test_models_of_the_corpus_become_things() -> None:
    """Each model that stands alone becomes a Thing that loads without violations."""
    derived = 0
    for path in sorted(Path(CORPUS, "tms").glob("*.json")):
        model = json.loads(path.read_bytes())
        text = json.dumps(model)
        if placeholders_of(model) or any(needed in text for needed in ELSEWHERE):
            continue
        instance = Instance(title="A Thing", base="https://thing.example/")
        thing = derive_thing(model, instance, url="https://models.example/m.tm.json")
        load(thing)
        derived += 1
    assert derived > 5
