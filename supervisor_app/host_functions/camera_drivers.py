"""Where pictures come from: a directory of image files, or a camera by OpenCV."""

import importlib
import importlib.util
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
    """A camera of the device, opened at the first take (extra `camera`)."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._capture: Any = None
        self._lock = threading.Lock()

    def take(self) -> bytes:
        """Return a frame as JPEG."""
        cv2 = importlib.import_module("cv2")
        with self._lock:
            if self._capture is None:
                self._capture = cv2.VideoCapture(self._index)
            is_taken, frame = self._capture.read()
        if not is_taken:
            raise HostFunctionError(f"camera {self._index} gives no picture")
        is_encoded, encoded = cv2.imencode(".jpg", frame)
        if not is_encoded:
            raise HostFunctionError("the picture cannot be encoded as JPEG")
        return bytes(encoded)


def open_camera(source: str) -> CameraDriver:
    """Return the driver of a camera.

    Args:
        source: a directory, or `opencv:` with the number of a camera.

    Raises:
        ValueError: there is no such thing on this device.
    """
    if not source.startswith(OPENCV_PREFIX):
        directory = Path(source)
        if not directory.is_dir():
            raise ValueError(f"camera: {source} is neither a directory nor {OPENCV_PREFIX}N")
        return DirectoryCamera(directory)
    index = source.removeprefix(OPENCV_PREFIX)
    if not index.isdecimal():
        raise ValueError(f"camera: {source} has no number after {OPENCV_PREFIX}")
    if importlib.util.find_spec("cv2") is None:
        raise ValueError("camera: OpenCV is missing, install the extra `camera`")
    return OpenCVCamera(int(index))
