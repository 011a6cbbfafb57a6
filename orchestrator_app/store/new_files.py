"""The engine's files written anew, without the strings of what is there no longer.

Oxigraph keeps each string that was ever in a triple, also when no triple has it any more: without
this the files grew with every execution and every Thing that has come and gone, for ever.

The new files are made in a folder beside the old ones, and take their place in steps that can be
taken again, whenever a crash comes between: that the folder `READY` is there says that the new
files are whole.
"""

import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator_app.disk import bring_to_disk
from orchestrator_app.store.documents import FILE_NAME

MOST_CHANGED_QUADS = 100_000
"""After so many quads that came or went it is looked whether the files have grown by it."""

SPARE_BYTES = 32 * 1024 * 1024
"""How much larger than twice what they were when they were new the files may be."""

WORK = "rewriting"
READY = "rewritten"
_SIZE = "size-when-new"
_LOOK_SECONDS = 0.1
_PROGRAM = Path(__file__).with_name("rewrite_graph.py")


class NewFiles:
    """When the files of an engine are due to be written anew, and where.

    Args:
        directory: of the engine; None if it is in memory.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._n_changed = 0
        if directory is not None:  # what a process that was killed had begun
            shutil.rmtree(directory / WORK, ignore_errors=True)
            self._n_changed = MOST_CHANGED_QUADS if _has_grown(directory) else 0

    def are_due(self, n_changed: int) -> bool:
        """Count quads that came or went; return whether so many make it worth a new beginning."""
        self._n_changed += n_changed
        if self._directory is None or self._n_changed < MOST_CHANGED_QUADS:
            return False
        self._n_changed = 0
        has_room = shutil.disk_usage(self._directory).free > 2 * size_of(self._directory)
        return has_room and _has_grown(self._directory)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Lend an empty folder, which is gone in the end with all that is in it.

        Its name is its own: a process that outlives who was killed may be writing into another.
        """
        assert self._directory is not None
        work = self._directory / WORK
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(exist_ok=True)
        try:
            yield Path(tempfile.mkdtemp(dir=work))
        finally:
            shutil.rmtree(work, ignore_errors=True)


def write_anew(source: Path, target: Path, gives_way: threading.Event) -> bool:
    """Write what the files of a copy say as new ones, by a process of its own.

    Args:
        source: the copy.
        target: a directory to be made.
        gives_way: ends it before its time.

    Returns:
        Whether they are there.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", str(_PROGRAM), str(source), str(target)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None:
        if gives_way.wait(_LOOK_SECONDS) or not threading.main_thread().is_alive():
            process.kill()
    return process.wait() == 0


def declare_ready(directory: Path, new: Path, size: int) -> None:
    """Say that new files, which no engine has open, shall take the place of the old ones.

    Args:
        directory: of the old ones.
        new: where the new ones are.
        size: of their tables when they were written; what came later is not merged yet.
    """
    (new / _SIZE).write_text(str(size))
    bring_to_disk(new)
    new.rename(directory / READY)
    bring_to_disk(directory)


def adopt(directory: Path) -> None:
    """Put new files in the place of the old ones, if there are any; no engine has them open.

    Raises:
        OSError: the disk does not take it; it is tried again when they are opened next.
    """
    ready = directory / READY
    if not ready.is_dir():
        return
    for path in directory.iterdir():
        if path.is_file() and not path.name.startswith(FILE_NAME) and path.name != "LOCK":
            path.unlink()
    for path in ready.iterdir():
        if path.name != "LOCK":
            _link(path, directory / path.name)
    bring_to_disk(directory)
    shutil.rmtree(directory / WORK, ignore_errors=True)
    ready.rename(directory / WORK)  # so that half of it is never taken for all
    shutil.rmtree(directory / WORK, ignore_errors=True)


def size_of(directory: Path) -> int:
    """Return how large the tables of an engine are together."""
    sizes = 0
    for path in directory.glob("*.sst"):
        try:
            sizes += path.stat().st_size
        except FileNotFoundError:  # it was merged into another
            continue
    return sizes


def _has_grown(directory: Path) -> bool:
    return size_of(directory) > 2 * _size_when_new(directory) + SPARE_BYTES


def _size_when_new(directory: Path) -> int:
    try:
        return int((directory / _SIZE).read_text())
    except (OSError, ValueError):
        return 0


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # a file system without links
        shutil.copy(source, target)
        bring_to_disk(target)
