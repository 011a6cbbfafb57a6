"""What an orchestrator's operator names besides Things is reached over TLS as they are."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from secure_fleet import authority

from orchestrator_app.packages.oci_registry import OciRegistry
from orchestrator_app.store import StoreUnavailableError
from orchestrator_app.store.endpoint import Endpoint
from wasmiot_td.problem import ProblemError
from wasmiot_td.tls import Tls

ANSWER = b'{"head": {}, "boolean": true}'


class Yes(BaseHTTPRequestHandler):
    """Says yes to each question."""

    def do_POST(self) -> None:
        """Answer a query."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/sparql-results+json")
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def do_HEAD(self) -> None:
        """Say that a blob is there."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an authority and two pairs."""
    return authority(tmp_path_factory.mktemp("certs"), "server", "orchestrator")


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    """Serve over mutual TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(folder / "ca.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), Yes) as server:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def own(folder: Path) -> Tls:
    """Return what the orchestrator shows and believes."""
    return Tls(folder / "orchestrator.pem", folder / "orchestrator.key", ca=folder / "ca.pem")


def test_a_graph_is_asked_with_the_certificate_of_the_orchestrator(folder: Path, url: str) -> None:
    """And a server of an authority that is not believed is not asked."""
    endpoint = Endpoint(url, url, 10, own(folder).client_context)
    assert endpoint.query("ASK {}").askAnswer is True
    endpoint.disconnect()
    strange = Endpoint(url, url, 10)
    with pytest.raises(StoreUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
        strange.query("ASK {}")
    strange.disconnect()


def test_a_registry_is_asked_with_the_certificate_of_the_orchestrator(
    folder: Path, url: str
) -> None:
    """And a registry of an authority that is not believed is not asked."""
    digest = "sha256:" + "0" * 64
    OciRegistry(url, own(folder).client_context).push_blob("camera", digest, b"")
    with pytest.raises(ProblemError):
        OciRegistry(url).push_blob("camera", digest, b"")
