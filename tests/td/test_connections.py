"""Pools of connections over a TLS context that may be made anew."""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from wasmiot_td.connections import RenewedPool
from wasmiot_td.renewable_context import RenewableContext


class Caller(BaseHTTPRequestHandler):
    """Answers with the port of who asks, over connections that stay open."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Answer."""
        body = str(self.client_address[1]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def url():
    """The address of a server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Caller) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_connections_end_with_the_context_that_they_were_made_with(url):
    """Requests share a connection until the context is made anew, and then another one."""
    context = RenewableContext.made(ssl.create_default_context)
    pool = RenewedPool(context, retries=False)
    first, second = (pool.request("GET", url).data for _ in range(2))
    context.renew()
    third, fourth = (pool.request("GET", url).data for _ in range(2))
    assert first == second != third == fourth
    pool.clear()
