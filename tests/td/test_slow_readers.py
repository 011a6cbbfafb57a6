"""What is told to the sockets on which a process listens."""

import os
import socket
import sys

import pytest

from wasmiot_td.slow_readers import SILENT_SECONDS, drop_slow_readers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot")


def test_all_listeners_of_a_port_are_told_and_nothing_is_left_open() -> None:
    """However often it is done, no descriptor more is open than before."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        before = os.listdir("/proc/self/fd")  # noqa: PTH208 - names alone
        for _ in range(3):
            assert drop_slow_readers(listener.getsockname()[1], 7) == 1
        assert os.listdir("/proc/self/fd") == before  # noqa: PTH208
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7000


def test_who_is_accepted_is_asked_whether_they_are_there() -> None:
    """A client that is cut off while it sends would otherwise be awaited for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        drop_slow_readers(listener.getsockname()[1])
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == SILENT_SECONDS
