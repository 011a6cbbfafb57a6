"""A fleet of devices to measure with: as many as asked for, always the same."""

import random
import uuid
from typing import Any

CONTEXT = [
    "https://www.w3.org/2022/wot/td/v1.1",
    {"wasmiot": "https://wetware.fi/2023/wasmiot/v1.0#"},
]
INTERFACES = [
    f"{sensor}.{function}"
    for sensor in ("camera", "dht", "gps", "imu", "relay", "display", "microphone", "lidar")
    for function in ("read", "start", "stop", "configure")
]
N_PROFILES = 40
MEMORY_BYTES = [2**exponent for exponent in range(22, 32)]
MODULE_MEMORY_BYTES = 64 * 2**20


def thing_id(number: int) -> str:
    """Return the id of a device."""
    return f"urn:uuid:{uuid.UUID(int=random.Random(number).getrandbits(128), version=4)}"


def description(number: int, title: str = "") -> dict[str, Any]:
    """Return the Thing Description of a device, of about 2 KB."""
    dice = random.Random(number)
    return {
        "@context": CONTEXT,
        "@type": ["Thing", "wasmiot:Supervisor"],
        "id": thing_id(number),
        "title": title or f"device {number}",
        "base": f"http://10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}:5000/",
        "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
        "security": ["nosec_sc"],
        "wasmiot:provides": profile(number % N_PROFILES),
        "wasmiot:memoryBytes": dice.choice(MEMORY_BYTES),
        "wasmiot:cpuCores": dice.choice([1, 2, 4]),
        "wasmiot:architecture": dice.choice(["x86_64", "aarch64"]),
        "properties": {"health": _health(), "temperature": _temperature()},
        "actions": {"deploy": _deploy()},
        "links": [{"rel": "item", "href": "deployments/a/td", "type": "application/td+json"}],
    }


def unlike(number: int) -> dict[str, Any]:
    """Return a device of a kind of its own: none of its affordances is called as any other's."""
    made = description(number)
    for members in ("properties", "actions"):
        made[members] = {f"{name}_{number}": each for name, each in made[members].items()}
    return made


def profile(number: int) -> list[str]:
    """Return one of the sets of interfaces that devices of the fleet provide."""
    dice = random.Random(f"profile {number}")
    return ["wasi_snapshot_preview1", *sorted(dice.sample(INTERFACES, 8))]


def modules() -> dict[str, list[str]]:
    """Return what two modules import: one that few devices can take, and one that many can."""
    return {"rare": profile(0)[:5], "common": ["camera.read", "wasi_snapshot_preview1"]}


def module_id(name: str) -> str:
    """Return the id of a module."""
    return f"urn:wasmiot:module:{name}:1.0.0"


def module(name: str) -> dict[str, Any]:
    """Return the Thing Model of a module for which devices are sought."""
    return {
        "@context": CONTEXT,
        "@type": ["tm:ThingModel", "wasmiot:Module"],
        "id": module_id(name),
        "title": name,
        "version": {"model": "1.0.0"},
        "wasmiot:digest": f"sha256:{'0' * 64}",
        "wasmiot:imports": modules()[name],
        "wasmiot:requiredMemoryBytes": MODULE_MEMORY_BYTES,
    }


def n_matching(name: str, n_things: int) -> int:
    """Return how many of the first devices can take a module, counted without a graph."""
    imports = set(modules()[name])
    fitting = {n for n in range(N_PROFILES) if imports <= set(profile(n))}
    return sum(
        number % N_PROFILES in fitting
        and description(number)["wasmiot:memoryBytes"] >= MODULE_MEMORY_BYTES
        for number in range(n_things)
    )


def _health() -> dict[str, Any]:
    numbers = ("cpuLoad", "memoryLoad", "queueLength")
    return {
        "type": "object",
        "properties": {name: {"type": "number", "minimum": 0} for name in numbers},
        "readOnly": True,
        "forms": [{"href": "properties/health", "op": ["readproperty"]}],
    }


def _temperature() -> dict[str, Any]:
    return {
        "type": "number",
        "unit": "degree celsius",
        "minimum": -40,
        "maximum": 125,
        "observable": True,
        "readOnly": True,
        "forms": [
            {
                "href": "properties/temperature",
                "op": ["readproperty", "observeproperty"],
                "subprotocol": "sse",
            }
        ],
    }


def _deploy() -> dict[str, Any]:
    return {
        "input": {"type": "object"},
        "uriVariables": {"id": {"type": "string"}},
        "forms": [
            {
                "href": "deployments/{id}",
                "op": ["invokeaction"],
                "htv:methodName": "PUT",
                "contentType": "application/td+json",
            }
        ],
    }
