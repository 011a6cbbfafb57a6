"""A copy of what an orchestrator keeps, taken while it goes on: of one moment, in bounded memory.

The graph is copied first and the documents after it, with the journal of all that came between:
a store that is opened reads the journal, and so brings its graph up to its documents. Packages
are linked in the moment of the documents; no file of either changes any more.
"""

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator_app.backup_archive import Member, byte_length, is_member_name, written
from orchestrator_app.deployment.execution_journal import EXECUTIONS
from orchestrator_app.services import Services
from orchestrator_app.store import OxigraphStore
from wasmiot_td.access.opening import ACCESS
from wasmiot_td.problem import ProblemError

WHOLE_FILES = ("id", "version", EXECUTIONS)
_FOLDER = "backups"
_taking = threading.Lock()


@dataclass(frozen=True)
class Snapshot:
    """A copy that is there until it is closed."""

    directory: Path
    members: tuple[Member, ...]

    @property
    def byte_length(self) -> int:
        """How long the archive is."""
        return byte_length(self.members)

    def pieces(self) -> Iterator[bytes]:
        """Yield the archive, piece by piece."""
        return written(self.members)

    def close(self) -> None:
        """Remove the copy; the links go, what they named stays."""
        shutil.rmtree(self.directory, ignore_errors=True)


def take_snapshot(parts: Services, *, with_secrets: bool = False) -> Snapshot:
    """Return a copy of one moment.

    Args:
        parts: of the orchestrator.
        with_secrets: whether tokens and keys belong to it.

    Raises:
        ProblemError: 409, nothing is kept here; 503, another copy is being taken.
    """
    data_dir = parts.settings.data_dir
    if data_dir is None or not isinstance(parts.store, OxigraphStore):
        raise ProblemError(409, "Nothing to back up here", _elsewhere(parts))
    if not _taking.acquire(blocking=False):
        raise ProblemError(503, "Busy", "Another backup is being taken; try again in a moment.")
    try:
        folder = data_dir / _FOLDER
        folder.mkdir(exist_ok=True)
        directory = Path(tempfile.mkdtemp(dir=folder))
        try:
            _copy(data_dir, parts.store, directory, with_secrets=with_secrets)
            return Snapshot(directory, tuple(_members(directory)))
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise
    finally:
        _taking.release()


def remove_snapshots(data_dir: Path | None) -> None:
    """Remove what a process that was killed left."""
    if data_dir is not None:
        shutil.rmtree(data_dir / _FOLDER, ignore_errors=True)


def _elsewhere(parts: Services) -> str:
    if parts.settings.store_url:
        return "The graph is kept by a server of its own; back that one up with its own tools."
    return "This orchestrator keeps all in memory; a data directory is what can be backed up."


def _copy(data_dir: Path, store: OxigraphStore, target: Path, *, with_secrets: bool) -> None:
    def copy_files() -> None:
        _link_all(data_dir / "packages", target, "packages")
        for name in WHOLE_FILES:
            if (data_dir / name).exists():
                shutil.copy(data_dir / name, target / name)

    store.copy(target / "graph", copy_files)
    if with_secrets:
        for path in sorted((data_dir / ACCESS).rglob("*")):
            name = path.relative_to(data_dir).as_posix()
            if is_member_name(name) and path.is_file():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target / name)


def _link_all(source: Path, target: Path, name: str) -> None:
    folder = target / name
    folder.mkdir()
    for path in source.iterdir():
        if is_member_name(f"{name}/{path.name}"):
            try:
                (folder / path.name).hardlink_to(path)
            except OSError:  # a file system without links
                shutil.copy(path, folder / path.name)


def _members(directory: Path) -> Iterator[Member]:
    """Yield the files that were copied, in the order of their names."""
    for folder, _, names in sorted(os.walk(directory)):
        for path in sorted(Path(folder) / name for name in names):
            name = path.relative_to(directory).as_posix()
            if is_member_name(name):
                yield Member(name, path)
