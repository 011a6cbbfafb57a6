"""How a serving process is stopped: who is told, what may still end, and when it is over.

First `stopping` is set, and what would begin by itself does so no more; what runs may end. Then
`overdue` is set, and what still runs is cut short.
"""

import contextlib
import faulthandler
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NoReturn

SHUTDOWN_SECONDS = 8.0
"""How long what runs may take to end after a signal: less than the ten seconds that are usual."""

CUT_SECONDS = 1.5
"""How long what was cut short may take to say so."""

stopping = threading.Event()
"""Set in the serving process as soon as it was asked to stop."""

overdue = threading.Event()
"""Set in the serving process when the time is over in which what runs may end."""

asked_again = threading.Event()
"""Set in the serving process at SIGHUP: to read again what may be read while it serves."""

_NUDGE = signal.SIGURG  # ignored where nobody asked for it
_NUDGE_SECONDS = 0.05
_ONE_SIGNAL_SECONDS = 0.3  # some send a signal to the process and to its group
_LOOK_SECONDS = 0.1

_told: list[tuple[Callable[[], object], Callable[[], object]]] = []
_log = logging.getLogger(__name__)


@contextlib.contextmanager
def following(
    begin: Callable[[], object], cut: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """Have something done when this process is stopped, as long as the context is entered.

    Args:
        begin: called as soon as it was asked to.
        cut: called when the time is over in which what runs may end.
    """
    _told.append((begin, cut))
    try:
        yield
    finally:
        _told.remove((begin, cut))


def wait_until(condition: Callable[[], bool]) -> bool:
    """Wait for what runs; return whether it is over in time, or a moment after it was cut short."""
    while not overdue.is_set():
        if condition():
            return True
        overdue.wait(_LOOK_SECONDS)
    end = time.monotonic() + CUT_SECONDS
    while not condition() and time.monotonic() < end:
        time.sleep(_LOOK_SECONDS)
    return condition()


def watch_for_stop(shutdown_seconds: float, leave_seconds: float) -> None:
    """Set `stopping` at a signal, whoever handles it, and see that it is handled.

    Args:
        shutdown_seconds: how long what runs may take to end.
        leave_seconds: how long everything else may take after that, before the process is ended.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)
    for number in (_NUDGE, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: None)
    arguments = (reader, shutdown_seconds, leave_seconds)
    threading.Thread(target=_read_signals, args=arguments, name="signals", daemon=True).start()


def _read_signals(reader: socket.socket, shutdown_seconds: float, leave_seconds: float) -> None:
    _next_request(reader)
    asked_at = time.monotonic()
    _end_after(shutdown_seconds + CUT_SECONDS + leave_seconds)
    for work in (partial(_stop, shutdown_seconds), _nudge_main_thread):
        threading.Thread(target=work, name="stop", daemon=True).start()
    while True:
        number = _next_request(reader)
        if time.monotonic() - asked_at > _ONE_SIGNAL_SECONDS:
            os._exit(128 + number)


def _next_request(reader: socket.socket) -> int:
    """Return the number of the next signal that asks to stop."""
    while True:
        number = reader.recv(1)[0]
        if number in (signal.SIGTERM, signal.SIGINT):
            return number
        if number == signal.SIGHUP:
            asked_again.set()


def _end_after(seconds: float) -> None:
    """End this process then, whatever holds it up: that clock needs no lock of the interpreter."""
    nowhere = Path(os.devnull).open("wb")  # noqa: SIM115 - open until the end
    faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)


def _stop(shutdown_seconds: float) -> None:
    """Tell of both moments."""
    deadline = time.monotonic() + shutdown_seconds
    stopping.set()
    for begin, _ in list(_told):
        _do(begin)
    time.sleep(max(deadline - time.monotonic(), 0))
    overdue.set()
    for _, cut in list(_told):
        _do(cut)


def _do(step: Callable[[], object]) -> None:
    try:
        step()
    except Exception:  # noqa: BLE001 - the others are to be told, too
        _log.exception("not_stopped_in_order")


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


def end(code: int = 0) -> NoReturn:
    """End the process now: no thread that waits for another machine holds it up."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
