"""Packages by content: the bytes of a wasm binary or a data file, found by their SHA-256.

Taken in first, kept later: what is not kept when the staging ends is gone.
"""

import hashlib
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from orchestrator_app.disk import bring_to_disk
from wasmiot_td.problem import ProblemError

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class StagedPackage:
    """Bytes that have been taken in and may yet be kept."""

    digest: str
    byte_length: int
    path: Path

    def read(self) -> bytes:
        """Return all of it."""
        return self.path.read_bytes()


class Staging:
    """Packages taken in together, kept together or not at all."""

    def __init__(self, directory: Path, store: "PackageStore") -> None:
        self._directory = directory
        self._store = store
        self._staged: list[StagedPackage] = []

    def take(self, stream: IO[bytes], max_bytes: int | None = None) -> StagedPackage:
        """Copy a stream to disk in constant memory.

        Raises:
            ProblemError: 413, it is longer than `max_bytes`.
        """
        path = self._directory / str(len(self._staged))
        digest, length = hashlib.sha256(), 0
        with path.open("wb") as file:
            while chunk := stream.read(_CHUNK_BYTES):
                length += len(chunk)
                if max_bytes is not None and length > max_bytes:
                    detail = f"A package of this kind may have at most {max_bytes} bytes."
                    raise ProblemError(413, "Package too large", detail)
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        staged = StagedPackage(f"sha256:{digest.hexdigest()}", length, path)
        self._staged.append(staged)
        return staged

    def keep(self) -> None:
        """Move all that was taken in to its place; each move is atomic."""
        for staged in self._staged:
            staged.path.replace(self._store.place(staged.digest))
        self._store.sync()


class PackageStore:
    """Packages in a directory, each in a file named by its digest."""

    def __init__(self, directory: Path | None = None) -> None:
        """Open the directory, or a temporary one that goes away with this object."""
        if directory is None:
            directory = Path(tempfile.mkdtemp(prefix="wasmiot-packages-"))
            weakref.finalize(self, shutil.rmtree, directory, ignore_errors=True)
        self._directory = directory
        self._incoming = directory / "incoming"
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._incoming.mkdir(parents=True)

    def path(self, digest: str) -> Path | None:
        """Return the file of a package, or None where there is none."""
        if not _DIGEST.fullmatch(digest):
            return None
        path = self.place(digest)
        return path if path.is_file() else None

    def delete(self, digest: str) -> None:
        """Remove a package, if it is there."""
        if path := self.path(digest):
            path.unlink(missing_ok=True)

    def place(self, digest: str) -> Path:
        """Return where a package of this digest belongs."""
        return self._directory / digest.removeprefix("sha256:")

    @contextmanager
    def staging(self) -> Iterator[Staging]:
        """Open a staging; on leaving, what was not kept is removed."""
        directory = Path(tempfile.mkdtemp(dir=self._incoming))
        try:
            yield Staging(directory, self)
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def sync(self) -> None:
        """Make the moves survive a power cut."""
        bring_to_disk(self._directory)
