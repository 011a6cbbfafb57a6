"""Cameras: directories of pictures, and what OpenCV opens."""

import sys

import pytest

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
PICTURE = {"synchronous": True, "output": {"type": "string", "contentMediaType": "image/png"}}


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


def test_missing_camera(make_device, tmp_path):
    """A camera that is not there is said at start, not at the first picture."""
    with pytest.raises(ValueError, match="neither a directory"):
        make_device(camera=str(tmp_path / "nowhere"))
