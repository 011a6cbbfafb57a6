"""Where pictures come from: a directory of image files, or a camera by OpenCV."""

import importlib
import importlib.util
import sys
import threading
from pathlib import Path
from typing import Any, Protocol

from supervisor_app.host_functions.guest import HostFunctionError

IMAGE_SUFFIXES = frozenset({".pgm", ".ppm", ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"})
OPENCV_PREFIX = "opencv:"


class CameraDriver(Protocol):
    """A source of pictures."""

    def take(self) -> bytes:
        """Return one picture as the bytes of an image file."""


class DirectoryCamera:
    """The image files of a directory in sorted order, one for each take, then again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._count = 0
        self._lock = threading.Lock()

    def take(self) -> bytes:
        """Return the next file; the directory is read anew, so that files may come and go."""
        with self._lock:
            images = self._images()
            if not images:
                raise HostFunctionError("the camera's directory holds no image file")
            image = images[self._count % len(images)]
            self._count += 1
        return image.read_bytes()

    def _images(self) -> list[Path]:
        if not self._directory.is_dir():
            return []
        return sorted(p for p in self._directory.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)


class OpenCVCamera:
    """A camera, or a video that is shown over and over, opened at the first take."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._capture: Any = None
        self._lock = threading.Lock()

    def take(self) -> bytes:
        """Return a frame as JPEG."""
        cv2 = importlib.import_module("cv2")
        with self._lock:
            frame = self._frame(cv2)
        is_encoded, encoded = cv2.imencode(".jpg", frame)
        if not is_encoded:
            raise HostFunctionError("the picture cannot be encoded as JPEG")
        return bytes(encoded)

    def _frame(self, cv2: Any) -> Any:
        """Return the next frame; a source that gives none, as at a video's end, is opened anew."""
        for _ in range(2):
            if self._capture is None:
                self._capture = cv2.VideoCapture(_opencv_source(self._source))
            is_taken, frame = self._capture.read()
            if is_taken:
                return frame
            self._capture.release()
            self._capture = None
        raise HostFunctionError(f"camera {self._source} gives no picture")


def _opencv_source(source: str) -> int | str:
    return int(source) if source.isdecimal() else source


def _device(number: str) -> Path:
    """Return the file by which Linux shows a camera."""
    return Path(f"/dev/video{number}")


def open_camera(source: str) -> CameraDriver:
    """Return the driver of a camera.

    Args:
        source: a directory, or `opencv:` with the number of a camera or the path of a video.

    Raises:
        ValueError: there is no such thing on this device.
    """
    if not source.startswith(OPENCV_PREFIX):
        directory = Path(source)
        if not directory.is_dir():
            raise ValueError(f"camera: {source} is neither a directory nor {OPENCV_PREFIX}SOURCE")
        return DirectoryCamera(directory)
    wanted = source.removeprefix(OPENCV_PREFIX)
    if not wanted.isdecimal() and not Path(wanted).is_file():
        raise ValueError(f"camera: {wanted!r} is neither the number of a camera nor a video file")
    if wanted.isdecimal() and sys.platform == "linux" and not _device(wanted).exists():
        raise ValueError(f"camera: there is no {_device(wanted)}")
    if importlib.util.find_spec("cv2") is None:
        raise ValueError("camera: OpenCV is missing, install the extra `camera`")
    return OpenCVCamera(wanted)
