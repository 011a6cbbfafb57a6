"""The connections of a transport: within a reach, over TLS as files of one's own say."""

import socket
from ssl import SSLContext
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from wasmiot_td.checked_connections import pool_classes
from wasmiot_td.reach import Reach
from wasmiot_td.renewable_context import RenewableContext

DEAD_LINK_SECONDS = 4.0
"""How long what was sent may stay unacknowledged; a Thing may think longer, its link may not."""


class Connections(HTTPAdapter):
    """Connections that notice when their link is dead, long before the answer is overdue."""

    def __init__(self, reach: Reach | None, context: RenewableContext | None = None) -> None:
        self._reach = reach
        self.tls_context = context
        self._times_renewed = context.times_renewed if context else 0
        super().__init__()

    def forget_old(self) -> None:
        """Close connections of before the context was made anew, as soon as they are idle."""
        context = self.tls_context
        if context is not None and context.times_renewed != self._times_renewed:
            self._times_renewed = context.times_renewed
            self.poolmanager.clear()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the pool; see `HTTPAdapter.init_poolmanager`."""
        if self.tls_context is not None:
            options["ssl_context"] = self.tls_context
        super().init_poolmanager(*arguments, socket_options=_socket_options(), **options)
        if self._reach is not None:
            self.poolmanager.pool_classes_by_scheme = pool_classes(self._reach)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Keep the authorities that requests brings from being added to those of a context."""
        if self.tls_context is None:
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]


class RenewedPool(urllib3.PoolManager):
    """Connections of which none outlives, idle, the TLS context that it was made with."""

    def __init__(self, context: SSLContext | None, **options: Any) -> None:
        self._context = context
        self._times_renewed = getattr(context, "times_renewed", 0)
        super().__init__(ssl_context=context, **options)

    def urlopen(self, *arguments: Any, **options: Any) -> urllib3.BaseHTTPResponse:
        """Send a request; see `urllib3.PoolManager.urlopen`."""
        times_renewed = getattr(self._context, "times_renewed", 0)
        if times_renewed != self._times_renewed:
            self._times_renewed = times_renewed
            self.clear()
        return super().urlopen(*arguments, **options)


class NothingPlain(HTTPAdapter):
    """What stands where plain connections would be: none are made."""

    def send(self, request: Any, *_: Any, **__: Any) -> Any:
        """Refuse a request, or what it was led to."""
        message = f"nothing is sent to {request.url} without TLS (--tls-only)"
        raise requests.exceptions.InvalidSchema(message)


def _socket_options() -> list[tuple[int, int, int]]:
    options = [*urllib3.connection.HTTPConnection.default_socket_options]
    options.append((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1))
    wanted = {"TCP_KEEPIDLE": 1, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 3}
    wanted["TCP_USER_TIMEOUT"] = int(DEAD_LINK_SECONDS * 1000)
    known = {name: value for name, value in wanted.items() if hasattr(socket, name)}
    return options + [(socket.IPPROTO_TCP, getattr(socket, n), v) for n, v in known.items()]
