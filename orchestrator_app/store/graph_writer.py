"""Write graphs behind the back of who stores a document, and before anybody asks for them.

A write into Oxigraph takes longer than all else about a document, and other threads go on
meanwhile. So a document is acknowledged once it is in the journal (`documents.py`); its graph
follows, together with those of others that came at the same time. Who asks the graph waits for
what was acknowledged before.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from orchestrator_app.store.errors import StoreUnavailableError
from orchestrator_app.store.merged_graphs import GraphChange

MOST_WAITING = 256
"""Who stores more at once waits."""

MOST_AT_ONCE = 32
"""How many graphs one update holds."""

IDLE_SECONDS = 1.0
"""After that long without work the thread ends; the next write starts another."""


class GraphWriter:
    """A queue of changes, and a thread that works through it while there is any."""

    def __init__(self, write: Callable[[Sequence[GraphChange]], None]) -> None:
        """Write with a function, which is given changes in their order.

        A change that cannot be written is still in the journal: the queue stops there, and
        whoever asks the graph is told so, until the store is opened again.
        """
        self._write = write
        self._changed = threading.Condition()
        self._waiting: deque[GraphChange] = deque()
        self._taken = 0
        self._done = 0
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self._is_over = False

    def take(self, changes: Iterable[GraphChange]) -> None:
        """Queue changes, unless the queue has stopped; the caller sees to their order."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < MOST_WAITING or self._error)
            if self._error is not None:
                return
            before = len(self._waiting)
            self._waiting.extend(changes)
            self._taken += len(self._waiting) - before
            if self._waiting and self._thread is None:
                self._thread = threading.Thread(target=self._run, name="graph-writer")
                self._thread.start()
            self._changed.notify_all()

    def settle(self) -> None:
        """Wait until all that was queued before is written.

        Raises:
            StoreUnavailableError: it cannot be written.
        """
        with self._changed:
            wanted = self._taken
            self._changed.wait_for(lambda: self._done >= wanted or self._error)
            if self._error is not None:
                message = f"the graph is behind its documents: {self._error}"
                raise StoreUnavailableError(message) from self._error

    def end(self) -> None:
        """Have the thread end at once when it has nothing to do."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _run(self) -> None:
        while batch := self._next():
            try:
                self._write(batch)
            except Exception as error:  # noqa: BLE001 - it is told to each who asks
                self._end(error.with_traceback(None))
                return
            with self._changed:
                self._done += len(batch)
                self._changed.notify_all()

    def _next(self) -> list[GraphChange]:
        """Return the next changes; none when there is no work, and the thread is to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_over, IDLE_SECONDS)
            if not self._waiting:
                self._thread = None
                return []
            most = min(len(self._waiting), MOST_AT_ONCE)
            batch = [self._waiting.popleft() for _ in range(most)]
            self._changed.notify_all()
            return batch

    def _end(self, error: Exception) -> None:
        with self._changed:
            self._error, self._thread = error, None
            self._changed.notify_all()
