"""One at a time for each name; a name that nobody holds or waits for takes no memory."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from wasmiot_td.turns import take_patiently


class TurnsByName:
    """Turns, each of one name; who has it may take it again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[threading.RLock, int]] = {}

    def __len__(self) -> int:
        return len(self._known)

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Have the turn of a name, and keep others from it meanwhile."""
        turn = self._enter(name)
        try:
            take_patiently(turn)
            try:
                yield
            finally:
                turn.release()
        finally:
            self._leave(name)

    def is_free(self, name: str) -> bool:
        """Whether this thread could have a turn at once."""
        turn = self._enter(name)
        try:
            is_free = turn.acquire(blocking=False)
            if is_free:
                turn.release()
            return is_free
        finally:
            self._leave(name)

    def _enter(self, name: str) -> threading.RLock:
        with self._lock:
            turn, n_users = self._known.get(name) or (threading.RLock(), 0)
            self._known[name] = (turn, n_users + 1)
        return turn

    def _leave(self, name: str) -> None:
        with self._lock:
            turn, n_users = self._known.pop(name)
            if n_users > 1:
                self._known[name] = (turn, n_users - 1)
