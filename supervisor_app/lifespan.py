"""What goes on beside answering requests, for as long as the server serves."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from flask import Flask

from supervisor_app.announce import announced, register_if_unknown
from supervisor_app.directory import Directory
from supervisor_app.supervisor import Supervisor
from supervisor_app.workers import close_all
from wasmiot_td.stopping import following, wait_until
from wasmiot_td.tls import tls_of

DIRECTORY_SECONDS = 4.0
"""How long a directory may take to find the device by mDNS."""


@contextmanager
def live(app: Flask) -> Iterator[None]:
    """Announce the device, and close everything in the end."""
    supervisor: Supervisor = app.extensions["supervisor"]
    settings = supervisor.settings
    stop = threading.Event()
    with ExitStack() as stack:
        stack.callback(close_all)
        stack.callback(supervisor.close)
        stack.callback(wait_until, lambda: supervisor.invocations.is_idle)
        stack.enter_context(following(supervisor.begin_to_stop, supervisor.cut_short))
        stack.callback(stop.set)
        supervisor.begin()
        if settings.is_announced:
            stack.enter_context(
                announced(
                    settings.name,
                    settings.device_id,
                    settings.host,
                    settings.port,
                    settings.announce_interface,
                    settings.fleet,
                    tls_of(settings).scheme,
                )
            )
        if supervisor.directory is not None:
            _start_registration(supervisor, supervisor.directory, stop)
        yield


def _start_registration(
    supervisor: Supervisor, directory: Directory, stop: threading.Event
) -> None:
    thread = threading.Thread(
        target=_register, args=(supervisor, directory, stop), name="registration", daemon=True
    )
    thread.start()


def _register(supervisor: Supervisor, directory: Directory, stop: threading.Event) -> None:
    """Join if there is a token for it; register by key then, or as anybody where none is known."""
    settings, base = supervisor.settings, supervisor.outward_base
    if settings.join_token or supervisor.peer_tokens.peers:
        from supervisor_app.joining import join_and_stay  # with a library that others do without

        join_and_stay(supervisor, directory, stop)
        return
    register_if_unknown(
        lambda: directory.has(settings.device_id),
        lambda: directory.put(settings.device_id, supervisor.thing(base)),
        stop,
        DIRECTORY_SECONDS,
    )
