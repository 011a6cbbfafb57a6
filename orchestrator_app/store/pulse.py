"""Whether a server still answers: who waits for one that hangs is told soon, and the next at once.

A server that is slow with one request answers another. So when nobody was answered for a while, one
of those who wait asks something easy besides. If that has no answer either, all who wait give up,
and nothing is sent until the easy question is answered again, asked by one at a time.
"""

import logging
import select
import threading
import time
from collections.abc import Callable
from typing import Any

from orchestrator_app.store.errors import StoreUnavailableError
from wasmiot_td.turns import resting

SILENCE_SECONDS = 2.0
"""After so long without an answer to anybody the easy question is asked."""

PROBE_SECONDS = 3.0
"""How long its answer may take."""

PAUSE_SECONDS = 2.0
"""How long after that it is asked again."""

_SLICE_SECONDS = 0.5
_log = logging.getLogger(__name__)


class Pulse:
    """What is known of one server; methods may be called from several threads."""

    def __init__(self, place: str, probe: Callable[[], bool]) -> None:
        """Believe that it answers.

        Args:
            place: the server, for people.
            probe: asks it something easy, for `PROBE_SECONDS` at most; returns whether it answers.
        """
        self._place, self._probe = place, probe
        self._lock = threading.Lock()
        self._answered = self._next_probe = time.monotonic()
        self._is_silent = self._is_probing = False

    def check(self) -> None:
        """Let a request through, or find out whether it can be.

        Raises:
            StoreUnavailableError: the server does not answer.
        """
        if not self._is_silent:
            return
        with self._lock:
            is_refused = self._is_probing or time.monotonic() < self._next_probe
            self._is_probing = self._is_probing or not is_refused
        if is_refused or not self._is_alive():
            raise self._unavailable()

    def beat(self) -> None:
        """Note an answer."""
        self._answered = time.monotonic()
        if self._is_silent:
            self._is_silent = False
            _log.info("graph_server_hangs_no_longer url=%s", self._place)

    def lose(self) -> None:
        """Note that the server does not answer."""
        self._next_probe = time.monotonic() + PAUSE_SECONDS
        if not self._is_silent:
            self._is_silent = True
            _log.warning("graph_server_hangs url=%s", self._place)

    def wait(self, sock: Any, timeout_seconds: float) -> None:
        """Wait until an answer begins; who waits for long lends its turn to others.

        Raises:
            TimeoutError: it took too long.
            StoreUnavailableError: the server does not answer anybody.
        """
        began = time.monotonic()
        if not _is_readable(sock):
            with resting():
                while not _is_readable(sock):
                    self._look(began)
                    if time.monotonic() - began > timeout_seconds:
                        raise TimeoutError("timed out")

    def _look(self, began: float) -> None:
        """Give up if the server does not answer anybody."""
        with self._lock:
            silence = time.monotonic() - max(began, self._answered)
            is_asked = silence > SILENCE_SECONDS and not (self._is_probing or self._is_silent)
            self._is_probing = self._is_probing or is_asked
        if self._is_silent or (is_asked and not self._is_alive()):
            raise self._unavailable()

    def _unavailable(self) -> StoreUnavailableError:
        return StoreUnavailableError(f"{self._place} does not answer; it is asked now and then")

    def _is_alive(self) -> bool:
        try:
            is_alive = self._probe()
            (self.beat if is_alive else self.lose)()
        finally:
            self._is_probing = False
        return is_alive


def _is_readable(sock: Any) -> bool:
    """Return whether an answer begins within a moment."""
    if getattr(sock, "pending", int)():  # of TLS, what was read and not given out
        return True
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(_SLICE_SECONDS * 1000))
