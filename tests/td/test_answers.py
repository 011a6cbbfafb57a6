"""What a transport makes of answers: bounds, files, and those that break off or never come."""

import contextlib
import io
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from lamp import Lamp

from wasmiot_td.consumed_thing import HttpTransport, Transport, WsgiTransport
from wasmiot_td.errors import ThingProblem, ThingUnreachable


def test_an_answer_is_bounded(reached: tuple[str, Transport]) -> None:
    """More bytes than allowed are not taken in, into memory or into a file."""
    url, transport = reached
    with pytest.raises(ThingProblem, match="more than 2 bytes"):
        transport.request("GET", f"{url}photo", max_bytes=2)
    with pytest.raises(ThingProblem, match="more than 2 bytes"):
        transport.download(f"{url}photo", io.BytesIO(), max_bytes=2)


def test_a_download_goes_into_a_file(reached: tuple[str, Transport]) -> None:
    """The bytes are written as they come; an error writes none."""
    url, transport = reached
    target = io.BytesIO()
    assert transport.download(f"{url}photo", target, max_bytes=100) == 4
    with pytest.raises(ThingProblem, match="404"):
        transport.download(f"{url}nowhere", target, max_bytes=100)
    assert target.getvalue() == b"\x89PNG"


def test_who_does_not_answer_is_unreachable() -> None:
    """A refused connection, an unknown host and nonsense are one kind of error."""
    transport = HttpTransport(timeout_seconds=2)
    for url in ("http://127.0.0.1:9/", "coap://x/", "http://", "http://[x", "http://a\u0000b/"):
        with pytest.raises(ThingUnreachable) as caught:
            transport.request("GET", url)
        assert caught.value.url == url
    with pytest.raises(ThingUnreachable):
        WsgiTransport({}).request("GET", "http://nobody.example/")


@pytest.fixture
def raw_server() -> Iterator[Any]:
    """Return a way to serve one connection with bytes, sent one by one."""
    with contextlib.ExitStack() as stack:

        def serve(answer: bytes, pause: float = 0.0) -> str:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def run() -> None:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(65536)
                    for byte in answer:
                        connection.sendall(bytes([byte]))
                        time.sleep(pause)

            thread = threading.Thread(target=run)
            thread.start()
            stack.callback(thread.join)
            return f"http://127.0.0.1:{listener.getsockname()[1]}/"

        yield serve


def test_an_answer_that_trickles_is_cut_off(raw_server: Any) -> None:
    """Each byte comes in time, and the whole does not."""
    transport = HttpTransport(timeout_seconds=5, total_seconds=0.1)
    url = raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100, 0.01)
    with pytest.raises(ThingUnreachable, match="no complete answer"):
        transport.request("GET", url)
    transport.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"nonsense\r\n\r\n",
        b"",
    ],
)
def test_an_answer_that_breaks_off_is_none(raw_server: Any, answer: bytes) -> None:
    """Half a document is not taken for a whole one."""
    transport = HttpTransport(timeout_seconds=5)
    with pytest.raises(ThingUnreachable):
        transport.request("GET", raw_server(answer))
    transport.close()


def test_every_thread_has_connections_of_its_own(lamp: Lamp) -> None:
    """Sessions are not shared, and none is left open."""
    transport = HttpTransport()
    sessions = []

    def note() -> None:
        sessions.append(transport._session())
        transport.close()

    threads = [threading.Thread(target=note) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sessions[0] is not sessions[1]
