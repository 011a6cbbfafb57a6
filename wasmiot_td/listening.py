"""Granian as this project uses it: in one process, whose listener can be replaced.

One listener is put in the place of another while requests run: that is how new certificates are
taken. Granian (2.8) has no call for it; it makes one `WSGIWorker` for all the
time of a process. `be_replaceable` has it make a `Listeners` instead, which makes as many as
needed: each listens on a socket of its own at the same port (SO_REUSEPORT), and one that is not
wanted any more answers what it has begun.
"""

import contextlib
import signal
import threading
from typing import Any, NoReturn

from granian import Granian
from granian._granian import WorkerSignal
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.log import LogLevels
from granian.server import mp

from wasmiot_td.stopping import following, stopping
from wasmiot_td.tls import Tls

_LOG_CONFIG = {
    "formatters": {},
    "handlers": {},
    "loggers": {"_granian": {"level": "ERROR", "propagate": True}},
}
_Worker: Any = mp.WSGIWorker  # type: ignore[attr-defined]


class _NobodyListensError(Exception):
    """This process was told to stop, and all that was begun is answered."""


class Server(Granian):  # type: ignore[misc, valid-type]
    """Granian without the parent: its worker's activity, here."""

    def _serve(self, spawn_target: Any, target_loader: Any) -> None:
        self._init_shared_socket()
        with contextlib.suppress(_NobodyListensError):
            self._spawn_worker(0, spawn_target, target_loader).inner.run()


def server(target: str, host: str, port: int, threads: int, tls: Tls) -> Server:
    """Return a server for this process.

    Args:
        target: `package.module:factory` of the application.
        host: an IP address.
        port: is free.
        threads: how many requests run at once.
        tls: with a certificate it serves https.
    """
    return Server(
        target,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        workers=1,
        blocking_threads=threads,
        log_level=LogLevels.error,
        log_dictconfig=_LOG_CONFIG,
        ssl_cert=tls.cert,
        ssl_key=tls.key,
        ssl_ca=tls.client_ca,
        ssl_crl=[tls.crl] if tls.crl and tls.client_ca else None,
        ssl_client_verify=tls.client_ca is not None,
        ssl_protocol_min=SSLProtocols.tls12,  # small devices know no later one
    )


class Listeners:
    """What listens in this process: the newest, and older ones that answer what they have begun.

    Args:
        arguments: of Granian's `WSGIWorker`, which reads files when it is made.
    """

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments
        self._how: tuple[Any, Any] | None = None
        self._lock = threading.Lock()
        self._newest: WorkerSignal | None = None
        self._under_way: set[int] = set()
        self._is_over = threading.Event()
        _made.append(self)

    def serve_mtr(self, scheduler: Any, loop: Any, _end: Any) -> NoReturn:
        """Listen until this process is told to stop (`stopping.py`) and what was begun is answered.

        Raises:
            _NobodyListensError: then; the caller waits for what only its own worker tells.
        """
        self._how = scheduler, loop
        for number in (signal.SIGTERM, signal.SIGINT):  # Granian's handlers wait for its worker
            signal.signal(number, lambda _number, _frame: None)
        self.replace()
        with following(self._stop):
            if stopping.is_set():
                self._stop()
            self._is_over.wait()
        raise _NobodyListensError

    serve_str = serve_mtr

    def replace(self) -> None:
        """Listen with what the files hold now; where they cannot be used all stays as it is."""
        if self._how is None:
            return
        worker, end = _Worker(*self._arguments), WorkerSignal()
        end.add_cb(lambda: self._has_ended(end))
        with self._lock:
            if stopping.is_set():
                return
            worker.serve_mtr(*self._how, end)
            self._under_way.add(id(end))
            older, self._newest = self._newest, end
        if older is not None:
            older.set()

    def _stop(self) -> None:
        """Have the newest end; the older ones were told, and are told but once."""
        with self._lock:
            newest, self._newest = self._newest, None
        if newest is not None:
            newest.set()

    def _has_ended(self, end: WorkerSignal) -> None:
        with self._lock:
            self._under_way.discard(id(end))
            if stopping.is_set() and not self._under_way:
                self._is_over.set()


_made: list[Listeners] = []


def be_replaceable() -> None:
    """Have this process, which is to serve, make a listener that can be replaced."""
    mp.WSGIWorker = Listeners  # type: ignore[assignment, attr-defined]


def replace_listeners() -> None:
    """Listen with what the files of TLS hold now.

    Raises:
        Exception: they cannot be used; what listened before goes on.
    """
    for listeners in _made:
        listeners.replace()
