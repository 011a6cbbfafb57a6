"""Rasqal's `roqet`, a SPARQL client in C, against the endpoint."""

import shutil
import subprocess
import threading
from collections.abc import Iterator

import pytest
from werkzeug.serving import make_server

from orchestrator_app.app import create_app
from orchestrator_app.settings import Settings

TD = {
    "@context": ["https://www.w3.org/2022/wot/td/v1.1"],
    "id": "urn:ex:lamp",
    "title": "lamp",
    "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
    "security": ["nosec_sc"],
}


@pytest.fixture
def endpoint() -> Iterator[str]:
    """The endpoint of an orchestrator that knows one lamp."""
    app = create_app(Settings())
    app.test_client().put(f"/things/{TD['id']}", json=TD)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/sparql"
    server.shutdown()
    thread.join()
    server.server_close()
    app.extensions["wasmiot"].close()


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT ?t { <urn:ex:lamp> <https://www.w3.org/2019/wot/td#title> ?t }", ["t", "lamp"]),
        ("SELECT (COUNT(DISTINCT ?g) AS ?n) { GRAPH ?g { <urn:ex:lamp> ?p ?o } }", ["n", "1"]),
    ],
)
def test_roqet_reads_solutions(endpoint, query, rows):
    """It asks by GET for XML (of an ASK it shows nothing, whatever the endpoint)."""
    if shutil.which("roqet") is None:
        pytest.skip("no roqet here: apt install rasqal-utils")
    command = ["roqet", "-p", endpoint, "-r", "csv", "-e", query]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout.split()) == (0, rows), done
