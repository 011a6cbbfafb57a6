"""Nothing is hard-coded: other images, weights or devices give another outcome."""

import csv
import json
import struct
from pathlib import Path

import pytest
from local_system import CAMERA_BYTES, IMAGES, MANIFEST, MID_BYTES, TINY_BYTES, WEIGHTS, System
from orchestrator_client import RefusedError, execute


def image_of(label: str) -> bytes:
    """Return a shipped image with this true label."""
    with (IMAGES / "labels.csv").open(newline="") as file:
        name = next(row["file"] for row in csv.DictReader(file) if row["label"] == label)
    return (IMAGES / name).read_bytes()


def weights_that_always_say(label: int) -> bytes:
    """Return the shipped weights with an output bias that outweighs everything else."""
    bias = [1e9 if number == label else 0.0 for number in range(10)]
    return WEIGHTS[:-40] + struct.pack("<10f", *bias)


def pinned(device: str) -> bytes:
    """Return the manifest with its first step pinned to a device."""
    manifest = json.loads(MANIFEST)
    manifest["sequence"][0]["device"] = device
    return json.dumps(manifest).encode()


def test_the_result_follows_the_image(alone: System, tmp_path: Path) -> None:
    """What the camera sees decides the label, and the trace leads to the image."""
    alone.add_supervisor("eye", CAMERA_BYTES, tmp_path)
    alone.add_supervisor("mid", MID_BYTES)
    alone.upload()
    deployment = alone.deploy()
    for label in ("2", "7"):
        (tmp_path / "seen.pgm").write_bytes(image_of(label))
        status = execute(deployment)
        assert status["output"] == int(label)
        assert deployment.fetch_output(status["trace"][0]["outputUrl"])[0] == image_of(label)


def test_the_result_follows_the_weights(system: System) -> None:
    """Weights that favour one label make every image that label."""
    system.upload(weights_that_always_say(3))
    deployment = system.deploy()
    assert [execute(deployment)["output"] for _ in range(2)] == [3, 3]


def test_a_further_supervisor_makes_the_unsolvable_solvable(alone: System) -> None:
    """Without room for the network there is no solution; one more device, and it goes there."""
    alone.add_supervisor("camera", CAMERA_BYTES, IMAGES)
    alone.add_supervisor("tiny", TINY_BYTES)
    alone.upload()
    with pytest.raises(RefusedError, match="422"):
        alone.deploy()
    alone.add_supervisor("fourth", MID_BYTES)
    trace = execute(alone.deploy())["trace"]
    assert [part["device"] for part in trace] == [alone.devices[n] for n in ("camera", "fourth")]


def test_a_pinned_step_goes_to_its_device(system: System) -> None:
    """A fourth device with a camera takes the image if the manifest says so."""
    system.add_supervisor("fourth", MID_BYTES, IMAGES)
    system.upload()
    fourth = system.devices["fourth"]
    assert execute(system.deploy(pinned(fourth)))["trace"][0]["device"] == fourth
