"""Bodies that come slowly, or never, over a real server."""

import contextlib
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wasmiot_td.slow_bodies import SlowBodies

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


def test_a_body_that_is_cut_off_is_refused(address: tuple[str, int]) -> None:
    """A client that ends before the length it named is told so; nothing takes it as complete."""
    with begun(address, b"abc") as connection:
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"Body cut off" in answer
    assert b"10 bytes" in answer
    assert b"retry-after" not in answer.lower()


@pytest.mark.parametrize("size", [3, 7, 20, -1])
def test_pieces_that_come_short_make_a_whole(size: int) -> None:
    """Who asks for so many bytes gets them, or an error: never fewer that look like the end."""

    class Trickle:
        def __init__(self) -> None:
            self.left = [b"0123", b"45", b"6789"]

        def read(self, size: int = -1) -> bytes:
            if size < 0:
                return b"".join(self.left)
            piece = self.left.pop(0) if self.left else b""
            self.left[:0] = [piece[size:]] if piece[size:] else []
            return piece[:size]

    given: list[bytes] = []

    def app(environ, start_response):
        given.append(environ["wsgi.input"].read(size))
        return []

    environ = {"CONTENT_LENGTH": "10", "wsgi.input": Trickle()}
    list(SlowBodies(app, 4)(environ, lambda *_: None))
    assert given == [b"0123456789"[: size if size >= 0 else None]]
