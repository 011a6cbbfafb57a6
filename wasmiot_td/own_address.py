"""Under which address this machine is reached, where a server listens on all of them."""

import socket
from functools import cache

WILDCARDS = frozenset({"0.0.0.0", "::"})
"""The addresses that stand for all of a machine's."""


@cache
def outward_address() -> str:
    """Return this machine's address as others see it: that of its default route.

    Nothing is sent: to connect a datagram socket only chooses an interface.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: an address of nobody
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
