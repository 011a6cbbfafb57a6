"""node-wot as a client of the directory."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from werkzeug.serving import make_server

from orchestrator_app.app import create_app
from orchestrator_app.settings import Settings

LAMP = {
    "@context": ["https://www.w3.org/2022/wot/td/v1.1"],
    "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
    "security": ["nosec_sc"],
}


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve an application on a free port and yield its URL."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        app.extensions["wasmiot"].close()


def test_node_wot_explores_the_directory(run_node):
    """`exploreDirectory` reads the property `things` as the directory's own TD says."""
    app = create_app(Settings())
    client = app.test_client()
    for title in ("lamp", "light"):
        client.put(
            f"/things/urn:ex:{title}", json={**LAMP, "id": f"urn:ex:{title}", "title": title}
        )
    with served(app) as url:
        app.extensions["wasmiot"].description["base"] = url
        printed = run_node("explore_directory.mjs", f"{url}.well-known/wot")
    assert printed.split() == ["lamp", "light"]
