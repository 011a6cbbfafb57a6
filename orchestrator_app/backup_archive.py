"""A backup is a tar: members of few kinds, and at the end a manifest with the digest of each.

Both ways read a member once, in pieces. What is read is put into a new directory, and that one is
moved to its place when the manifest has confirmed all of it.
"""

import hashlib
import json
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from orchestrator_app.disk import bring_to_disk
from wasmiot_td.errors import WasmiotError

FORMAT = "wasmiot-backup"
VERSION = 1
MANIFEST = "manifest.json"
MEDIA_TYPE = "application/x-tar"
MOST_MANIFEST_BYTES = 256 * 1024 * 1024

_NAME = re.compile(
    r"id|version|executions|graph/[A-Za-z0-9_][A-Za-z0-9._-]*|packages/[0-9a-f]{64}"
    r"|access(/[A-Za-z0-9_][A-Za-z0-9._-]*){1,4}"
)
_REQUIRED = {"id", "graph/documents.sqlite"}
_UNKNOWN = "0" * 64
_CHUNK_BYTES = 256 * 1024
_BLOCK_BYTES = tarfile.BLOCKSIZE

Advance = Callable[[int], None]


class BackupError(WasmiotError):
    """A file is no whole backup, or cannot be put where it was asked for."""


@dataclass(frozen=True)
class Member:
    """A file of a backup, and its name there."""

    name: str
    path: Path


@dataclass(frozen=True)
class Contents:
    """What a backup was found to hold.

    Attributes:
        digests: the SHA-256 of each member.
        byte_count: of all members together.
    """

    digests: dict[str, str] = field(default_factory=dict)
    byte_count: int = 0

    @property
    def has_secrets(self) -> bool:
        """Whether tokens and keys are in it."""
        return any(name.startswith("access/") for name in self.digests)

    def told(self) -> dict[str, Any]:
        """Return what a person is told of it."""
        packages = sum(name.startswith("packages/") for name in self.digests)
        return {
            "files": len(self.digests),
            "packages": packages,
            "bytes": self.byte_count,
            "hasSecrets": self.has_secrets,
        }


def is_member_name(name: str) -> bool:
    """Return whether a backup may have a member of this name."""
    return _NAME.fullmatch(name) is not None


def byte_length(members: Iterable[Member]) -> int:
    """Return how long the archive of these files will be; they must not change any more."""
    digests, total = {}, 2 * _BLOCK_BYTES
    for member in members:
        digests[member.name] = _UNKNOWN
        size = member.path.stat().st_size
        total += len(_head(member.name, size)) + _padded(size)
    size = len(_manifest(digests))
    return total + len(_head(MANIFEST, size)) + _padded(size)


def written(members: Iterable[Member]) -> Iterator[bytes]:
    """Yield the archive of some files, piece by piece."""
    digests = {}
    for member in members:
        digest, size = hashlib.sha256(), member.path.stat().st_size
        yield _head(member.name, size)
        with member.path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
                yield chunk
        yield bytes(_padded(size) - size)
        digests[member.name] = digest.hexdigest()
    manifest = _manifest(digests)
    yield _head(MANIFEST, len(manifest)) + manifest
    yield bytes(_padded(len(manifest)) - len(manifest) + 2 * _BLOCK_BYTES)


def verified(file: Path, advance: Advance = lambda _: None) -> Contents:
    """Return what a backup holds, when all of it was read and found whole.

    Raises:
        BackupError: it is damaged, cut off, or holds what no backup holds.
    """
    return _read(file, None, advance)


def restored(file: Path, directory: Path, advance: Advance = lambda _: None) -> Contents:
    """Put a backup into a directory that is empty or not there: as a whole, or not at all.

    Raises:
        BackupError: as for `verified`; or there is something in the directory.
    """
    if directory.is_symlink() or (directory.exists() and not _is_empty(directory)):
        raise BackupError(f"{directory} is not empty; a backup is restored into a new directory")
    place = directory.absolute()
    place.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}-"))
    try:
        contents = _read(file, new, advance)
        for folder, _, _ in os.walk(new):
            bring_to_disk(Path(folder))
        new.rename(place)  # over a directory only if it is empty
        bring_to_disk(place.parent)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return contents


def _is_empty(directory: Path) -> bool:
    return directory.is_dir() and not any(directory.iterdir())


def _head(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info.tobuf(tarfile.PAX_FORMAT)


def _padded(size: int) -> int:
    return -(-size // _BLOCK_BYTES) * _BLOCK_BYTES


def _manifest(digests: dict[str, str]) -> bytes:
    told = {"format": FORMAT, "version": VERSION, "sha256": digests}
    return json.dumps(told, indent=1, sort_keys=True).encode() + b"\n"


def _read(file: Path, target: Path | None, advance: Advance) -> Contents:
    digests: dict[str, str] = {}
    total, manifest = 0, b""
    try:
        with tarfile.open(file, "r|", bufsize=_CHUNK_BYTES) as archive:
            for info in archive:
                _check_head(info, digests, is_over=bool(manifest))
                source = archive.extractfile(info)
                assert source is not None
                if info.name == MANIFEST:
                    manifest = source.read()
                else:
                    digests[info.name] = _taken(source, info, target, advance)
                    total += info.size
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise BackupError(f"{file} is no whole backup: {error}") from error
    _check_manifest(file, manifest, digests)
    return Contents(digests, total)


def _check_head(info: tarfile.TarInfo, known: dict[str, str], *, is_over: bool) -> None:
    """Refuse a member that no backup has, before any of it is read.

    Raises:
        BackupError: its name or its type is foreign, or it comes again, or after the end.
    """
    is_plain = info.type == tarfile.REGTYPE and not info.issparse()
    is_known = info.name == MANIFEST or is_member_name(info.name)
    if is_over or not is_plain or not is_known or info.name in known:
        raise BackupError(f"the archive holds {info.name[:100]!r}, which no backup of ours does")
    if info.name == MANIFEST and info.size > MOST_MANIFEST_BYTES:
        raise BackupError(f"the archive's manifest has {info.size} bytes, which is too much")


def _taken(source: IO[bytes], info: tarfile.TarInfo, target: Path | None, advance: Advance) -> str:
    """Copy a member into its file, if there is to be one; return its digest."""
    digest, length = hashlib.sha256(), 0
    with _place(target, info.name) as file:
        while chunk := source.read(_CHUNK_BYTES):
            file.write(chunk)
            digest.update(chunk)
            length += len(chunk)
            advance(len(chunk))
        if length != info.size:
            raise BackupError(f"the archive breaks off in {info.name}")
        file.flush()
        if target is not None:
            os.fsync(file.fileno())
    return digest.hexdigest()


def _place(target: Path | None, name: str) -> IO[bytes]:
    if target is None:
        return Path(os.devnull).open("wb")
    path = target / name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(descriptor, "wb")


def _check_manifest(file: Path, text: bytes, digests: dict[str, str]) -> None:
    """Compare what was read with what the manifest says.

    Raises:
        BackupError: they differ, or it is another program's or a newer one's.
    """
    try:
        said = json.loads(text) if text else None
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise BackupError(f"{file} is no whole backup: its manifest is not there")
    if said.get("version") != VERSION:
        raise BackupError(
            f"{file} is a backup of version {said.get('version')!r}, and this program knows "
            f"{VERSION}: restore it with a newer one"
        )
    wanted = {n: n.removeprefix("packages/") for n in digests if n.startswith("packages/")}
    named = said.get("sha256")
    pairs = named if isinstance(named, dict) else {}
    wrong = sorted(n for n in pairs.keys() | digests.keys() if pairs.get(n) != digests.get(n))
    wrong += sorted(n for n, digest in wanted.items() if digests[n] != digest)
    wrong += sorted(_REQUIRED - digests.keys())
    if wrong:
        raise BackupError(f"{file} is damaged: {wrong[0]} is not what the manifest says")
