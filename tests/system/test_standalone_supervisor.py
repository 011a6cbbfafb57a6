"""A supervisor without an orchestrator: a description, a module, and a property to read."""

import json
from collections.abc import Iterator

import pytest
import requests
import wasmtime
from fleet import Fleet

from wasmiot_td.consumed_thing import ConsumedThing
from wasmiot_td.thing_description import load

MEBIBYTE = 1024 * 1024
SOURCE_FORMAT = {
    "@context": [
        "https://www.w3.org/2022/wot/td/v1.1",
        {"wasmiot": "https://wetware.fi/2023/wasmiot/v1.0", "saref": "https://w3id.org/saref#"},
    ],
    "@type": ["Thing", "wasmiot:Supervisor"],
    "title": "Some device",
    "properties": {
        "status": {
            "id": "urn:wasmiot:some_device_status",
            "type": "string",
            "forms": [],
            "wasmiot:entrypoint": "some_function_name",
            "wasmiot:dependsOn": [
                {"id": "urn:specific_temperature_sensor", "type": "saref:TemperatureSensor"}
            ],
        }
    },
}
MODULE = """
(module
  (memory (export "memory") 1)
  (data (i32.const 16) "all is well\\00")
  (func (export "some_function_name") (result i32) i32.const 16))
"""


@pytest.fixture(scope="module")
def device_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of a supervisor that was started with the two files alone."""
    folder = tmp_path_factory.mktemp("standalone")
    td, module = folder / "device.td.json", folder / "device.wasm"
    td.write_text(json.dumps(SOURCE_FORMAT))
    module.write_bytes(wasmtime.wat2wasm(MODULE))
    options = ("--td", str(td), "--module", str(module))
    with Fleet(is_discovered=False) as fleet:
        server = fleet.start_supervisor("standalone", *options, memory_bytes=MEBIBYTE)
        server.wait_until_listening()
        yield server.url


def installed(device_url: str) -> ConsumedThing:
    """Return the Thing that the device links to as an item of its own."""
    device = requests.get(f"{device_url}.well-known/wot", timeout=10).json()
    links = [link for link in device["links"] if link["rel"] == "item"]
    return ConsumedThing.fetch(requests.compat.urljoin(device["base"], links[0]["href"]))


def test_the_property_is_read_from_the_wasm_function(device_url: str) -> None:
    """A reader that follows the device's links gets the text that the function returns."""
    assert installed(device_url).read_property("status") == "all is well"


def test_a_plain_get_reads_the_property(device_url: str) -> None:
    """What `curl` would do with the form's address works as well."""
    device = requests.get(f"{device_url}.well-known/wot", timeout=10).json()
    link = next(link for link in device["links"] if link["rel"] == "item")
    td = requests.get(requests.compat.urljoin(device["base"], link["href"]), timeout=10).json()
    href = td["properties"]["status"]["forms"][0]["href"]
    response = requests.get(requests.compat.urljoin(td["base"], href), timeout=10)
    assert response.json() == "all is well"


def test_the_description_is_completed_and_keeps_its_terms(device_url: str) -> None:
    """Forms and security are filled in; entrypoint and dependsOn are still there."""
    device = requests.get(f"{device_url}.well-known/wot", timeout=10).json()
    link = next(link for link in device["links"] if link["rel"] == "item")
    td = requests.get(requests.compat.urljoin(device["base"], link["href"]), timeout=10).json()
    status = load(td, strict=True).document["properties"]["status"]
    assert td["title"] == "Some device"
    assert td["security"]
    assert status["forms"]
    assert status["wasmiot:entrypoint"] == "some_function_name"
    assert status["wasmiot:dependsOn"][0]["id"] == "urn:specific_temperature_sensor"
