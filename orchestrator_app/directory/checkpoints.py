"""Copies of the graph for those who ask, made anew only when the store has changed."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class Checkpoints:
    """Copies of what a store holds, each kept as long as it is the newest or in use."""

    def __init__(
        self, version: Callable[[], int], make: Callable[[Path], None], directory: Path
    ) -> None:
        """Keep copies in a directory.

        Args:
            version: tells a number that grows with every change.
            make: makes a copy as a new directory.
            directory: what is there is removed.
        """
        self._current_version = version
        self._make = make
        shutil.rmtree(directory, ignore_errors=True)
        self._directory = directory
        self._lock = threading.Lock()
        self._version = -1
        self._newest = directory
        self._users: dict[Path, int] = {}

    @contextmanager
    def current(self) -> Iterator[Path]:
        """Lend a copy of the store as it is now; those who wait for one share what is made."""
        wanted = self._current_version()
        with self._lock:
            path = self._fresh(wanted)
            self._users[path] = self._users.get(path, 0) + 1
        try:
            yield path
        finally:
            with self._lock:
                self._users[path] -= 1
                self._prune()

    def close(self) -> None:
        """Remove all copies."""
        shutil.rmtree(self._directory, ignore_errors=True)

    def _fresh(self, wanted: int) -> Path:
        """Return a copy that has all that a version has."""
        if self._version < wanted:
            version = self._current_version()
            self._directory.mkdir(parents=True, exist_ok=True)
            path = self._directory / str(version)
            self._make(path)
            self._version, self._newest = version, path
            self._prune()
        return self._newest

    def _prune(self) -> None:
        for path in self._directory.glob("*"):
            if path != self._newest and not self._users.get(path):
                shutil.rmtree(path, ignore_errors=True)
                self._users.pop(path, None)
