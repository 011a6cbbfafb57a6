"""Where temperature and humidity come from: the kernel's own driver, or a file of readings.

Linux drives DHT11, DHT22 and their kin itself (device tree overlay `dht11`), and gives the readings
in thousandths under `/sys/bus/iio/devices`. Its answer is often an error, because the sensor's
timing is delicate and it may be asked once in two seconds only: so a failed read is tried again,
and readings are kept for that long.
Source: Linux, `Documentation/ABI/testing/sysfs-bus-iio`; `drivers/iio/humidity/dht11.c`.
"""

import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from supervisor_app.host_functions.guest import HostFunctionError

IIO_PREFIX = "iio"
IIO_DEVICES = Path("/sys/bus/iio/devices")
READINGS_SECONDS = 2.0
ATTEMPTS = 5
PAUSE_SECONDS = 0.2
_FILES = {"temperature": "in_temp_input", "humidity": "in_humidityrelative_input"}


class DhtDriver(Protocol):
    """A source of readings."""

    def read(self, name: str) -> float:
        """Return `temperature` (°C) or `humidity` (%)."""


class FileDht:
    """A JSON file that something else keeps up to date."""

    def __init__(self, source: Path) -> None:
        self._source = source

    def read(self, name: str) -> float:
        """Return a reading of the file as it is now."""
        try:
            return float(json.loads(self._source.read_bytes())[name])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise HostFunctionError(f"the sensor gives no {name}: {error!r}") from error


class IioDht:
    """A sensor that the kernel drives, at its directory in sysfs."""

    def __init__(self, directory: Path, *, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._directory = directory
        self._pause_seconds = pause_seconds
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, float]] = {}

    def read(self, name: str) -> float:
        """Return a reading that is at most some seconds old."""
        with self._lock:
            taken, value = self._kept.get(name, (float("-inf"), 0.0))
            if time.monotonic() - taken > READINGS_SECONDS:
                value = self._reading(name)
                self._kept[name] = (time.monotonic(), value)
            return value

    def _reading(self, name: str) -> float:
        file = self._directory / _FILES[name]
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(self._pause_seconds)
            try:
                return int(file.read_text()) / 1000
            except (OSError, ValueError) as error:
                reason = error
        raise HostFunctionError(f"the sensor {self._directory.name} gives no {name}: {reason!r}")


def open_dht(source: str, devices: Path = IIO_DEVICES) -> DhtDriver:
    """Return the driver for a setting: `iio`, `iio:N`, or the path of a file.

    Args:
        source: the setting.
        devices: where the kernel lists its sensors.

    Raises:
        ValueError: there is no such sensor.
    """
    kind, _, number = source.partition(":")
    if kind != IIO_PREFIX:
        return FileDht(Path(source))
    sensors = {
        path.name.removeprefix("iio:device"): path
        for path in sorted(devices.glob("iio:device*"))
        if all((path / file).exists() for file in _FILES.values())
    }
    if number in sensors:
        return IioDht(sensors[number])
    if number or not sensors:
        raise ValueError(f"dht {source!r}: {_listed(sensors)} below {devices}")
    return IioDht(next(iter(sensors.values())))


def _listed(sensors: Mapping[str, Path]) -> str:
    names = ", ".join(f"iio:{number}" for number in sensors)
    return f"there is {names or 'no sensor of temperature and humidity'}"
