"""`domus-tdd-api` from PyPI beside this directory, over the same kind of store.

It sends queries and updates to one URL, and Oxigraph has two: a forwarder stands between them,
whose cost is measured. A TD as JSON it checks with a JSON schema only, while this directory checks
SHACL shapes too: what compares the two favours it by that.
"""

import http.client
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import measured

PACKAGE = "domus-tdd-api==1.0.2"


class CannotRun(Exception):
    """It cannot be installed or run here; whatever else fails is a failure."""


def installed(folder: Path) -> Path:
    """Install it into an environment of its own, if it is not there; return its command.

    Raises:
        CannotRun: it cannot be installed or run here.
    """
    if shutil.which("node") is None:
        raise CannotRun("it starts a node process for each document, and node is not here")
    command = folder / "bin" / "domus-tdd-api"
    if not command.exists():
        python = str(folder / "bin" / "python")
        steps = [
            [sys.executable, "-m", "venv", str(folder)],
            [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", PACKAGE],
        ]
        for step in steps:
            outcome = subprocess.run(step, capture_output=True, text=True, check=False)
            if outcome.returncode:
                raise CannotRun(f"{PACKAGE} cannot be installed: {outcome.stderr[-500:]}")
    return command


@dataclass(frozen=True)
class Domus:
    """It while it runs.

    Attributes:
        processes: it, and the server of its store.
        forwarder_url: what stands before its store.
    """

    client: measured.Client
    processes: "tuple[subprocess.Popen[bytes], ...]"
    store: measured.Oxigraph
    forwarder_url: str


@contextmanager
def domus(folder: Path, environment_dir: Path) -> Iterator[Domus]:
    """Run it over an Oxigraph server of its own.

    Raises:
        CannotRun: it cannot be installed, or does not start.
    """
    command, port = installed(environment_dir), measured.free_port()
    with ExitStack() as stack:
        store = stack.enter_context(measured.oxigraph_server(folder / "oxigraph"))
        url = stack.enter_context(_forwarded(store))
        settings = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "TDD__SPARQLENDPOINT_URL": url,
            "TDD__CHECK_SCHEMA": "True",
            "TDD__OVERWRITE_DISCOVERY": "True",
            "TDD__PERIOD_CLEAR_EXPIRE_TD": "0",
        }
        arguments = [str(command), "run", "--port", str(port)]
        served = measured.served(arguments, folder / "domus", port, settings)
        try:
            process = stack.enter_context(served)
        except (RuntimeError, OSError) as error:
            raise CannotRun(f"it does not start: {error}") from error
        client = stack.enter_context(closing(measured.Client(port, process)))
        yield Domus(client, (process, store.process), store, url)


@contextmanager
def _forwarded(store: measured.Oxigraph) -> Iterator[str]:
    """Serve one URL for queries and updates."""
    targets = {b"query=": urlsplit(store.query_url), b"update": urlsplit(store.update_url)}

    class Forwarder(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            target = targets[body[:6]]
            assert target.hostname
            connection = http.client.HTTPConnection(target.hostname, target.port)
            kept = ("Content-Type", "Accept")
            headers = {name: self.headers[name] for name in kept if name in self.headers}
            connection.request("POST", target.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing of each request."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Forwarder)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
