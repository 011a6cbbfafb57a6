"""Connections that are made only where a `Reach` lets them: asked of each address at connect.

A name is resolved once; what was decided on is what is connected to, so that a name server cannot
say one thing to who asks and another to who connects. Redirects make connections of their own.
"""

import socket
from functools import lru_cache
from typing import Any, ClassVar

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NameResolutionError

from wasmiot_td.errors import AddressRefused
from wasmiot_td.reach import Reach


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
