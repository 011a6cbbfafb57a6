"""The directory that one call sees as `/`: fresh for each call, its files gone after it.

Files of the installation are copied into it, not linked: what a guest writes must never reach
another call.
"""

import hashlib
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from supervisor_app.errors import CallFailedError
from supervisor_app.installation import Operation

_MAX_COMPLAINT_BYTES = 500


@contextmanager
def call_directory(
    root: Path, operation: Operation, packages: Mapping[str, Path], inputs: Mapping[str, bytes]
) -> Iterator[Path]:
    """Yield the directory of a call, with everything in it that is due before the call.

    Args:
        root: where the directories of calls are.
        operation: names the mounts.
        packages: the file of each digest.
        inputs: the contents of the execution mounts, by path.

    Raises:
        CallFailedError: a required input is missing.
    """
    _check_inputs(operation, inputs)
    with tempfile.TemporaryDirectory(dir=root, ignore_cleanup_errors=True) as name:
        directory = Path(name, "root")
        directory.mkdir()
        _fill(directory, operation, packages, inputs)
        yield directory


class KeptDirectories:
    """The directories of instances that are kept: one each, emptied after every call.

    A kept instance sees the directory that it was made with, so calls take turns at it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._turns: dict[tuple[str, str], threading.Lock] = {}

    @contextmanager
    def turn(
        self,
        operation: Operation,
        packages: Mapping[str, Path],
        inputs: Mapping[str, bytes],
        wait_seconds: float | None,
    ) -> Iterator[Path]:
        """Yield the directory for one call, with everything in it that is due before the call.

        Raises:
            CallFailedError: a required input is missing.
            TimeoutError: another call takes too long.
        """
        _check_inputs(operation, inputs)
        key = (operation.slug, operation.module.id)
        with self._lock:
            turn = self._turns.setdefault(key, threading.Lock())
        with held(turn, wait_seconds):
            directory = self.place(key)
            try:
                _fill(directory, operation, packages, inputs)
                yield directory
            finally:
                _empty(directory)

    def forget(self, slug: str) -> None:
        """Remove the directories of an installation."""
        with self._lock:
            for key in [key for key in self._turns if key[0] == slug]:
                del self._turns[key]
                shutil.rmtree(self.place(key).parent, ignore_errors=True)

    def place(self, key: tuple[str, str]) -> Path:
        """Return the directory of the instance that is kept of a module of an installation."""
        name = hashlib.sha256("\0".join(key).encode()).hexdigest()[:32]
        directory = self._root / f"kept-{name}" / "root"
        directory.mkdir(parents=True, exist_ok=True)
        return directory


class held:  # noqa: N801 - it is used as a function is
    """Hold a lock, or give up after some seconds.

    Entering it raises TimeoutError where it is held by another for too long.
    """

    __slots__ = ("_lock", "_wait_seconds")

    def __init__(self, lock: threading.Lock, wait_seconds: float | None) -> None:
        self._lock = lock
        self._wait_seconds = -1 if wait_seconds is None else wait_seconds

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=self._wait_seconds):
            raise TimeoutError("the module that keeps its state is busy")

    def __exit__(self, *_error: object) -> None:
        self._lock.release()


def complaint(directory: Path) -> str:
    """Return the end of what a call wrote to standard error, which is kept beside its files."""
    file = stderr_of(directory)
    if not file.is_file():
        return ""
    with file.open("rb") as stream:
        stream.seek(max(file.stat().st_size - _MAX_COMPLAINT_BYTES, 0))
        return stream.read().decode("utf-8", "replace").strip()


def stderr_of(directory: Path) -> Path:
    """Return where standard error of a call goes."""
    return directory.parent / "stderr"


def needs_directory(operation: Operation) -> bool:
    """Say whether a call has any files at all."""
    return bool(operation.mounts or operation.data_files)


def output_file(directory: Path, operation: Operation) -> tuple[Path, str] | None:
    """Return the file that a call left as its output and its media type; None without one.

    A guest may leave symbolic links: only a regular file inside the directory counts.

    Raises:
        CallFailedError: a required output is missing.
    """
    for mount in operation.mounts_at("output"):
        path = directory / mount.path
        if _is_own_file(directory, path):
            return path, mount.media_type
        if mount.is_required:
            raise CallFailedError("files", f"the function left no output file {mount.path}")
    return None


def _check_inputs(operation: Operation, inputs: Mapping[str, bytes]) -> None:
    for mount in operation.mounts_at("execution"):
        if mount.is_required and mount.path not in inputs:
            raise CallFailedError(
                "files", f"the input file {mount.path} ({mount.media_type}) is missing"
            )


def _fill(
    directory: Path,
    operation: Operation,
    packages: Mapping[str, Path],
    inputs: Mapping[str, bytes],
) -> None:
    for data_file in operation.data_files:
        shutil.copyfile(packages[data_file.package.digest], _place(directory, data_file.path))
    for path, content in inputs.items():
        _place(directory, path).write_bytes(content)
    for mount in operation.mounts_at("output"):
        _place(directory, mount.path)


def _empty(directory: Path) -> None:
    for entry in list(directory.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def _place(directory: Path, path: str) -> Path:
    place = directory / path
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _is_own_file(directory: Path, path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    return path.resolve().is_relative_to(directory.resolve())
