"""Chains over devices: outputs feed other Things, values come from them."""

from pathlib import Path

import pytest
import wasmtime
from flask import Flask

EXAMPLE = Path(__file__).parents[2] / "examples" / "digit-reader"
IMAGE = "image/x-portable-graymap"
CONTEXT = ["https://www.w3.org/2022/wot/td/v1.1", "https://wetware.fi/2023/wasmiot/v1.0"]
PICTURE = {"type": "string", "contentMediaType": IMAGE}
INCREMENT = """(module
  (func (export "one") (result i32) i32.const 1)
  (func (export "increment") (param i32) (result i32)
    (i32.add (local.get 0) (i32.const 1))))"""
SENSOR = '(module (func (export "temperature") (result f32) (f32.const 21.3)))'
DOUBLE = """(module
  (func (export "double") (param f32) (result f32) (f32.mul (local.get 0) (f32.const 2))))"""
LESS = """(module (func (export "less") (param f32 f32) (result f32)
  (f32.sub (local.get 0) (local.get 1))))"""
NUMBER = {"type": "integer"}


def feeds(thing, affordance):
    """Return where an output goes."""
    target = {"id": f"urn:x#/actions/{affordance}", "thing": thing, "affordance": affordance}
    return {"wasmiot:feeds": [target]}


def test_image_to_label(fleet):
    """An image taken on one device is recognised on another, with the example's real modules."""
    camera, digits = fleet("camera", camera=str(EXAMPLE / "images")), fleet("digits")
    take = {
        "wasmiot:entrypoint": "takeImage",
        "wasmiot:mount": [{"path": "image.pgm", "stage": "output", "mediaType": IMAGE}],
        "output": PICTURE,
        **feeds("http://digits/deployments/reader/td", "classify"),
    }
    weights = digits.place((EXAMPLE / "weights.bin").read_bytes())
    classify = {
        "wasmiot:entrypoint": "classify",
        "wasmiot:mount": [
            {"path": "weights.bin", "stage": "deployment", "mediaType": "application/octet-stream"},
            {"path": "image.pgm", "stage": "execution", "mediaType": IMAGE},
        ],
        "wasmiot:dataFile": [{"path": "weights.bin", "digest": weights}],
        "input": PICTURE,
        "output": {"type": "integer", "minimum": 0, "maximum": 9},
    }
    for device, name, actions in (
        (camera, "camera", {"takeImage": take}),
        (digits, "digits", {"classify": classify}),
    ):
        digest = device.place((EXAMPLE / name / f"{name}.wasm").read_bytes())
        response = device.put_digest("reader", digest, actions=actions)
        assert response.status_code == 201, response.text
    status = camera.invoke("reader", "takeImage")
    taken = camera.client.get(status["outputUrl"]).data
    assert taken == (EXAMPLE / "images" / "digit-00.pgm").read_bytes()
    label = (EXAMPLE / "images" / "labels.csv").read_text().split("\n")[1].split(",")[1]
    assert digits.ended(status["resultUrl"])["output"] == int(label)


def test_value_to_value(fleet):
    """A JSON output is the next action's input, also on the same device."""
    device = fleet("a")
    one = {"wasmiot:entrypoint": "one", "output": NUMBER}
    increment = {"wasmiot:entrypoint": "increment", "input": NUMBER, "output": NUMBER}
    one |= feeds("http://a/deployments/chain/td", "increment")
    device.put("chain", INCREMENT, actions={"one": one, "increment": increment})
    assert device.ended(device.invoke("chain", "one")["resultUrl"])["output"] == 2


def test_synchronous_target(fleet):
    """The output of a synchronous target is the output of the chain."""
    device = fleet("a")
    one = {"wasmiot:entrypoint": "one", "output": NUMBER}
    increment = {"wasmiot:entrypoint": "increment", "input": NUMBER, "output": NUMBER}
    increment["synchronous"] = True
    one |= feeds("http://a/deployments/chain/td", "increment")
    device.put("chain", INCREMENT, actions={"one": one, "increment": increment})
    assert device.invoke("chain", "one")["output"] == 2


def test_target_that_is_away(fleet):
    """A target that cannot be reached fails the call and says which one."""
    device = fleet("a")
    one = {"wasmiot:entrypoint": "one", "output": NUMBER, **feeds("http://b/td", "f")}
    device.put("chain", INCREMENT, actions={"one": one})
    error = device.invoke("chain", "one")["error"]
    assert (error["status"], "http://b/td" in error["detail"]) == (502, True)


def test_alternative_target(fleet):
    """Where the first target is away, the next best is used."""
    device = fleet("a")
    here = {"thing": "http://a/deployments/chain/td", "affordance": "increment"}
    away = {"id": "urn:b", "thing": "http://b/td", "affordance": "f", "alternatives": [here]}
    one = {"wasmiot:entrypoint": "one", "output": NUMBER, "wasmiot:feeds": [away]}
    increment = {"wasmiot:entrypoint": "increment", "input": NUMBER, "output": NUMBER}
    response = device.put("chain", INCREMENT, actions={"one": one, "increment": increment})
    assert response.status_code == 201, response.text
    assert device.ended(device.invoke("chain", "one")["resultUrl"])["output"] == 2


def test_dependency_is_read(fleet):
    """What a property depends on is read from the other Thing and passed as the argument."""
    sensor, room = fleet("sensor"), fleet("room")
    temperature = {"type": "number", "wasmiot:entrypoint": "temperature"}
    sensor.put("dht", SENSOR, properties={"temperature": temperature})
    depends = {
        "id": "urn:sensor#/properties/temperature",
        "thing": "http://sensor/deployments/dht/td",
    }
    double = {"type": "number", "wasmiot:entrypoint": "double", "wasmiot:dependsOn": [depends]}
    assert room.put("room", DOUBLE, properties={"double": double}).status_code == 201
    assert room.client.get("/deployments/room/properties/double").json == 42.6


@pytest.mark.parametrize("is_synchronous", [True, False])
def test_dependency_of_an_action(fleet, is_synchronous):
    """What an action depends on is read when it is called, beside what it is sent, by name."""
    sensor, room = fleet("sensor"), fleet("room")
    temperature = {"type": "number", "wasmiot:entrypoint": "temperature"}
    sensor.put("dht", SENSOR, properties={"temperature": temperature})
    thing = "http://sensor/deployments/dht/td"
    depends = {"id": "urn:s#/properties/temperature", "thing": thing, "input": "inside"}
    members = {"outside": {"type": "number"}, "inside": {"type": "number"}}
    warmer = {"wasmiot:entrypoint": "less", "synchronous": is_synchronous}
    warmer |= {"input": {"type": "object", "properties": members, "required": ["outside"]}}
    warmer |= {"output": {"type": "number"}, "wasmiot:dependsOn": [depends]}
    response = room.put("room", LESS, actions={"warmer": warmer})
    assert response.status_code == 201, response.text
    if is_synchronous:
        url = "/deployments/room/actions/warmer"
        found = room.client.post(url, json={"outside": 30}).json
    else:
        found = room.invoke("room", "warmer", json={"outside": 30})["output"]
    assert found == pytest.approx(30 - 21.3, abs=1e-5)


@pytest.mark.parametrize(
    "depends",
    [
        {"id": "urn:hall-sensor"},
        {"id": "urn:hall-sensor#/properties/temperature"},
        {"id": "urn:hall-temperature"},
        {"id": "urn:unknown", "type": "saref:TemperatureSensor"},
        {"id": "urn:unknown", "type": "saref:Temperature"},
    ],
    ids=["thing", "pointer", "property", "type of the thing", "type of the property"],
)
def test_dependency_from_a_directory(fleet, depends):
    """What has no address is found in the directory: by id, or by semantic type."""
    prefix = {"saref": "https://w3id.org/saref#"}
    sensor, room = fleet("sensor"), fleet("room", directory="http://directory/")
    temperature = {"id": "urn:hall-temperature", "type": "number", "@type": "saref:Temperature"}
    sensor.put(
        "dht",
        SENSOR,
        id="urn:hall-sensor",
        **{"@context": [*CONTEXT, prefix], "@type": ["Thing", "saref:TemperatureSensor"]},
        properties={"temperature": {**temperature, "wasmiot:entrypoint": "temperature"}},
    )
    listed = [{"title": "another"}, sensor.client.get("/deployments/dht/td").json]
    directory = Flask("directory")
    directory.add_url_rule("/things", view_func=lambda: listed)
    fleet.apps["http://directory/"] = directory
    double = {"type": "number", "wasmiot:entrypoint": "double", "wasmiot:dependsOn": [depends]}
    room.put("room", DOUBLE, **{"@context": [*CONTEXT, prefix]}, properties={"double": double})
    assert room.client.get("/deployments/room/properties/double").json == 42.6


def test_dependency_when_the_directory_is_silent(fleet):
    """What the directory found before is used while it does not answer, and only then."""
    sensor, room = fleet("sensor"), fleet("room", directory="http://directory/")
    temperature = {"type": "number", "wasmiot:entrypoint": "temperature"}
    sensor.put("dht", SENSOR, id="urn:hall", properties={"temperature": temperature})
    listed = [sensor.client.get("/deployments/dht/td").json]
    directory = Flask("directory")
    directory.add_url_rule("/things", view_func=lambda: listed)
    fleet.apps["http://directory/"] = directory
    depends = {"wasmiot:dependsOn": [{"id": "urn:hall"}]}
    double = {"type": "number", "wasmiot:entrypoint": "double", **depends}
    room.put("room", DOUBLE, properties={"double": double})
    url = "/deployments/room/properties/double"
    assert room.client.get(url).json == 42.6
    del fleet.apps["http://directory/"]
    assert room.client.get(url).json == 42.6
    fleet.apps["http://directory/"] = directory
    listed.clear()
    assert room.client.get(url).status_code == 502


def test_dependency_that_is_away(fleet):
    """A Thing that a property depends on and that is away is named in a 502."""
    room = fleet("room")
    depends = {"id": "urn:sensor", "thing": "http://sensor/td", "affordance": "temperature"}
    double = {"type": "number", "wasmiot:entrypoint": "double", "wasmiot:dependsOn": [depends]}
    room.put("room", DOUBLE, properties={"double": double})
    response = room.client.get("/deployments/room/properties/double")
    assert (response.status_code, response.json["dependsOn"]) == (502, "urn:sensor")


def test_remote_call_from_a_module(fleet):
    """`communication.rpcCall` invokes an action of another Thing from inside a module."""
    device = fleet("a")
    url = "http://a/deployments/chain/td#missing"
    wat = f"""(module
      (import "communication" "rpcCall" (func $call (param i32 i32 i32 i32)))
      (memory (export "memory") 1) (data (i32.const 0) "{url}")
      (func (export "f") (call $call (i32.const 0) (i32.const {len(url)})
        (i32.const 0) (i32.const 0))))"""
    assert wasmtime.wat2wasm(wat)
    device.put("chain", wat, actions={"f": {"wasmiot:entrypoint": "f"}})
    assert "missing" in device.invoke("chain", "f")["error"]["detail"]


@pytest.mark.parametrize(
    "reference", [{"id": "urn:ex:sensor"}, {"type": "saref:TemperatureSensor"}], ids=["id", "type"]
)
def test_a_thing_of_the_same_device_is_found(served_device, reference):
    """A device that works alone has no directory: what it serves itself is looked through."""
    context = [*CONTEXT, {"saref": "https://w3id.org/saref#"}]
    number = {"type": "integer", "wasmiot:entrypoint": "f"}
    source = '(module (func (export "f") (result i32) i32.const 21))'
    types = {
        "@context": context,
        "id": "urn:ex:sensor",
        "@type": ["Thing", "saref:TemperatureSensor"],
    }
    served_device.put("sensor", source, properties={"value": number}, **types)
    double = """(module (func (export "f") (param i32) (result i32)
      (i32.mul (local.get 0) (i32.const 2))))"""
    doubled = {**number, "@type": "saref:TemperatureSensor", "wasmiot:dependsOn": [reference]}
    served_device.put("double", double, properties={"value": doubled}, **{"@context": context})
    url = "/deployments/double/properties/value"  # which is of that type itself, and first
    assert served_device.client.get(url).json == 42
    served_device.client.delete("/deployments/sensor")
    gone = served_device.client.get(url)
    assert (gone.status_code, "is not on this device" in gone.json["detail"]) == (502, True)
