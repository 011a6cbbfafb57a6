"""Files that only their owner may read, replaced as a whole, changed by one process at a time."""

import fcntl
import json
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wasmiot_td.errors import WasmiotError

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_written: list[int] = [0]


class SecretFileError(WasmiotError):
    """A file of secrets cannot be used."""


def write_secret(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 so that it is there as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")  # of mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
        _written[0] += 1
    finally:
        Path(name).unlink(missing_ok=True)


def own_writes() -> int:
    """Return a number that grows when this process has written a secret."""
    return _written[0]


def read_private(path: Path) -> bytes:
    """Return the content of a file that nobody else may read.

    Raises:
        SecretFileError: others may read it, or it cannot be read.
    """
    try:
        if path.stat().st_mode & _OTHERS:
            raise SecretFileError(f"{path} can be read by others; make it yours: chmod 600 {path}")
        return path.read_bytes()
    except OSError as error:
        raise SecretFileError(f"{path} cannot be read: {error.strerror}") from error


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file, an empty one where there is no file.

    Raises:
        SecretFileError: it holds something else.
    """
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SecretFileError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise SecretFileError(f"{path} is no JSON object")
    return found


def write_object(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object as a secret."""
    write_secret(path, json.dumps(content, indent=1, ensure_ascii=False).encode())


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Let one at a time change the files of a directory, which is made if it is not there."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def changed_object(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the JSON object of a file to be changed; it is written if nothing is raised.

    Raises:
        SecretFileError: the file holds something else.
    """
    with locked(path.parent):
        found = read_object(path)
        yield found
        write_object(path, found)
