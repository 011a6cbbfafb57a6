"""The examples beyond the digit reader: branches that meet, and what starts by itself."""

import time
from pathlib import Path

import pytest
import requests
from local_system import EXAMPLE, IMAGES, MID_BYTES, System

from wasmiot_td.consumed_thing import ConsumedThing

EXAMPLES = EXAMPLE.parent
YAML = {"Content-Type": "application/ld+yaml"}


def upload(system: System, folder: str, name: str) -> None:
    """Upload a module of an example, with its description if it has one."""
    description = EXAMPLES / folder / f"{name}.tm.json"
    files = {"binary": (f"{name}.wasm", (EXAMPLES / folder / f"{name}.wasm").read_bytes())}
    if description.exists():
        files["description"] = (description.name, description.read_bytes())
    system.orchestrator.request("POST", f"modules?name={name}", files=files)


def deploy(system: System, folder: str) -> ConsumedThing:
    """Submit the manifest of an example and deploy it."""
    body = (EXAMPLES / folder / "manifest.yaml").read_bytes()
    system.orchestrator.request("POST", "manifests", data=body, headers=YAML)
    location = system.orchestrator.request("POST", f"manifests/{folder}/deploy").headers["Location"]
    return ConsumedThing.fetch(location)


@pytest.fixture
def devices(alone: System) -> System:
    """Three devices, of which one has a camera."""
    alone.add_supervisor("eye", 2 * MID_BYTES, IMAGES)
    for name in ("left", "right"):
        alone.add_supervisor(name, MID_BYTES)
    return alone


def test_one_image_goes_two_ways_that_meet(devices: System) -> None:
    """What is read and how much ink there is are compared with a constant, for every image."""
    devices.upload()
    for name in ("ink", "judge"):
        upload(devices, "digit-check", name)
    thing = deploy(devices, "digit-check")
    for path in sorted(IMAGES.glob("*.pgm"))[:3]:
        status = thing.wait_for_action(thing.invoke_action("execute"))
        assert status.status == "completed", status.error
        by_name = {entry.affordance: entry for entry in status.trace}
        digit = ConsumedThing({}).query_action(by_name["classify"].result_url).output
        ink = ConsumedThing({}).query_action(by_name["share"].result_url).output
        expected = 0.24 if digit == 1 else 0.3
        assert abs(status.output - abs(ink - expected)) < 1e-5
        assert abs(ink - mean_brightness(path)) < 1e-5


def mean_brightness(path: Path) -> float:
    """Return the share of ink of an image, counted here."""
    _, size, most, pixels = path.read_bytes().split(b"\n", 3)
    width, height = map(int, size.split())
    return sum(pixels) / int(most) / width / height


def test_a_device_starts_it_again_and_again(alone: System) -> None:
    """Also while the orchestrator is away."""
    supervisor = alone.add_supervisor("clock", MID_BYTES)
    upload(alone, "recurring", "measure")
    deploy(alone, "recurring")
    url = f"{supervisor.url}deployments/recurring/actions"
    results(url, 2)
    alone.server.end()
    before = len(requests.get(url, timeout=10).json()["seconds"])
    results(url, before + 2)


def results(url: str, wanted: int) -> None:
    """Wait until so many invocations have completed."""
    for _ in range(300):
        statuses = requests.get(url, timeout=10).json().get("seconds", [])
        if sum(s["status"] == "completed" for s in statuses) >= wanted:
            return
        time.sleep(0.1)
    raise AssertionError(f"{wanted} results did not come: {statuses}")
