"""To which addresses a server connects where a document of somebody else names them.

Pure: an address in, the reason why not out. `checked_connections.py` asks it of the addresses that
a connection is really made to, so that a name cannot lead where its address may not.

Source: RFC 6890 (special-purpose addresses); RFC 4291, clause 2.5.5.2 (IPv4-mapped); RFC 6052
(64:ff9b::/96); RFC 3056 (6to4).
"""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

ALLOW = "--allow-address"
DENY = "--deny-address"

_METADATA = "the address of a cloud's metadata"
_KINDS: tuple[tuple[str, str], ...] = (
    ("169.254.169.254/32", _METADATA),
    ("169.254.170.2/32", _METADATA),
    ("100.100.100.200/32", _METADATA),
    ("fd00:ec2::254/128", _METADATA),
    ("127.0.0.0/8", "a loopback address"),
    ("::1/128", "a loopback address"),
    ("169.254.0.0/16", "a link-local address"),
    ("fe80::/10", "a link-local address"),
    ("0.0.0.0/8", "an unspecified address"),
    ("::/128", "an unspecified address"),
    ("224.0.0.0/4", "a multicast address"),
    ("ff00::/8", "a multicast address"),
    ("240.0.0.0/4", "a reserved address"),
)
_REFUSED = tuple((ip_network(network), kind) for network, kind in _KINDS)
_LOOPBACK = "a loopback address"
_LOCAL_NAMES = ("localhost", "ip6-localhost", "localhost.localdomain")
_TRANSLATED = ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class Reach:
    """What a server may connect to.

    Attributes:
        is_local: whether it is reached from its own machine alone, where its Things then are.
        allowed: networks that it connects to besides; the address of a cloud's metadata only if
            it is named by itself.
        denied: networks that it never connects to.
    """

    is_local: bool = False
    allowed: tuple[Network, ...] = ()
    denied: tuple[Network, ...] = ()

    def refusal(self, address: str) -> str:
        """Return why an IP address is not connected to; empty if it is."""
        for one in _meant(ip_address(address)):
            if why := self._refusal(one):
                return why
        return ""

    def refusal_of_host(self, host: str) -> str:
        """Return why a host is not connected to, as far as its text says; empty if it says nothing.

        What a name leads to is only known when it is connected to.
        """
        return _refusal_of_host(self, host)

    def refusal_of_url(self, url: str) -> str:
        """Return why an absolute HTTP URL is not used, as far as its text says."""
        try:
            parts = urlsplit(url.strip())
            host = parts.hostname or ""
        except ValueError:
            return ""  # no URL at all, which others say
        return self.refusal_of_host(host) if parts.scheme in ("http", "https") else ""

    def _refusal(self, address: Address) -> str:
        denied = next((n for n in self.denied if address in n), None)
        if denied is not None:
            return f"{address} is not connected to: {DENY} {denied}"
        kind = next((kind for network, kind in _REFUSED if address in network), "")
        if not kind or (self.is_local and kind == _LOOPBACK) or self._is_allowed(address, kind):
            return ""
        return f"{address} is {kind}, and not connected to unless {ALLOW} {address} says so"

    def _is_allowed(self, address: Address, kind: str) -> bool:
        found = [n for n in self.allowed if address in n]
        return any(n.num_addresses == 1 for n in found) if kind == _METADATA else bool(found)


@lru_cache(maxsize=4096)
def _refusal_of_host(reach: Reach, host: str) -> str:
    address = literal_address(host)
    return reach.refusal(address) if address else ""


LOCAL = Reach(is_local=True)
"""The reach of a server on loopback that nobody has told anything."""


def network(text: str) -> Network:
    """Return a network in CIDR notation, or that of one address.

    Raises:
        ValueError: it is none.
    """
    return ip_network(text, strict=False)


def literal_address(host: str) -> str:
    """Return the IP address that a host is by its text, however it is written; empty for a name.

    Resolvers also take `127.1`, `0x7f000001`, `2130706433` and `0177.0.0.1` for an address.
    """
    text = host.rstrip(".").lower()
    if text in _LOCAL_NAMES or text.endswith(".localhost"):
        return "127.0.0.1"
    try:
        return str(ip_address(text.partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(text))
    except (OSError, ValueError):
        return ""


def _meant(address: Address) -> Iterator[Address]:
    """Yield an address, and the IPv4 address that it stands for, if it does."""
    if isinstance(address, IPv4Address):
        yield address
    elif address.ipv4_mapped:
        yield address.ipv4_mapped
    else:
        address = IPv6Address(int(address))  # without its zone
        yield address
        if address.sixtofour:
            yield address.sixtofour
        if address in _TRANSLATED or 1 < int(address) < 2**32:
            yield IPv4Address(int(address) & 0xFFFFFFFF)
