"""Connections that are made only where a `Reach` lets them: asked of each address at connect.

A name is resolved once; what was decided on is what is connected to, so that a name server cannot
say one thing to who asks and another to who connects. Redirects make connections of their own.
"""

import contextlib
import socket
import threading
from functools import lru_cache
from typing import Any, ClassVar

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NameResolutionError
from urllib3.response import HTTPResponse

from wasmiot_td.errors import AddressRefused
from wasmiot_td.reach import Reach

_awaited: dict[int, HTTPConnection] = {}  # by the thread that waits for an answer to begin


def cut_off(thread: threading.Thread) -> None:
    """End what a thread waits for, if that is the beginning of an answer.

    A time-out bounds each piece of an answer; who sends its headers a letter at a time keeps it.
    """
    connection = _awaited.get(thread.ident or 0)
    waiting = connection.sock if connection is not None else None
    if waiting is not None:
        with contextlib.suppress(OSError):  # it has ended by itself
            socket.socket.shutdown(waiting, socket.SHUT_RDWR)


class _CheckedConnection(HTTPConnection):
    """A connection to an address that the reach lets it be made to."""

    reach: ClassVar[Reach]

    def _new_conn(self) -> socket.socket:
        """Connect to the first of the host's addresses that answers."""
        name = self._dns_host
        *others, last = self._addresses(name)
        try:
            for address in others:
                self._dns_host = address
                try:
                    return super()._new_conn()
                except HTTPError:
                    continue
            self._dns_host = last
            return super()._new_conn()
        finally:
            self._dns_host = name

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        """Wait for an answer to begin; see `HTTPConnection.getresponse`."""
        ident = threading.get_ident()
        _awaited[ident] = self
        try:
            return super().getresponse()
        finally:
            del _awaited[ident]

    def _addresses(self, name: str) -> list[str]:
        """Return the addresses of a host that may be connected to.

        Raises:
            AddressRefused: it has addresses, and none of them may be.
        """
        try:
            found = socket.getaddrinfo(name.strip("[]"), self.port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        refusals = {address: self.reach.refusal(address) for address in addresses}
        permitted = [address for address in addresses if not refusals[address]]
        if not permitted:
            raise AddressRefused(name, addresses[0], refusals[addresses[0]])
        return permitted


class _CheckedTlsConnection(_CheckedConnection, HTTPSConnection):
    """The same over TLS; the certificate is that of the name."""


@lru_cache(maxsize=16)
def pool_classes(reach: Reach) -> dict[str, Any]:
    """Return the classes of connection pools, by scheme, whose connections keep within a reach."""
    plain = type("HTTPConnection", (_CheckedConnection,), {"reach": reach})
    secure = type("HTTPSConnection", (_CheckedTlsConnection,), {"reach": reach})
    return {
        "http": type("HTTPConnectionPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("HTTPSConnectionPool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }
