"""Copies of the graph for those who ask, made anew only when the store has changed."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator_app.store import Store


class Checkpoints:
    """Copies of the store's graphs, each kept as long as it is the newest or in use."""

    def __init__(self, store: Store, directory: Path, *, with_bookkeeping: bool = False) -> None:
        self._store = store
        self._with_bookkeeping = with_bookkeeping
        shutil.rmtree(directory, ignore_errors=True)
        self._directory = directory
        self._lock = threading.Lock()
        self._version = -1
        self._newest = directory
        self._users: dict[Path, int] = {}

    @contextmanager
    def current(self) -> Iterator[Path]:
        """Lend a copy of the store as it is now."""
        with self._lock:
            path = self._fresh()
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

    def _fresh(self) -> Path:
        version = self._store.version()
        if version != self._version:
            self._directory.mkdir(parents=True, exist_ok=True)
            path = self._directory / str(version)
            self._store.checkpoint(path, with_bookkeeping=self._with_bookkeeping)
            self._version, self._newest = version, path
            self._prune()
        return self._newest

    def _prune(self) -> None:
        for path in self._directory.glob("*"):
            if path != self._newest and not self._users.get(path):
                shutil.rmtree(path, ignore_errors=True)
                self._users.pop(path, None)
