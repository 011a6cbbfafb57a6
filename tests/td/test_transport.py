"""HTTP over the network; plain requests go without the preparations of a session."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from wasmiot_td.access.authorization import AuthorizedTransport
from wasmiot_td.errors import ThingUnreachable
from wasmiot_td.http_transport import HttpTransport

ANY_URL = pytest.mark.parametrize("query", ["", "?q=%C3%A9"], ids=["plain", "with escapes"])


class _Handler(BaseHTTPRequestHandler):
    """Answers with the port of the client and what it sent; `/from` leads to `/to`."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        self.send_response(302 if path in ("/from", "/round") else 200)
        if path in ("/from", "/round"):
            self.send_header("Location", "/to" if path == "/from" else self.path)
        content = f"{self.client_address[1]} {self.command} {body.decode()}".encode()
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Two", "a")
        self.send_header("X-Two", "b")
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _answer  # noqa: N815 - the names are the library's

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    """The URL of a server that keeps connections open."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()
        thread.join()


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    """A transport that is closed in the end."""
    made = HttpTransport(timeout_seconds=5)
    yield made
    made.close()


@ANY_URL
def test_body_and_headers(server: str, transport: HttpTransport, query: str) -> None:
    """What is sent arrives, and a header that came twice is one."""
    answer = transport.request("POST", f"{server}/x{query}", body=b"abc")
    assert answer.body.split()[1:] == [b"POST", b"abc"]
    assert (answer.status, answer.headers["x-two"]) == (200, "a, b")


@ANY_URL
def test_connections_are_kept(server: str, transport: HttpTransport, query: str) -> None:
    """One request after another goes over one connection."""
    url = f"{server}/x{query}"
    assert len({transport.request("GET", url).body.split()[0] for _ in range(3)}) == 1


@ANY_URL
def test_who_asks_is_led_on(server: str, transport: HttpTransport, query: str) -> None:
    """A GET follows where it is sent; what changes something does not, nor who is led in a ring."""
    followed = transport.request("GET", f"{server}/from{query}")
    assert (followed.status, followed.url) == (200, f"{server}/to")
    assert transport.request("POST", f"{server}/from{query}", body=b"").status == 302
    with pytest.raises(ThingUnreachable, match="redirects"):
        transport.request("GET", f"{server}/round{query}")


class _Leading(BaseHTTPRequestHandler):
    """Leads on to the URL in its query, and keeps what it was shown."""

    seen: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        """Answer."""
        path, _, target = self.path.partition("?")
        self.seen.append((path, self.headers.get("Authorization")))
        self.send_response(302 if target else 200)
        if target:
            self.send_header("Location", target)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def leading() -> Iterator[tuple[int, int]]:
    """The ports of two servers, which lead on."""
    _Leading.seen.clear()
    with ExitStack() as stack:
        ports = []
        for _ in range(2):
            served = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), _Leading))
            thread = threading.Thread(target=served.serve_forever)
            thread.start()
            stack.callback(thread.join)
            stack.callback(served.shutdown)
            ports.append(served.server_port)
        yield ports[0], ports[1]


class _OneToken:
    """Knows a token for one server."""

    def __init__(self, origin: str) -> None:
        self._origin = origin

    def token(self, url: str) -> str:
        """Return it where it belongs."""
        return "secret" if url.startswith(self._origin) else ""


@pytest.mark.parametrize("place", ["same server", "another name", "another port"])
def test_a_token_is_not_led_elsewhere(
    leading: tuple[int, int], transport: HttpTransport, place: str
) -> None:
    """Who is led to another host, or to another port of the same, shows nothing there."""
    first = f"http://127.0.0.1:{leading[0]}"
    urls = {
        "same server": f"{first}/to",
        "another name": f"http://localhost:{leading[0]}/to",
        "another port": f"http://127.0.0.1:{leading[1]}/to",
    }
    asking = AuthorizedTransport(transport, _OneToken(f"{first}/"))
    assert asking.request("GET", f"{first}/from?{urls[place]}").status == 200
    shown = "Bearer secret" if place == "same server" else None
    assert _Leading.seen[0] == _Leading.seen[-2] == ("/from", "Bearer secret")
    assert _Leading.seen[-1] == ("/to", shown)


@ANY_URL
def test_header_that_cannot_be_sent(server: str, transport: HttpTransport, query: str) -> None:
    """A header with a line break is not sent."""
    with pytest.raises(ThingUnreachable):
        transport.request("GET", f"{server}/x{query}", headers={"X-Bad": "a\r\nX-More: b"})


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999/x", "http://127.0.0.1:0/x"])
def test_port_that_cannot_be(transport: HttpTransport, url: str) -> None:
    """A port that does not exist is no answer."""
    with pytest.raises(ThingUnreachable):
        transport.request("GET", url)
