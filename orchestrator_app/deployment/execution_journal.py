"""Which executions have begun and ended, in a file that only grows: a line costs next to nothing.

Results are in the store, as long as they are kept there. What has begun and not ended, and is not
there, was under way when the orchestrator was killed. A line is with the operating system before
anybody is told of the execution, so it survives the end of the process at any moment; a power cut
may take the last ones.
"""

import errno
import json
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

EXECUTIONS = "executions"
"""The name of the file in a data directory."""

MOST_BYTES = 1_000_000
"""Beyond this size it is written anew, with what has not ended."""

Begun = tuple[str, str, str]
"""A deployment, an invocation, and when it was asked for."""


class ExecutionJournal:
    """The executions that have begun since the file was written anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._bytes = os.fstat(self._file).st_size

    def begun(self) -> list[Begun]:
        """Return what has begun and not ended; a line that a crash cut short does not count."""
        found: dict[tuple[str, str], Begun] = {}
        for line in self._path.read_text(errors="replace").splitlines():
            try:
                slug, invocation, *times = json.loads(line)
            except (ValueError, TypeError):
                continue
            if times:
                found[slug, invocation] = (slug, invocation, times[0])
            else:
                found.pop((slug, invocation), None)
        return [*found.values()]

    def note(self, slug: str, invocation: str, time: str) -> None:
        """Write that an execution has begun.

        Raises:
            OSError: the disk does not take all of it; nothing of it is left there.
        """
        self._add(_line((slug, invocation, time)))

    def note_end(self, slug: str, invocation: str) -> None:
        """Write that an execution has ended, and its result is kept.

        Raises:
            OSError: as for `note`.
        """
        self._add(_line((slug, invocation)))

    def _add(self, line: bytes) -> None:
        with self._lock:
            try:
                _write_all(self._file, line)
            except OSError:
                os.ftruncate(self._file, self._bytes)
                raise
            self._bytes += len(line)

    def shorten(self, begun: Callable[[], Iterable[Begun]], *, is_forced: bool = False) -> None:
        """Leave only what has not ended, if the file has become long."""
        if self._bytes < MOST_BYTES and not is_forced:
            return
        with self._lock:
            content = b"".join(map(_line, begun()))
            new = self._path.with_suffix(".new")
            new.write_bytes(content)
            new.replace(self._path)
            os.close(self._file)
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            self._bytes = len(content)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            os.close(self._file)


def _write_all(file: int, line: bytes) -> None:
    """Write a line; the last room of a disk takes a part of it without an error."""
    if os.write(file, line) < len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _line(said: tuple[str, ...]) -> bytes:
    return json.dumps(said).encode() + b"\n"
