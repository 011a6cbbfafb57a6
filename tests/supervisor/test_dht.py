"""Sensors of temperature and humidity: of a file, of the kernel, of Adafruit's library."""

import json
import sys
from importlib.util import find_spec

import pytest

from supervisor_app.host_functions.dht_drivers import IioDht, open_dht
from supervisor_app.host_functions.guest import HostFunctionError

DHT = """(module
  (import "dht" "getTemperature" (func $t (result f32)))
  (import "dht" "getHumidity" (func $h (result f32)))
  (func (export "temperature") (result f32) call $t)
  (func (export "humidity") (result f32) call $h))"""


def test_dht(make_device, tmp_path):
    """Readings come from the configured source, at each read."""
    source = tmp_path / "dht.json"
    device = make_device(dht=str(source))
    both = {
        name: {"type": "number", "wasmiot:entrypoint": name} for name in ("temperature", "humidity")
    }
    device.put("dht", DHT, properties=both)
    for reading in ({"temperature": 21.3, "humidity": 40}, {"temperature": -4.5, "humidity": 99}):
        source.write_text(json.dumps(reading))
        assert device.client.get("/deployments/dht/properties").json == reading


@pytest.fixture
def sensors(tmp_path):
    """A tree as the kernel makes it: a light sensor, and two of temperature and humidity."""
    (tmp_path / "iio:device0").mkdir()
    (tmp_path / "iio:device0" / "in_illuminance_input").write_text("1\n")
    for number, temperature in (("1", "21300"), ("2", "-4500")):
        directory = tmp_path / f"iio:device{number}"
        directory.mkdir()
        (directory / "in_temp_input").write_text(f"{temperature}\n")
        (directory / "in_humidityrelative_input").write_text("40600\n")
    return tmp_path


@pytest.mark.parametrize(("source", "reading"), [("iio", 21.3), ("iio:1", 21.3), ("iio:2", -4.5)])
def test_dht_of_the_kernel(sensors, source, reading):
    """A sensor that the kernel drives is found, or named, and gives its readings."""
    driver = open_dht(source, sensors)
    assert (driver.read("temperature"), driver.read("humidity")) == (reading, 40.6)


@pytest.mark.parametrize("source", ["iio:0", "iio:7"])
def test_dht_that_is_not_there(sensors, source):
    """A sensor that does not measure both, or is not there, is said at start."""
    with pytest.raises(ValueError, match="iio:1, iio:2"):
        open_dht(source, sensors)


def test_dht_that_fails_now_and_then(sensors, monkeypatch):
    """A read that fails, as those of these sensors often do, is tried again; then it is said."""
    file = sensors / "iio:device1" / "in_temp_input"
    file.write_text("")
    driver = IioDht(file.parent, pause_seconds=0.01)
    monkeypatch.setattr("time.sleep", lambda _: file.write_text("19000"))
    assert driver.read("temperature") == 19
    (file.parent / "in_humidityrelative_input").unlink()
    with pytest.raises(HostFunctionError, match="no humidity"):
        driver.read("humidity")


LIBRARY = """
class DHT22:
    answers = {answers}
    def __init__(self, pin, use_pulseio=True):
        assert (pin, use_pulseio) == ("pin 4", False)
    def _next(self):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer
    temperature = property(_next)
    humidity = property(_next)
"""


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Return a function that puts a stand-in for Adafruit's library where it would be installed.

    It has what the documentation of version 4 says: a class for each sensor, made with a pin of the
    module `board`, whose properties give a number, None, or a RuntimeError.
    """

    def install(*answers):
        (tmp_path / "adafruit_dht.py").write_text(LIBRARY.replace("{answers}", repr([*answers])))
        (tmp_path / "board.py").write_text('D4 = "pin 4"')
        monkeypatch.syspath_prepend(str(tmp_path))

    yield install
    for name in ("adafruit_dht", "board"):
        sys.modules.pop(name, None)


def test_dht_of_the_library(library, make_device, monkeypatch):
    """What the library gives is what a module gets; a read that failed is tried again."""
    pauses = []
    library(RuntimeError("A full buffer was not returned"), None, 21.3, 40)
    device = make_device(dht="adafruit:DHT22:D4")
    both = {n: {"type": "number", "wasmiot:entrypoint": n} for n in ("temperature", "humidity")}
    device.put("dht", DHT, properties=both)
    monkeypatch.setattr("supervisor_app.host_functions.dht_drivers.time.sleep", pauses.append)
    read = device.client.get("/deployments/dht/properties").json
    assert (read, pauses) == ({"temperature": 21.3, "humidity": 40}, [2.0, 2.0])


def test_dht_of_the_library_that_is_silent(library, monkeypatch):
    """After three failures the reason is said."""
    library(*[RuntimeError("Checksum did not validate")] * 3)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(HostFunctionError, match=r"DHT22:D4 gives no humidity.*Checksum"):
        open_dht("adafruit:DHT22:D4").read("humidity")


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("adafruit:DHT22:D5", "no pin D5"),
        ("adafruit:DHT99:D4", "DHT11"),
        ("adafruit", "adafruit:DHT22:D4"),
        ("adafruit:DHT22:D4:7", "adafruit:DHT22:D4"),
    ],
)
def test_dht_of_the_library_that_is_not_there(library, source, fault):
    """A sensor that the library does not know, or a pin that the board lacks, is said at start."""
    library()
    with pytest.raises(ValueError, match=fault):
        open_dht(source)


@pytest.mark.skipif(find_spec("adafruit_dht") is not None, reason="the library is installed")
def test_dht_without_the_library():
    """A device without the library says what to install."""
    with pytest.raises(ValueError, match="adafruit-circuitpython-dht: No module named"):
        open_dht("adafruit:DHT22:D4")
