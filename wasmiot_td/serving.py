"""Serve a WSGI application with Granian, in one process.

Granian serves from a child process that a parent watches. That parent would cost a small board a
third of what it has to spare, and left the child behind when it was killed: so what the child
would run is run here. Background work lives in the `lifespan`, which is entered once the server
accepts connections and left after the last request when the server stops.

At SIGTERM or SIGINT nobody listens any more, and `stopping` is set: a long response (a stream of
events) ends, and what has not begun is refused. What runs has a set time to end; then `overdue`
is set, for whoever can cut it short, and soon after the lifespan is left, whatever still runs. A
process that does not come to its end is ended, and so is one that gets a second signal.

SIGHUP, or another file in the place of one, has new certificates taken while requests run
(`renewal.py`).
"""

import contextlib
import ctypes
import dataclasses
import errno
import importlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from wasmiot_td.heap import have_few_heaps, keep_giving_back
from wasmiot_td.listening import server
from wasmiot_td.logs import configure_logging
from wasmiot_td.renewal import renew_when_asked
from wasmiot_td.slow_readers import drop_slow_readers
from wasmiot_td.stopping import (
    SHUTDOWN_SECONDS,
    end,
    stopping,
    wait_for_the_last_request,
    watch_for_stop,
)
from wasmiot_td.tls import Tls

__all__ = ["Address", "PortInUseError", "die_with_parent", "reserve_address", "serve", "stopping"]

_PR_SET_PDEATHSIG = 1
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_ACCEPT_TIMEOUT_SECONDS = 30.0
_LEAVE_SECONDS = 5.0  # for the lifespan, before the process is ended

PLAIN = Tls()
_log = logging.getLogger(__name__)

Lifespan = Callable[[Any], AbstractContextManager[Any]]


@dataclasses.dataclass(frozen=True)
class Address:
    """Where a server listens: the host as it was named, and what it is."""

    host: str
    ip_address: str
    port: int
    scheme: str = "http"

    @property
    def url(self) -> str:
        """The URL, with the host as it was named."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}/"


class PortInUseError(OSError):
    """Another process already listens on the address."""


def serve(
    target: str,
    settings: Any = None,
    *,
    host: str = "127.0.0.1",
    address: str = "",
    port: int = 0,
    threads: int = 4,
    lifespan: str | None = None,
    log_format: str = "text",
    shutdown_seconds: float = SHUTDOWN_SECONDS,
    tls: Tls = PLAIN,
) -> None:
    """Serve until SIGTERM or SIGINT, and say `listening on URL` on stderr when ready.

    Args:
        target: `package.module:factory`; called as `factory(settings)`, or `factory()` without
            settings, it returns the WSGI application.
        settings: a frozen dataclass; a field `port` becomes the real port.
        host: what to listen on, as people name it.
        address: the address that the host was found to have; empty to look it up here.
        port: 0 chooses a free one.
        threads: how many requests run at once; each stream of events holds one.
        lifespan: `package.module:function`; called as `function(app)`, it returns a context
            manager.
        log_format: one of `logs.FORMATS`.
        shutdown_seconds: how long what runs may take to end after a signal.
        tls: serves https where it has a certificate, and asks for one where it says of whom.

    Raises:
        SystemExit: the address is taken, or the application could not start or be kept up.
    """
    try:
        with reserve_address(address or host, port) as (ip_address, real_port):
            load = partial(
                _load,
                settings=_with_port(settings, real_port),
                address=Address(host, ip_address, real_port, tls.scheme),
                lifespan=lifespan,
                log_format=log_format,
                shutdown_seconds=shutdown_seconds,
                tls=tls,
            )
            server(target, ip_address, real_port, threads, tls).serve(target_loader=load)
    except (PortInUseError, socket.gaierror) as error:
        raise SystemExit(f"error: {host}:{port}: {error.strerror}") from error


@contextlib.contextmanager
def reserve_address(host: str, port: int) -> Iterator[tuple[str, int]]:
    """Hold an address without listening on it, and yield its IP address and its port.

    Granian binds with SO_REUSEPORT, under which a second server would silently share the port
    with the first: so it is tried without that option before.

    Raises:
        PortInUseError: another process listens there.
        socket.gaierror: the host has no address.
    """
    family, address = _resolve(host, port)
    if port:
        with socket.socket(family) as probe:
            _bind(probe, address, socket.SO_REUSEADDR)
    with socket.socket(family) as held:
        _bind(held, address, socket.SO_REUSEPORT)
        yield held.getsockname()[:2]


def _bind(sock: socket.socket, address: Any, option: int) -> None:
    sock.setsockopt(socket.SOL_SOCKET, option, 1)
    try:
        sock.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(errno.EADDRINUSE, "the port is already in use") from error
        raise


def _resolve(host: str, port: int) -> tuple[int, Any]:
    """Return the address of a host, IPv4 if it has one."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    return family, address


def _with_port(settings: Any, port: int) -> Any:
    if not dataclasses.is_dataclass(settings) or isinstance(settings, type):
        return settings
    has_port = any(f.name == "port" for f in dataclasses.fields(settings))
    return dataclasses.replace(settings, port=port) if has_port else settings


def _load(
    target: str,
    *,
    settings: Any,
    address: Address,
    lifespan: str | None,
    log_format: str,
    shutdown_seconds: float,
    tls: Tls,
) -> Any:
    """Become the serving process: called by Granian before it listens."""
    _forget_signal_handlers()
    have_few_heaps()
    configure_logging(log_format)
    try:
        factory = _named(target)
        app = factory() if settings is None else factory(settings)
        enter = _named(lifespan) if lifespan else contextlib.nullcontext
    except Exception:  # noqa: BLE001 - whatever it is, a person gets one log entry and an exit code
        _log.exception("application_not_started target=%s", target)
        raise SystemExit(1) from None
    watch_for_stop(shutdown_seconds, _LEAVE_SECONDS)
    renew_when_asked(tls, address.url, address.port)
    threading.Thread(target=_live, args=(app, enter, address), name="lifespan").start()
    return app


def _named(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent dies.

    A group of its own keeps the terminal's Ctrl-C for the parent, which passes it on once.
    Without Linux's prctl a thread looks each second.
    """
    os.setpgid(0, 0)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    else:
        threading.Thread(target=_poll_parent, args=(parent_pid,), daemon=True).start()
    if os.getppid() != parent_pid:  # it died before prctl
        os._exit(1)


def _poll_parent(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(1)
    os._exit(1)


def _forget_signal_handlers() -> None:
    """Until Granian sets its own, a signal ends the process, and Ctrl-C shows no traceback."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class _StoppedError(Exception):
    """The process was told to stop before it served."""


def _live(app: Any, enter: Lifespan, address: Address) -> None:
    """Run the lifespan from the first accepted connection to the end of the last request."""
    try:
        _wait_until_accepting(address)
        drop_slow_readers(address.port)
        keep_giving_back(stopping)
        sys.stderr.write(f"listening on {address.url}\n")
        sys.stderr.flush()
        with enter(app):
            wait_for_the_last_request()
    except _StoppedError:
        end()
    except Exception:  # noqa: BLE001 - a thread's error would be lost, and half a server left
        _log.exception("lifespan_failed")
        end(1)
    else:
        end()


def _wait_until_accepting(address: Address) -> None:
    host = _LOOPBACK.get(address.ip_address, address.ip_address)
    deadline = time.monotonic() + _ACCEPT_TIMEOUT_SECONDS
    while True:
        try:
            socket.create_connection((host, address.port), timeout=1).close()
        except OSError:
            if stopping.is_set():
                raise _StoppedError from None
            if time.monotonic() > deadline or not threading.main_thread().is_alive():
                raise
            time.sleep(0.01)
        else:
            return
