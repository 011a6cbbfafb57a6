"""Bodies that come slowly, or never, over a real server."""

import contextlib
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("granian")

APPLICATION = """
import sys
from wasmiot_td.serving import serve
from wasmiot_td.slow_bodies import SlowBodies

def create_app():
    def app(environ, start_response):
        body = environ["wsgi.input"].read()
        start_response("200 OK", [])
        return [str(len(body)).encode()]
    return SlowBodies(app, 4)

if __name__ == "__main__":
    serve("application:create_app", threads=4)
"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """Return where a server with four threads listens."""
    (tmp_path / "application.py").write_text(APPLICATION)
    command = [sys.executable, str(tmp_path / "application.py")]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        line = next(line for line in process.stderr if line.startswith("listening on "))
        host, port = line.split("//")[1].strip().rstrip("/").split(":")
        yield host, int(port)
        process.terminate()


def begun(address: tuple[str, int], body: bytes = b"") -> socket.socket:
    """Return a connection on which a request of ten bytes was begun."""
    connection = socket.create_connection(address, timeout=20)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
    connection.sendall(head + body)
    return connection


def status(connection: socket.socket) -> int:
    """Return the status of the answer."""
    return int(connection.recv(4096).split()[1])


def test_many_slow_bodies_leave_threads_for_others(address: tuple[str, int]) -> None:
    """While more bodies are awaited than there are threads, a request without one is answered."""
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(begun(address, b"abc")) for _ in range(8)]
        other = stack.enter_context(socket.create_connection(address, timeout=20))
        other.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status(other) == 200
        told: list[socket.socket] = []
        while len(told) < 6:
            told, _, _ = select.select(slow, [], [], 20)
        answers = [connection.recv(4096).lower() for connection in told]
        assert all(a.startswith(b"http/1.1 503") and b"retry-after: 1" in a for a in answers)
        for connection in set(slow) - set(told):
            connection.sendall(b"3456789")
            assert status(connection) == 200


def test_a_body_that_comes_in_time_is_read(address: tuple[str, int]) -> None:
    """Two parts make a body."""
    with begun(address, b"01234") as connection:
        connection.sendall(b"56789")
        assert connection.recv(4096).endswith(b"10")
