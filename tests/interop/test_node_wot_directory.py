"""node-wot as a client of the directory."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

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


@contextmanager
def breaking_off(url: str, then: Callable[[], object]) -> Iterator[str]:
    """Stand before a server: break the first stream off once it has begun, then do something."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_pass_two, args=(listening, urlsplit(url).port, then))
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        thread.join()


def _pass_two(listening: socket.socket, port: int, then: Callable[[], object]) -> None:
    for last in (b"listening", b"thing_created"):
        client, _ = listening.accept()
        with client, socket.create_connection(("127.0.0.1", port)) as server:
            server.sendall(client.recv(65536))
            while data := server.recv(65536):
                client.sendall(data)
                if last in data:
                    break
        then()


def test_the_event_source_of_node_wot_hears_what_happened_while_it_was_away(run_node):
    """It had heard of nothing yet when its stream broke, and comes back with the id it was told."""
    app = create_app(Settings())

    def change() -> None:
        lamp = {**LAMP, "id": "urn:ex:lamp", "title": "lamp"}
        app.test_client().put("/things/urn:ex:lamp", json=lamp)
        app.test_client().delete("/things/urn:ex:lamp")

    with served(app) as url, breaking_off(url, change) as address:
        printed = run_node("hear_event.mjs", f"{address}events")
    assert printed.split() == ["thing_created", '{"id":', '"urn:ex:lamp"}', "true"]
