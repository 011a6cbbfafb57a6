"""Run the digit reader on one orchestrator and three supervisors, and clean up.

`make demo` runs this. With KEEP=1 in the environment everything stays up until Ctrl-C.
"""

import argparse
import csv
import hashlib
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import requests
from display import MEBIBYTE, module_line, solution_lines, thing_line
from fleet import Fleet, FleetError, Server
from orchestrator_client import OrchestratorClient, RefusedError, execute

from wasmiot_td.consumed_thing import ConsumedThing
from wasmiot_td.errors import WasmiotError

HERE = Path(__file__).resolve().parent
# The network needs 2 MiB of linear memory and its weights: only `mid` can hold it.
CAMERA_BYTES = 3 * MEBIBYTE // 2
MID_BYTES = 64 * MEBIBYTE
TINY_BYTES = MEBIBYTE


@dataclass(frozen=True)
class Reading:
    """One image: what was read, what is true (None if nobody knows), by whom, how fast."""

    image: str
    label: Any
    truth: int | None
    devices: tuple[str, ...]
    seconds: float


def main() -> int:
    """Run the demo; 0 if every image was read."""
    options = parse_options()
    signal.signal(signal.SIGTERM, _exit_on_signal)
    # A shell that starts something in the background has it ignore Ctrl-C, and that is inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Fleet() as fleet:
            run(fleet, options)
            keep_up(fleet)
    except KeyboardInterrupt:
        return 130
    except (
        FleetError,
        RefusedError,
        TimeoutError,
        WasmiotError,
        requests.RequestException,
    ) as error:
        print(f"the demo failed: {error}", file=sys.stderr)
        return 1
    return 0


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, default=HERE / "images", help="the camera's images")
    parser.add_argument("--weights", type=Path, default=HERE / "weights.bin")
    parser.add_argument("--count", type=int, default=10, help="how many images to read")
    return parser.parse_args()


def _exit_on_signal(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def run(fleet: Fleet, options: argparse.Namespace) -> None:
    """Go the whole way, one heading for each of its parts."""
    heading("Start one orchestrator and three supervisors")
    orchestrator, supervisors = start(fleet, options.images)
    heading("Wait until the orchestrator knows the supervisors")
    names = introduce(orchestrator, supervisors)
    heading("Upload the modules")
    upload(orchestrator, options.weights)
    heading("Submit manifest.jsonld; the solution")
    manifest_url = orchestrator.submit((HERE / "manifest.jsonld").read_bytes())
    say(*solution_lines(orchestrator.solution(manifest_url), names))
    heading("Deploy")
    deployment_url = orchestrator.deploy(manifest_url)
    say(deployment_url)
    heading(f"Execute for {options.count} images")
    deployment = ConsumedThing.fetch(deployment_url)
    truths = labels_by_digest(options.images)
    readings = [read_one(deployment, names, truths) for _ in range(options.count)]
    say(accuracy_line(readings))
    say_urls(orchestrator.url, supervisors, deployment_url)


def start(fleet: Fleet, images: Path) -> tuple[OrchestratorClient, list[Server]]:
    """Start the processes and wait until each listens."""
    orchestrator = fleet.start_orchestrator()
    orchestrator.wait_until_listening()
    supervisors = [
        fleet.start_supervisor("camera", memory_bytes=CAMERA_BYTES, camera=images),
        fleet.start_supervisor("mid", memory_bytes=MID_BYTES),
        fleet.start_supervisor("tiny", memory_bytes=TINY_BYTES),
    ]
    for server in supervisors:
        server.wait_until_listening()
    say(*(f"{server.name:<12} {server.url}" for server in (orchestrator, *supervisors)))
    return OrchestratorClient(orchestrator.url), supervisors


def introduce(orchestrator: OrchestratorClient, supervisors: list[Server]) -> dict[str, str]:
    """Wait for the supervisors in the directory; return the title of each Thing by its IRI."""
    described = [requests.get(f"{s.url}.well-known/wot", timeout=10).json() for s in supervisors]
    known = orchestrator.wait_for_things({thing["id"] for thing in described})
    say(*(thing_line(known[thing["id"]]) for thing in described))
    return {thing["id"]: thing["title"] for thing in orchestrator.things()}


def upload(orchestrator: OrchestratorClient, weights: Path) -> None:
    """Upload both modules, the second with its weights."""
    for name, data_files in (("camera", {}), ("digits", {"weights.bin": weights.read_bytes()})):
        binary, description = HERE / name / f"{name}.wasm", HERE / f"{name}.tm.json"
        say(module_line(orchestrator.upload_module(binary, description, data_files)))


def labels_by_digest(images: Path) -> dict[str, tuple[str, int]]:
    """Return file name and true label of each labelled image, by the SHA-256 of its bytes."""
    table = images / "labels.csv"
    if not table.exists():
        return {}
    with table.open(newline="") as file:
        rows = {images / row["file"]: int(row["label"]) for row in csv.DictReader(file)}
    there = {path: label for path, label in rows.items() if path.exists()}
    return {digest(path.read_bytes()): (path.name, label) for path, label in there.items()}


def digest(content: bytes) -> str:
    """Return the SHA-256 of some bytes, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def read_one(
    deployment: ConsumedThing, names: Mapping[str, str], truths: Mapping[str, tuple[str, int]]
) -> Reading:
    """Take and read one image, and look up which image it was: by the bytes that were taken."""
    begin = time.perf_counter()
    status = execute(deployment)
    seconds = time.perf_counter() - begin
    if status["status"] != "completed":
        reason = status.get("error", {}).get("detail", "no reason given")
        raise FleetError(f"execute ended as {status['status']}: {reason}")
    image, _ = deployment.fetch_output(status["trace"][0]["outputUrl"])
    name, truth = truths.get(digest(image), ("unknown image", None))
    devices = tuple(names.get(part["device"], part["device"]) for part in status["trace"])
    reading = Reading(name, status["output"], truth, devices, seconds)
    say(reading_line(reading))
    return reading


def reading_line(reading: Reading) -> str:
    """Return image → label → devices → time."""
    devices = " > ".join(reading.devices)
    line = f"{reading.image} -> {reading.label}   {devices}   {reading.seconds * 1000:.0f} ms"
    if reading.truth in (None, reading.label):
        return line
    return f"{line}   (true label: {reading.truth})"


def accuracy_line(readings: list[Reading]) -> str:
    """Return how many of the images with a known label were read rightly."""
    known = [reading for reading in readings if reading.truth is not None]
    right = sum(reading.label == reading.truth for reading in known)
    share = f" = {right / len(known):.0%}" if known else ""
    return f"accuracy: {right} of {len(known)}{share}"


def say_urls(orchestrator_url: str, supervisors: list[Server], deployment_url: str) -> None:
    """With KEEP=1, say what there is to look at."""
    if os.environ.get("KEEP") != "1":
        return
    heading("Still up, because of KEEP=1; Ctrl-C ends it")
    say(*(f"{orchestrator_url}{path}" for path in (".well-known/wot", "things", "sparql")))
    say(deployment_url)
    say(*(f"{server.url}.well-known/wot" for server in supervisors))


def keep_up(fleet: Fleet) -> None:
    """With KEEP=1, wait for Ctrl-C or for a server to end."""
    while os.environ.get("KEEP") == "1":
        ended = [server.name for server in fleet.servers if server.has_ended()]
        if ended:
            raise FleetError(f"{', '.join(ended)} ended by itself")
        time.sleep(0.5)


def heading(text: str) -> None:
    """Print the heading of a part."""
    print(f"\n== {text}", flush=True)


def say(*lines: str) -> None:
    """Print some lines below the heading."""
    for line in lines:
        print(f"   {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
