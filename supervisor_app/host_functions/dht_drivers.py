"""Where temperature and humidity come from: the kernel, Adafruit's library, or a file of readings.

Linux drives DHT11, DHT22 and their kin itself (device tree overlay `dht11`), and gives the readings
in thousandths under `/sys/bus/iio/devices`. Where the kernel does not, the library reads the pin.
Either answer is often an error, because the sensor's timing is delicate and it may be asked once in
two seconds only: so a failed read is tried again, and readings are kept for that long.
Source: Linux, `Documentation/ABI/testing/sysfs-bus-iio`; `drivers/iio/humidity/dht11.c`;
https://docs.circuitpython.org/projects/dht/ (4.0).
"""

import importlib
import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from supervisor_app.host_functions.guest import HostFunctionError

IIO_PREFIX = "iio"
LIBRARY_PREFIX = "adafruit"
LIBRARY_SENSORS = ("DHT11", "DHT21", "DHT22")
IIO_DEVICES = Path("/sys/bus/iio/devices")
READINGS_SECONDS = 2.0
ATTEMPTS = 5
PAUSE_SECONDS = 0.2
LIBRARY_ATTEMPTS = 3
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


class _DelicateDht:
    """A sensor that fails now and then, and may be asked once in two seconds.

    Args:
        name: by which a person knows it.
        attempts: how often it is asked before it counts as silent.
        pause_seconds: between them.
    """

    def __init__(self, name: str, attempts: int, pause_seconds: float) -> None:
        self._name = name
        self._attempts = attempts
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
        for attempt in range(self._attempts):
            if attempt:
                time.sleep(self._pause_seconds)
            try:
                return self._ask(name)
            except (OSError, RuntimeError, TypeError, ValueError) as error:
                reason = error
        raise HostFunctionError(f"the sensor {self._name} gives no {name}: {reason!r}")

    def _ask(self, name: str) -> float:
        raise NotImplementedError


class IioDht(_DelicateDht):
    """A sensor that the kernel drives, at its directory in sysfs."""

    def __init__(self, directory: Path, *, pause_seconds: float = PAUSE_SECONDS) -> None:
        super().__init__(directory.name, ATTEMPTS, pause_seconds)
        self._directory = directory

    def _ask(self, name: str) -> float:
        return int((self._directory / _FILES[name]).read_text()) / 1000


class LibraryDht(_DelicateDht):
    """A sensor that Adafruit's library drives.

    Args:
        source: by which a person knows it.
        sensor: the library's, with the properties `temperature` and `humidity`: None, or an
            error, where there was no answer.
    """

    def __init__(
        self, source: str, sensor: Any, *, pause_seconds: float = READINGS_SECONDS
    ) -> None:
        super().__init__(source, LIBRARY_ATTEMPTS, pause_seconds)
        self._sensor = sensor

    def _ask(self, name: str) -> float:
        return float(getattr(self._sensor, name))


def open_dht(source: str, devices: Path = IIO_DEVICES) -> DhtDriver:
    """Return the driver for a setting: `iio`, `iio:N`, `adafruit:SENSOR:PIN`, or a file's path.

    Args:
        source: the setting.
        devices: where the kernel lists its sensors.

    Raises:
        ValueError: there is no such sensor.
    """
    kind, _, number = source.partition(":")
    if kind == LIBRARY_PREFIX:
        return _of_library(source)
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


def _of_library(source: str) -> LibraryDht:
    _, kind, pin, *rest = [*source.split(":"), "", ""]
    if kind not in LIBRARY_SENSORS or not pin or any(rest):
        raise ValueError(f"dht {source!r}: as in adafruit:DHT22:D4, one of {LIBRARY_SENSORS}")
    try:
        library, board = (importlib.import_module(name) for name in ("adafruit_dht", "board"))
    except (ImportError, NotImplementedError) as error:  # the second: it does not know this board
        raise ValueError(f"dht {source!r}: adafruit-circuitpython-dht: {error}") from None
    if not hasattr(board, pin):
        raise ValueError(f"dht {source!r}: this board has no pin {pin}")
    # the library's own way to take time of pulses starts a program that not every board has
    return LibraryDht(source, getattr(library, kind)(getattr(board, pin), use_pulseio=False))


def _listed(sensors: Mapping[str, Path]) -> str:
    names = ", ".join(f"iio:{number}" for number in sensors)
    return f"there is {names or 'no sensor of temperature and humidity'}"
