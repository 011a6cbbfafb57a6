"""A supervisor without an orchestrator: a description, a module, and a property to read."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from fleet import Fleet

from wasmiot_td.consumed_thing import ConsumedThing
from wasmiot_td.thing_description import load

MEBIBYTE = 1024 * 1024
LONE_DEVICE = Path(__file__).parents[2] / "examples" / "lone-device"
TD, MODULE = LONE_DEVICE / "device.td.json", LONE_DEVICE / "status.wasm"


@pytest.fixture(scope="module")
def device_url() -> Iterator[str]:
    """Return the URL of a supervisor that was started with the two files alone."""
    options = ("--td", str(TD), "--module", str(MODULE))
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
    value = installed(device_url).read_property("status")
    assert re.fullmatch(r"clock at \d+ s", value)


def test_a_plain_get_reads_the_property(device_url: str) -> None:
    """What `curl` would do with the form's address works as well."""
    device = requests.get(f"{device_url}.well-known/wot", timeout=10).json()
    link = next(link for link in device["links"] if link["rel"] == "item")
    td = requests.get(requests.compat.urljoin(device["base"], link["href"]), timeout=10).json()
    href = td["properties"]["status"]["forms"][0]["href"]
    response = requests.get(requests.compat.urljoin(td["base"], href), timeout=10)
    assert re.fullmatch(r"clock at \d+ s", response.json())


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
