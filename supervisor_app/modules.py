"""Modules and data files on disk: fetched by digest, verified, compiled once.

A package is a file named by the SHA-256 of its bytes. Machine code is kept beside it, made on
this device only: what comes over the network is never loaded as machine code.
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from supervisor_app.binary import starts_without_code
from supervisor_app.brevity import brevity_of
from supervisor_app.call import ModuleInterface
from supervisor_app.compile import begin, compile_apart
from supervisor_app.engine import ENGINE_TAG
from supervisor_app.errors import CompileError, PackageError
from supervisor_app.installation import DIGEST_PREFIX, Package
from supervisor_app.module_interface import inspect_file

Fetch = Callable[[str, int], bytes]


class Packages:
    """The packages of one device."""

    def __init__(
        self,
        directory: Path,
        fetch: Fetch,
        *,
        max_bytes: int,
        compile_seconds: float,
        compile_memory_bytes: int,
    ) -> None:
        self._packages = directory / "packages"
        self._compiled = directory / "compiled"
        self._fetch = fetch
        self._max_bytes = max_bytes
        self._compile_seconds = compile_seconds
        self._compile_memory_bytes = compile_memory_bytes
        self._compiled_in: Callable[[str, float], None] = lambda outcome, seconds: None
        self._interfaces: dict[str, ModuleInterface] = {}
        self._compiled_paths: dict[str, Path] = {}
        for path in (self._packages, self._compiled):
            path.mkdir(parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        """Return the file of a package."""
        return self._packages / digest.removeprefix(DIGEST_PREFIX)

    def compiled_path(self, digest: str) -> Path:
        """Return the machine code of a module."""
        path = self._compiled_paths.get(digest)
        if path is None:
            path = self._compiled / f"{digest.removeprefix(DIGEST_PREFIX)}.{ENGINE_TAG}"
            self._compiled_paths[digest] = path
        return path

    def add(self, data: bytes) -> str:
        """Keep bytes and return their digest.

        Raises:
            PackageError: they are too many.
        """
        digest = DIGEST_PREFIX + hashlib.sha256(data).hexdigest()
        self._check_size(len(data), digest)
        if not self.path(digest).is_file():
            write_atomically(self.path(digest), data)
        return digest

    def ensure(self, package: Package) -> Path:
        """Have a package on disk, fetched if it is not there or not what it was.

        Raises:
            PackageError: it cannot be had, or the bytes are not those of the digest.
        """
        path = self.path(package.digest)
        if path.is_file() and _digest_of(path) == package.digest:
            return path
        if not package.href:
            raise PackageError("it is not on this device and has no address", package.digest)
        data = self._fetch(package.href, self._max_bytes)
        self._check_size(len(data), package.digest)
        actual = DIGEST_PREFIX + hashlib.sha256(data).hexdigest()
        if actual != package.digest:
            raise PackageError(f"{package.href} has the digest {actual}", package.digest)
        write_atomically(path, data)
        return path

    def ensure_compiled(self, digest: str) -> Path:
        """Have a module compiled, in a process of its own that can be stopped.

        Raises:
            CompileError: it is no module, or it takes too long.
        """
        target = self.compiled_path(digest)
        if not target.is_file():
            with _temporary_beside(target) as temporary:
                self._compile(self.path(digest), temporary, digest)
                temporary.replace(target)
        return target

    def expect_module(self) -> None:
        """Get ready to compile, while something else is done."""
        begin(self._compile_memory_bytes)

    def interface(self, digest: str) -> ModuleInterface:
        """Return what a module on disk imports and exports.

        Raises:
            CompileError: it is no module.
        """
        if digest not in self._interfaces:
            self.ensure_compiled(digest)  # so it is valid
            source = self.path(digest)
            brief = brevity_of(source, starts_without_code=starts_without_code(source))
            self._interfaces[digest] = replace(inspect_file(source), brief=brief)
        return self._interfaces[digest]

    def discard_unused(self, used: Iterable[Package]) -> None:
        """Remove every package that none of the given installations needs."""
        digests = {package.digest for package in used}
        kept = {digest.removeprefix(DIGEST_PREFIX) for digest in digests}
        self._interfaces = {d: i for d, i in self._interfaces.items() if d in digests}
        self._compiled_paths = {d: p for d, p in self._compiled_paths.items() if d in digests}
        for directory in (self._packages, self._compiled):
            for path in directory.iterdir():
                if path.name.split(".")[0] not in kept:
                    path.unlink(missing_ok=True)

    def on_compiled(self, note: Callable[[str, float], None]) -> None:
        """Have it noted how each compilation ended, `completed` or `failed`, and its seconds."""
        self._compiled_in = note

    def _compile(self, source: Path, target: Path, digest: str) -> None:
        begin, outcome = time.monotonic(), "failed"
        try:
            compile_apart(
                source,
                target,
                seconds=self._compile_seconds,
                memory_bytes=self._compile_memory_bytes,
            )
            outcome = "completed"
        except CompileError as error:
            raise CompileError(str(error), digest) from None
        finally:
            self._compiled_in(outcome, time.monotonic() - begin)

    def _check_size(self, size: int, digest: str) -> None:
        if size > self._max_bytes:
            message = f"{size} bytes are more than the {self._max_bytes} this device takes"
            raise PackageError(message, digest)


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return DIGEST_PREFIX + hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is there as a whole or not at all, whatever happens."""
    with _temporary_beside(path) as temporary:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)


@contextmanager
def _temporary_beside(path: Path) -> Iterator[Path]:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
