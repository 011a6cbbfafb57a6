"""What cannot be done is refused with what and where, and nothing is half-stored."""

import json
from typing import Any

import pytest
import requests
from local_system import EXAMPLE, IMAGES, MANIFEST, TINY_BYTES, System
from orchestrator_client import RefusedError

PROBLEM = "application/problem+json"
JSON_LD = "application/ld+json"


def post(system: System, path: str, content_type: str, body: bytes) -> requests.Response:
    """Send a body to the orchestrator and return the answer, whatever it is."""
    url = system.orchestrator.url + path
    headers = {"Content-Type": content_type}
    return requests.post(url, data=body, headers=headers, timeout=30)


def listing(system: System, path: str) -> Any:
    """Return a listing of the orchestrator."""
    return system.orchestrator.request("GET", path).json()


def manifest_naming(module: str) -> bytes:
    """Return the manifest with another second module and name."""
    manifest = json.loads(MANIFEST)
    manifest["name"] = "refused"
    manifest["sequence"][1]["module"] = module
    return json.dumps(manifest).encode()


@pytest.mark.parametrize(
    ("path", "content_type", "body", "said"),
    [
        ("modules?name=odd", "application/wasm", b"MZ\x90\x00 no wasm", "WebAssembly"),
        ("modules?name=odd", "application/wasm", b"(module)", "WebAssembly"),
        ("modules?name=odd", "application/wasm", b"", "WebAssembly"),
        ("things", "application/td+json", b"{ no json", "JSON"),
        ("things", "application/td+json", b"[1, 2]", "object"),
        ("manifests", JSON_LD, b"{ no json", "JSON"),
        ("manifests", JSON_LD, manifest_naming("nosuchmodule"), "nosuchmodule"),
    ],
    ids=["exe", "text-module", "empty-module", "td-syntax", "td-array", "manifest", "unknown"],
)
def test_bad_input_is_a_clear_4xx_and_stores_nothing(
    running: System, path: str, content_type: str, body: bytes, said: str
) -> None:
    """The answer is problem details that name the fault; the listing stays as it was."""
    kept = path.partition("?")[0]
    before = listing(running, kept)
    response = post(running, path, content_type, body)
    assert 400 <= response.status_code < 500, response.text
    assert response.headers["Content-Type"].startswith(PROBLEM)
    assert said.lower() in response.text.lower()
    assert "Traceback" not in response.text
    assert listing(running, kept) == before


def test_a_description_that_contradicts_its_binary_stores_nothing(running: System) -> None:
    """A Thing Model whose entrypoint the binary lacks is refused by name."""
    before = listing(running, "modules")
    binary = EXAMPLE / "camera" / "camera.wasm"
    with pytest.raises(RefusedError) as caught:
        running.orchestrator.upload_module(binary, EXAMPLE / "digits.tm.json", {})
    assert caught.value.status == 422
    assert "classify" in json.dumps(caught.value.problem)
    assert listing(running, "modules") == before


def test_an_unsolvable_manifest_names_step_requirement_and_each_device(alone: System) -> None:
    """422 with the step, what it needs, and for each device why it will not do."""
    alone.add_supervisor("tiny", TINY_BYTES)
    alone.add_supervisor("eye", TINY_BYTES, IMAGES)
    alone.upload()
    with pytest.raises(RefusedError) as caught:
        alone.deploy()
    assert caught.value.status == 422
    problem = json.dumps(caught.value.problem)
    assert "classify" in problem
    assert "memory" in problem.lower()
    assert all(device in problem for device in alone.devices.values())
    assert listing(alone, "deployments") == []


def test_a_camera_that_is_missing_is_named_from_the_binary(alone: System) -> None:
    """The requirement comes from the module's imports: no description mentions it."""
    alone.add_supervisor("tiny", TINY_BYTES)
    alone.upload()
    with pytest.raises(RefusedError) as caught:
        alone.deploy()
    assert "camera.takeImageDynamicSize" in json.dumps(caught.value.problem)
    assert b"takeImageDynamicSize" not in (EXAMPLE / "camera.tm.json").read_bytes()
