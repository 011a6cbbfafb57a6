"""A server that anybody may use stays on its own machine."""

import ipaddress
import socket


def refuse_open_binding(host: str, *, is_guarded: bool, is_insecure: bool) -> None:
    """Let a server start that is guarded, on loopback, or told to be open.

    Raises:
        SystemExit: it is none of these; one sentence says what to do.
    """
    if is_guarded or is_insecure or is_loopback(host):
        return
    raise SystemExit(
        f"error: {host} can be reached from other machines and nobody would be asked for a token; "
        "make one with `wasmiot token make`, or say --insecure."
    )


def is_loopback(host: str) -> bool:
    """Say whether a host is reached from this machine alone."""
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except socket.gaierror:
        return True  # it cannot be bound either, which the server says
    return all(ipaddress.ip_address(a.partition("%")[0]).is_loopback for a in found)
