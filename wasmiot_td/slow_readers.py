"""Clients that do not read what they asked for: their connections end, and with them all they hold.

Under WSGI an answer that nobody takes holds a thread for as long as the client likes: TCP goes on
asking whether there is room. The kernel ends a connection to which nothing could be written for a
while if it is told to (`TCP_USER_TIMEOUT`, RFC 5482), and a connection has that from the socket
on which it was accepted. One that says nothing is asked whether it is still there (`SO_KEEPALIVE`,
RFC 9293, 3.8.4), so that who goes without a word while it sends holds nothing either.
"""

import os
import socket
import sys
from collections.abc import Iterator

PATIENCE_SECONDS = 30.0
"""How long a client may leave what was sent to it where it is."""

MOST_UNSENT_BYTES = 256 * 1024
"""How much is kept by the kernel for a client that has no room."""

SILENT_SECONDS = 10
"""After how long without a word the kernel asks a client whether it is there, and again."""

_DESCRIPTORS = "/proc/self/fd"
_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", None)
_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", 25)


def drop_slow_readers(port: int, seconds: float | None = None) -> int:
    """Have the kernel do so for connections to a port on which this process listens.

    Args:
        port: of the sockets.
        seconds: instead of `PATIENCE_SECONDS`.

    Returns:
        How many sockets were told; none where the system cannot.
    """
    if sys.platform != "linux" or _USER_TIMEOUT is None:
        return 0
    patience = PATIENCE_SECONDS if seconds is None else seconds
    count = 0
    for listener in _listeners(port):
        with listener:
            listener.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, int(patience * 1000))
            listener.setsockopt(socket.IPPROTO_TCP, _NOTSENT_LOWAT, MOST_UNSENT_BYTES)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, SILENT_SECONDS)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, SILENT_SECONDS)
            count += 1
    return count


def _listeners(port: int) -> Iterator[socket.socket]:
    """Yield copies of the sockets that listen on a port: the server gives away none of its own."""
    for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208 - names alone
        found = _socket_of(int(name))
        if found is None:
            continue
        if _listens(found, port):
            yield found
        else:
            found.close()


def _socket_of(descriptor: int) -> socket.socket | None:
    """Return a copy; None where it was closed meanwhile, or is no socket."""
    try:
        copy = os.dup(descriptor)
    except OSError:
        return None
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return None


def _listens(found: socket.socket, port: int) -> bool:
    if found.family not in (socket.AF_INET, socket.AF_INET6) or found.type != socket.SOCK_STREAM:
        return False
    is_listening = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    return bool(is_listening) and found.getsockname()[1] == port
