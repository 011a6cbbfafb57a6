"""A server that anybody may use stays on its own machine, and one on others away from its own."""

import ipaddress
import socket
from typing import Protocol
from urllib.parse import urlsplit

from wasmiot_td.reach import Network, Reach, literal_address


class BindingSettings(Protocol):
    """What the settings of a server say about addresses."""

    @property
    def host(self) -> str:
        """The address to listen on."""

    @property
    def public_url(self) -> str:
        """The URL that others reach it by, where that is another; empty for none."""

    @property
    def allow_addresses(self) -> tuple[Network, ...]:
        """Networks that are connected to besides."""

    @property
    def deny_addresses(self) -> tuple[Network, ...]:
        """Networks that are never connected to."""


def reach_of(settings: BindingSettings) -> Reach:
    """Return to which addresses a server connects where documents of others name them.

    One that other machines reach, be it by a proxy, has no business on its own loopback.
    """
    public = urlsplit(settings.public_url).hostname or ""
    address = literal_address(public)
    is_local_url = not public or bool(address and ipaddress.ip_address(address).is_loopback)
    is_local = is_local_url and is_loopback(settings.host)
    return Reach(is_local, settings.allow_addresses, settings.deny_addresses)


def refuse_open_binding(host: str, *, is_guarded: bool, is_insecure: bool) -> str:
    """Let a server start that is guarded, on loopback, or told to be open.

    Returns:
        What to listen on: the address that was looked at, for a name may have another one later.

    Raises:
        SystemExit: it is none of these; one sentence says what to do.
    """
    if is_guarded or is_insecure:
        return host
    try:
        addresses = _addresses(host)
    except socket.gaierror as error:
        said = f"error: {host}: {error.strerror}; who could reach it cannot be told."
        raise SystemExit(said) from error
    if not all(map(_is_loopback_address, addresses)):
        raise SystemExit(
            f"error: {host} can be reached from other machines and nobody would be asked for a "
            "token; make one with `wasmiot token make`, or say --insecure."
        )
    return min(addresses, key=lambda each: ":" in each)  # IPv4 if it has one


def is_loopback(host: str) -> bool:
    """Say whether a host is reached from this machine alone; not of one that has no address."""
    try:
        return all(map(_is_loopback_address, _addresses(host)))
    except socket.gaierror:  # it may have another one when it is bound
        return False


def _addresses(host: str) -> list[str]:
    return [str(info[4][0]) for info in socket.getaddrinfo(host, None)]


def _is_loopback_address(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback
