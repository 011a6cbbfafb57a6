"""How a serving process is stopped: who is told, what may still end, and when it is over."""

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from typing import NoReturn

SHUTDOWN_SECONDS = 8.0
"""How long what runs may take to end after a signal: less than the ten seconds that are usual."""

CUT_SECONDS = 1.5
"""How long what was cut short may take to say so."""

stopping = threading.Event()
"""Set in the serving process as soon as it was asked to stop."""

overdue = threading.Event()
"""Set in the serving process when the time is over in which what runs may end."""

_NUDGE = signal.SIGURG  # ignored where nobody asked for it
_NUDGE_SECONDS = 0.05
_LOOK_SECONDS = 0.1

_log = logging.getLogger(__name__)


def watch_for_stop(shutdown_seconds: float) -> None:
    """Set `stopping` at a signal, whoever handles it, and see that it is handled."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)
    signal.signal(_NUDGE, lambda _number, _frame: None)
    arguments = (reader, shutdown_seconds)
    threading.Thread(target=_read_signals, args=arguments, name="signals", daemon=True).start()


def _read_signals(reader: socket.socket, shutdown_seconds: float) -> None:
    asked = {signal.SIGTERM, signal.SIGINT}
    while asked.isdisjoint(reader.recv(64)):
        pass
    stopping.set()
    limit = threading.Timer(shutdown_seconds, overdue.set)
    limit.daemon = True
    limit.start()
    _nudge_main_thread()


def _nudge_main_thread() -> None:
    """Interrupt the main thread until it has ended.

    Python runs a signal's handler in the main thread only, between two instructions. A signal
    that comes after the last of them and before Granian's worker sleeps in `Event.wait`, or that
    the kernel gives to another thread, is noted and its handler not run until the wait ends: that
    is, never. Any further signal that reaches the sleeping thread has all handlers run.
    """
    main_thread = threading.main_thread()
    while main_thread.is_alive() and main_thread.ident is not None:
        signal.pthread_kill(main_thread.ident, _NUDGE)
        time.sleep(_NUDGE_SECONDS)


def wait_for_the_last_request() -> None:
    """Wait for the end of the main thread, for which the server answers what runs, or be late."""
    main_thread = threading.main_thread()
    while main_thread.is_alive() and not overdue.is_set():
        main_thread.join(_LOOK_SECONDS)
    main_thread.join(CUT_SECONDS)
    if main_thread.is_alive():
        _log.warning("requests_cut_off")


def end() -> NoReturn:
    """End the process now: no thread that waits for another machine holds it up."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(0)
