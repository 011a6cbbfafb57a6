"""New certificates, and a new list of those that count no more, while a server serves.

The files are looked at every other second and at SIGHUP. What can be used as a whole is taken:
whoever connects from then on, and whomever the server connects to, is told and judged by it. What
cannot be used, as half of a new pair, is told in the log, and the server goes on as it was; it is
tried again at each look until it can be, and told again when there is something else to tell.
"""

import logging
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from wasmiot_td.listening import be_replaceable, replace_listeners
from wasmiot_td.slow_readers import drop_slow_readers
from wasmiot_td.stopping import asked_again
from wasmiot_td.tls import Tls, warnings_of

LOOK_SECONDS = 2.0
"""How often the files are looked at."""

_Seen = tuple[tuple[int, ...], ...]
_log = logging.getLogger(__name__)


def renew_when_asked(tls: Tls, base_url: str, port: int) -> None:
    """Look after the files from now on, in a thread; called before a process listens.

    Args:
        tls: which files.
        base_url: under which others reach the server.
        port: on which it listens.
    """
    files = tuple(filter(None, (tls.cert, tls.key, tls.client_ca, tls.ca, tls.crl)))
    if not files:
        return
    if tls.cert:
        be_replaceable()
    watch = FileWatch(files, partial(renew, tls, base_url, port))
    threading.Thread(target=_look_after, args=(watch,), name="tls-files", daemon=True).start()


def renew(tls: Tls, base_url: str, port: int) -> str:
    """Take what the files hold now, as a whole; return why that cannot be done, or nothing."""
    try:
        warnings = warnings_of(tls, base_url)
        if tls.client_context is not None:
            tls.client_context.renew()
        replace_listeners()
        drop_slow_readers(port)
    except Exception as error:  # noqa: BLE001 - whatever it is, the server goes on as it was
        return str(error) or type(error).__name__
    for warning in warnings:
        _log.warning(warning)
    _log.info("tls_files_taken")
    return ""


class FileWatch:
    """Files that are taken anew when they change.

    Args:
        files: that are taken already.
        renew_now: takes them; returns why that cannot be done, or nothing.
    """

    def __init__(self, files: tuple[Path, ...], renew_now: Callable[[], str]) -> None:
        self._files = files
        self._renew_now = renew_now
        self._tried = _seen(files)
        self._fault = ""

    def look(self, is_asked: bool = False) -> None:
        """Take files that are others than before, that could not be taken then, or at a wish."""
        found = _seen(self._files)
        is_new = is_asked or found != self._tried
        if not is_new and not self._fault:
            return
        before, self._tried = self._fault, found
        self._fault = self._renew_now()
        if self._fault and (is_new or self._fault != before):
            _log.warning("tls_files_not_taken %s", self._fault)


def _look_after(watch: FileWatch) -> None:
    while True:
        is_asked = asked_again.wait(LOOK_SECONDS)
        asked_again.clear()
        watch.look(is_asked)


def _seen(files: tuple[Path, ...]) -> _Seen:
    """Return what differs when a file was written, or another put in its place."""
    return tuple(map(_state_of, files))


def _state_of(file: Path) -> tuple[int, ...]:
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns
