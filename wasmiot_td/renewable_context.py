"""A TLS context that can be made anew while connections are made with it."""

import ssl
from collections.abc import Callable
from typing import Any, Self


class RenewableContext(ssl.SSLContext):
    """A context of clients in front of another, which wraps the sockets.

    Pools of connections keep the context that they were given, for as long as they live.

    Attributes:
        times_renewed: grows with each.
    """

    times_renewed = 0
    _make: Callable[[], ssl.SSLContext]
    _current: ssl.SSLContext

    @classmethod
    def made(cls, make: Callable[[], ssl.SSLContext]) -> Self:
        """Return a context like the one that is made now.

        Raises:
            Exception: what `make` raises.
        """
        found = cls(ssl.PROTOCOL_TLS_CLIENT)
        found._make = make
        found.renew()
        return found

    def renew(self) -> None:
        """Make another context for new connections; if that fails this one goes on.

        Raises:
            Exception: what `make` raises.
        """
        self._current = self._make()
        self.times_renewed += 1

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        """Begin TLS on a socket; see `ssl.SSLContext.wrap_socket`."""
        return self._current.wrap_socket(*arguments, **options)

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """Begin TLS on buffers; see `ssl.SSLContext.wrap_bio`."""
        return self._current.wrap_bio(*arguments, **options)

    def get_ca_certs(self, *arguments: Any, **options: Any) -> Any:
        """Return the authorities; see `ssl.SSLContext.get_ca_certs`."""
        return self._current.get_ca_certs(*arguments, **options)
