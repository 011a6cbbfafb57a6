"""What modules import from the device."""

import json
import sys
from importlib.util import find_spec

import pytest

from supervisor_app import host_functions
from supervisor_app.host_functions.dht_drivers import IioDht, open_dht
from supervisor_app.host_functions.guest import HostFunctionError

CAMERA = """(module
  (import "camera" "takeImageDynamicSize" (func $dynamic (param i32 i32)))
  (import "camera" "takeImageStaticSize" (func $static (param i32 i32)))
  (memory (export "memory") 1)
  (global $initialized (mut i32) (i32.const 0))
  (func (export "_initialize") (global.set $initialized (i32.const 1)))
  (func (export "alloc") (param i32) (result i32) (i32.const 4096))
  (func (export "dynamic") (result i32 i32)
    (if (i32.eqz (global.get $initialized)) (then unreachable))
    (call $dynamic (i32.const 8) (i32.const 12))
    (i32.load (i32.const 8)) (i32.load (i32.const 12)))
  (func (export "static") (result i32 i32)
    (i32.store (i32.const 12) (i32.const 5))
    (call $static (i32.const 2048) (i32.const 12))
    (i32.const 2048) (i32.load (i32.const 12))))"""
DHT = """(module
  (import "dht" "getTemperature" (func $t (result f32)))
  (import "dht" "getHumidity" (func $h (result f32)))
  (func (export "temperature") (result f32) call $t)
  (func (export "humidity") (result f32) call $h))"""
SYS = """(module
  (import "sys" "millis" (func $millis (result i32)))
  (import "sys" "delay" (func $delay (param i32)))
  (import "sys" "print" (func $print (param i32 i32)))
  (import "sys" "println" (func $println (param i32)))
  (import "sys" "printInt" (func $print_int (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "hello")
  (func (export "f") (result i32) (local $before i32)
    (local.set $before (call $millis))
    (call $delay (i32.const 20))
    (call $print (i32.const 0) (i32.const 5))
    (call $println (i32.const 42))
    (call $print_int (i32.const -7))
    (i32.sub (call $millis) (local.get $before))))"""
PICTURE = {"synchronous": True, "output": {"type": "string", "contentMediaType": "image/png"}}


@pytest.fixture
def pictures(tmp_path):
    """A directory with two pictures and something else."""
    directory = tmp_path / "pictures"
    directory.mkdir()
    for name, content in (("b.png", b"second"), ("a.png", b"one"), ("labels.csv", b"x")):
        (directory / name).write_bytes(content)
    return directory


def test_camera_by_alloc(make_device, pictures):
    """Pictures come in sorted order, one for each take, over and over, in the guest's own room."""
    device = make_device(camera=str(pictures))
    action = {**PICTURE, "wasmiot:entrypoint": "dynamic"}
    assert device.put("camera", CAMERA, actions={"take": action}).status_code == 201
    taken = [device.client.post("/deployments/camera/actions/take").data for _ in range(3)]
    assert taken == [b"one", b"second", b"one"]


def test_camera_in_static_room(make_device, pictures):
    """A picture that fits is written where the guest says, a larger one is a failure."""
    device = make_device(camera=str(pictures))
    device.put("camera", CAMERA, actions={"take": {**PICTURE, "wasmiot:entrypoint": "static"}})
    first, second = (device.client.post("/deployments/camera/actions/take") for _ in range(2))
    assert first.data == b"one"
    assert (second.status_code, second.json["trap"]) == (500, "host-function")


def test_no_picture(make_device, tmp_path):
    """An empty directory fails the call by the name of the function."""
    device = make_device(camera=str(tmp_path))
    device.put("camera", CAMERA, actions={"take": {**PICTURE, "wasmiot:entrypoint": "dynamic"}})
    response = device.client.post("/deployments/camera/actions/take")
    assert "camera.takeImageDynamicSize" in response.json["detail"]


@pytest.fixture
def video(tmp_path):
    """A video of two frames, dark and bright, and what tells how bright a JPEG is."""
    cv2 = pytest.importorskip("cv2", reason="OpenCV is missing: install the extra `camera`")
    numpy = pytest.importorskip("numpy")
    file = tmp_path / "video.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"MJPG"), 1, (64, 48))
    for shade in (20, 220):
        writer.write(numpy.full((48, 64, 3), shade, numpy.uint8))
    writer.release()

    def brightness(jpeg):
        image = cv2.imdecode(numpy.frombuffer(jpeg, numpy.uint8), cv2.IMREAD_GRAYSCALE)
        assert image.shape == (48, 64)
        return float(image.mean())

    return file, brightness


def test_opencv(make_device, video):
    """OpenCV's frames come as JPEG files, and a video begins again at its end."""
    file, brightness = video
    device = make_device(camera=f"opencv:{file}")
    action = {**PICTURE, "wasmiot:entrypoint": "dynamic"}
    assert device.put("camera", CAMERA, actions={"take": action}).status_code == 201
    taken = [device.client.post("/deployments/camera/actions/take").data for _ in range(3)]
    assert all(jpeg.startswith(b"\xff\xd8\xff") for jpeg in taken)
    shades = [brightness(jpeg) for jpeg in taken]
    assert shades[0] < 60 < 180 < shades[1]
    assert shades[2] < 60


@pytest.mark.parametrize("source", ["opencv:", "opencv:nowhere.avi", "opencv:-1"])
def test_no_such_video(make_device, source):
    """A source that OpenCV cannot have is said at start."""
    with pytest.raises(ValueError, match="neither the number"):
        make_device(camera=source)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody knows without opening it")
def test_no_such_camera(make_device):
    """A camera that this machine does not have is not advertised: it is said at start."""
    with pytest.raises(ValueError, match="there is no /dev/video4096"):
        make_device(camera="opencv:4096")


EVERY_SIGNATURE = {
    "camera.takeImage": "(param i32 i32)",
    "camera.takeImageDynamicSize": "(param i32 i32)",
    "camera.takeImageStaticSize": "(param i32 i32)",
    "dht.getTemperature": "(result f32)",
    "dht.getHumidity": "(result f32)",
    "sys.millis": "(result i32)",
    "sys.delay": "(param i32)",
    "sys.print": "(param i32 i32)",
    "sys.println": "(param i32)",
    "sys.printInt": "(param i32)",
    "communication.rpcCall": "(param i32 i32 i32 i32)",
}


@pytest.mark.parametrize("interface", EVERY_SIGNATURE)
def test_signature(make_device, pictures, tmp_path, interface):
    """A module of the existing system links to each function by its name and its type alone."""
    device = make_device(camera=str(pictures), dht=str(tmp_path / "dht.json"))
    module, name = interface.split(".")
    wanted = f'(import "{module}" "{name}" (func {EVERY_SIGNATURE[interface]}))'
    assert device.put("a", f"(module {wanted})", actions={}).status_code == 201
    other = wanted.replace("(func ", "(func (param i64) ", 1)
    response = device.put("b", f"(module {other})", actions={})
    assert (response.status_code, name in response.json["detail"]) == (422, True)


RPC = """(module
  (import "communication" "rpcCall" (func $call (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "{url}") (data (i32.const 500) "[1]")
  (func (export "f") (call $call (i32.const 0) (i32.const {length}) (i32.const 500) (i32.const 3))))
"""


def test_rpc_call(served_device):
    """A module calls an action of another Thing, with its input."""
    target = """(module (global $n (mut i32) (i32.const 0)) (memory (export "memory") 1)
      (func (export "alloc") (param i32) (result i32) (i32.const 1000))
      (func (export "count") (param i32 i32) (global.set $n (i32.load8_u (i32.const 1001))))
      (func (export "n") (result i32) (global.get $n)))"""
    count = {"wasmiot:entrypoint": "count", "synchronous": True, "input": {"type": "array"}}
    shown = {"n": {"type": "integer", "wasmiot:entrypoint": "n"}}
    served_device.put(
        "target", target, is_stateful=True, actions={"count": count}, properties=shown
    )
    url = f"{served_device.url}deployments/target/td#count"
    action = {"wasmiot:entrypoint": "f", "synchronous": True}
    caller = RPC.format(url=url, length=len(url))
    assert served_device.put("caller", caller, actions={"f": action}).status_code == 201
    response = served_device.client.post("/deployments/caller/actions/f")
    assert response.status_code == 204, response.text
    assert served_device.client.get("/deployments/target/properties/n").json == ord("1")


def test_initialize_comes_first(device):
    """A reactor's `_initialize` has run before any of its functions."""
    wat = """(module (global $n (mut i32) (i32.const 0))
      (func (export "_initialize") (global.set $n (i32.const 42)))
      (func (export "f") (result i32) (global.get $n)))"""
    action = {"wasmiot:entrypoint": "f", "synchronous": True, "output": {"type": "integer"}}
    device.put("reactor", wat, actions={"f": action})
    assert device.client.post("/deployments/reactor/actions/f").json == 42


def test_missing_camera(make_device, tmp_path):
    """A camera that is not there is said at start, not at the first picture."""
    with pytest.raises(ValueError, match="neither a directory"):
        make_device(camera=str(tmp_path / "nowhere"))


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


def test_sys(device, caplog):
    """A module can ask for the time, wait, and write to the log."""
    caplog.set_level("INFO")
    action = {"wasmiot:entrypoint": "f", "synchronous": True, "output": {"type": "integer"}}
    device.put("sys", SYS, actions={"f": action})
    assert device.client.post("/deployments/sys/actions/f").json >= 20
    assert [r for r in caplog.messages if r.startswith("guest_print")] == [
        "guest_print text='hello'",
        "guest_print number=42",
        "guest_print number=-7",
    ]


TALKER = """(module (import "sys" "print" (func $say (param i32 i32)))
  (import "sys" "printInt" (func $say_number (param i32)))
  (memory (export "memory") 1)
  (func (export "f") (param $times i32)
    (loop
      (call $say (i32.const 0) (i32.const 1000)) (call $say_number (local.get $times))
      (local.set $times (i32.sub (local.get $times) (i32.const 1)))
      (br_if 0 (local.get $times)))))"""


def test_a_talker_does_not_fill_the_log(device, caplog):
    """A call says so much and no more; the next one is heard again."""
    caplog.set_level("INFO")
    action = {"wasmiot:entrypoint": "f", "synchronous": True, "input": {"type": "integer"}}
    device.put("talker", TALKER, actions={"f": action})
    for times in (20_000, 20_000, 1):
        caplog.clear()
        response = device.client.post("/deployments/talker/actions/f", json=times)
        assert response.status_code == 204
        said = sum(len(text) for text in caplog.messages if text.startswith("guest_print "))
        assert said < 5000 if times == 1 else 50_000 < said < 70_000
        assert caplog.messages.count("guest_print_cut") == (times > 1)


def test_provides_what_is_linked(make_device, pictures):
    """The device advertises an interface if, and only if, its driver is configured."""
    with_camera = make_device(camera=str(pictures)).client.get("/.well-known/wot").json
    without = make_device().client.get("/.well-known/wot").json
    difference = set(with_camera["wasmiot:provides"]) - set(without["wasmiot:provides"])
    assert difference == {
        "camera.takeImage",
        "camera.takeImageDynamicSize",
        "camera.takeImageStaticSize",
    }
    assert "wasi_snapshot_preview1" in without["wasmiot:provides"]


def test_one_file_is_an_interface(make_device, tmp_path, monkeypatch):
    """A file beside the others is linked and advertised, and nothing else names it."""
    (tmp_path / "tide_gauge.py").write_text(
        "from supervisor_app.host_functions.guest import HostFunction\n"
        "def linked(settings, call):\n"
        "    read = lambda guest: 1.5\n"
        "    return (HostFunction('tide', 'metres', (), ('f32',), read),)\n"
    )
    monkeypatch.setattr(host_functions, "__path__", [*host_functions.__path__, str(tmp_path)])
    device = make_device()
    assert "tide.metres" in device.client.get("/.well-known/wot").json["wasmiot:provides"]
    module = """(module (import "tide" "metres" (func $m (result f32)))
      (func (export "level") (result f32) call $m))"""
    action = {"synchronous": True, "output": {"type": "number"}, "wasmiot:entrypoint": "level"}
    assert device.put("tide", module, actions={"level": action}).status_code == 201
    assert device.client.post("/deployments/tide/actions/level").json == 1.5
    sys.modules.pop("supervisor_app.host_functions.tide_gauge")


def test_an_installed_package_brings_a_host_function(make_device, tmp_path, monkeypatch, caplog):
    """It is linked and advertised; one that fails, or takes a name that is there, is left out."""
    (tmp_path / "tides.py").write_text(
        "from supervisor_app.host_functions.guest import HostFunction\n"
        "def functions():\n"
        "    return (HostFunction('tides', 'metres', (), ('f32',), lambda guest: 1.5),\n"
        "            HostFunction('sys', 'millis', (), ('i32',), lambda guest: 0))\n"
        "def broken():\n"
        "    raise OSError('no such bus')\n"
    )
    info = tmp_path / "tides-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tides\nVersion: 1\n")
    entries = "[wasmiot.host_functions]\ntides = tides:functions\nbroken = tides:broken\n"
    (info / "entry_points.txt").write_text(entries)
    monkeypatch.syspath_prepend(str(tmp_path))
    device = make_device()
    provided = device.client.get("/.well-known/wot").json["wasmiot:provides"]
    assert "tides.metres" in provided
    assert provided.count("sys.millis") == 1
    assert "no such bus" in caplog.text
    assert "host_function_taken name=sys.millis" in caplog.text
    module = """(module (import "tides" "metres" (func $m (result f32)))
      (func (export "level") (result f32) call $m))"""
    action = {"synchronous": True, "output": {"type": "number"}, "wasmiot:entrypoint": "level"}
    assert device.put("tides", module, actions={"level": action}).status_code == 201
    assert device.client.post("/deployments/tides/actions/level").json == 1.5
