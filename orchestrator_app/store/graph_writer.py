"""Write graphs behind the back of who stores a document, and before anybody asks for them.

A write into Oxigraph takes longer than all else about a document, and many together take a third
of what each takes alone. So a document is acknowledged once it is in the journal (`documents.py`);
its graph follows, at once when somebody asks, and else with those of others.
"""

import logging
import threading
import time
from collections.abc import Callable

from orchestrator_app.store.errors import StoreUnavailableError

MOST_WAITING = 1000
"""Who stores more at once waits."""

MANY = 400
"""So many are written even if nobody asks."""

LINGER_SECONDS = 1.0
"""How long a graph waits for others, and the thread for work: the next write starts another."""

PAUSES_SECONDS = (0.2, 1.0, 5.0, 30.0)
"""After a write that failed; the last one again and again."""

_LOOK_SECONDS = 0.2

_log = logging.getLogger(__name__)


class GraphWriter:
    """Knows up to which number the journal is written, and a thread that writes the rest."""

    def __init__(self, write: Callable[[], int], done: int = 0) -> None:
        """Write with a function.

        Args:
            done: the number up to which all is written already.
            write: writes some of the journal, oldest first; returns the number up to which all of
                it is written. If it fails it is tried again, and who asks meanwhile is told so.
        """
        self._write = write
        self._changed = threading.Condition()
        self._taken = self._done = self._asked = done
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self._n_failures = 0
        self._is_over = False

    def take(self, number: int) -> None:
        """Note that the journal has grown to a number; wait while too much of it is unwritten."""
        with self._changed:
            self._taken = max(self._taken, number)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="graph-writer")
                self._thread.start()
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._n_waiting < MOST_WAITING or self._error)

    def settle(self) -> None:
        """Wait until all that was taken before is written.

        Raises:
            StoreUnavailableError: it cannot be written now.
        """
        with self._changed:
            wanted = self._asked = self._taken
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._done >= wanted or self._error)
            if self._done < wanted:
                message = f"the graph is behind its documents: {self._error}"
                raise StoreUnavailableError(message) from self._error

    def end(self) -> None:
        """Have the thread end at once when it has nothing to do, or cannot do it."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    @property
    def _n_waiting(self) -> int:
        return self._taken - self._done

    def _run(self) -> None:
        while self._has_work():
            try:
                done = self._write()
            except Exception as error:  # noqa: BLE001 - it is told to each who asks
                self._note_failure(error.with_traceback(None))
            else:
                self._note(done)

    def _has_work(self) -> bool:
        """Wait for enough work; return whether there is any, or else have the thread end."""
        with self._changed:
            wait = self._changed.wait_for
            wait(lambda: self._n_waiting or self._is_over, LINGER_SECONDS)
            wait(self._is_urgent, LINGER_SECONDS)
            if not self._n_waiting or (self._is_over and self._error):
                self._thread = None
                return False
            return True

    def _is_urgent(self) -> bool:
        is_asked_for = self._asked > self._done or self._error is not None
        return is_asked_for or self._is_over or self._n_waiting >= MANY or not self._n_waiting

    def _note(self, done: int) -> None:
        with self._changed:
            self._done, self._error, self._n_failures = done, None, 0
            self._changed.notify_all()

    def _note_failure(self, error: Exception) -> None:
        with self._changed:
            if not self._n_failures:
                _log.error("graph_not_written error=%s", error)
            self._error = error
            pause_seconds = PAUSES_SECONDS[min(self._n_failures, len(PAUSES_SECONDS) - 1)]
            self._n_failures += 1
            self._changed.notify_all()
            self._pause(pause_seconds)

    def _pause(self, seconds: float) -> None:
        """Wait, unless the store is closed or the program at its end."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._is_over:
            self._is_over = not threading.main_thread().is_alive()
            self._changed.wait(_LOOK_SECONDS)
