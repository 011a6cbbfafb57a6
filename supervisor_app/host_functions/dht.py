"""`dht`: temperature (°C) and relative humidity (%) of a DHT sensor.

The driver is a JSON file with the members `temperature` and `humidity`, which whatever talks to
the sensor's hardware keeps up to date.
"""

import json
from pathlib import Path

from supervisor_app.host_functions.guest import Guest, HostFunction, HostFunctionError

MODULE = "dht"


def functions(source: Path) -> tuple[HostFunction, ...]:
    """Return the functions of the interface over a file of readings."""

    def get_temperature(_guest: Guest) -> float:
        return _reading(source, "temperature")

    def get_humidity(_guest: Guest) -> float:
        return _reading(source, "humidity")

    return (
        HostFunction(MODULE, "getTemperature", (), ("f32",), get_temperature),
        HostFunction(MODULE, "getHumidity", (), ("f32",), get_humidity),
    )


def _reading(source: Path, name: str) -> float:
    try:
        return float(json.loads(source.read_bytes())[name])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HostFunctionError(f"the sensor gives no {name}: {error!r}") from error
