"""A graph server that hangs, is emptied, or is put back to what it was, while it is used."""

import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pyoxigraph as ox
import pytest

from orchestrator_app.app import create_app
from orchestrator_app.settings import Settings
from orchestrator_app.store import SparqlStore, StoreUnavailableError, pulse
from orchestrator_app.store.endpoint import Endpoint

TITLES = "SELECT ?title { ?thing <https://www.w3.org/2019/wot/td#title> ?title }"


class Server:
    """An `oxigraph` server of its own, over a folder that can be put back."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("oxigraph") or str(Path(sys.executable).with_name("oxigraph"))
        if not Path(program).exists():
            pytest.skip("no oxigraph server here: pip install oxigraph")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.folder, self._saved = folder / "graphs", folder / "saved"
        self.url = f"http://127.0.0.1:{self._port}"
        self._command = [program, "serve", "--union-default-graph", "--location", str(self.folder)]
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = [*self._command, "--bind", f"127.0.0.1:{self._port}"]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(400):
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
                return
            time.sleep(0.025)
        raise RuntimeError("the graph server does not listen")

    def stop(self) -> None:
        """End it."""
        self.signal(signal.SIGCONT)
        self._process.terminate()
        self._process.wait(20)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def save(self) -> None:
        """Keep a copy of what it has."""
        self.stop()
        shutil.copytree(self.folder, self._saved)
        self.start()

    def put_back(self) -> None:
        """Put what was kept in the place of what it has, or nothing if nothing was."""
        self.stop()
        shutil.rmtree(self.folder)
        if self._saved.exists():
            shutil.copytree(self._saved, self.folder)
        self.start()


@pytest.fixture
def server(tmp_path):
    """A graph server; it is ended."""
    made = Server(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def app(server):
    """An orchestrator over that server, with two threads for its requests."""
    urls = {"store_url": f"{server.url}/query", "store_update_url": f"{server.url}/update"}
    made = create_app(Settings(threads=2, **urls))
    yield made
    made.extensions["wasmiot"].close()


@pytest.fixture
def impatient(monkeypatch):
    """Have it found out soon that a server hangs."""
    monkeypatch.setattr(pulse, "SILENCE_SECONDS", 0.2)
    monkeypatch.setattr(pulse, "PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(pulse, "_SLICE_SECONDS", 0.05)
    monkeypatch.setattr("orchestrator_app.store.endpoint.PROBE_SECONDS", 0.3)


def test_all_who_wait_for_a_server_that_hangs_are_told(server, impatient, make_document):
    """They do not wait one after the other; when it goes on, it is used again."""
    store = SparqlStore(f"{server.url}/query", f"{server.url}/update")
    server.signal(signal.SIGSTOP)
    errors: list[StoreUnavailableError] = []

    def write(number: int) -> None:
        try:
            store.put(make_document(f"urn:ex:{number}", b""), kind="thing")
        except StoreUnavailableError as error:
            errors.append(error)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    server.signal(signal.SIGCONT)
    assert len(errors) == 6
    assert all("is asked now and then" in str(error) for error in errors)
    for _ in range(200):
        with suppress(StoreUnavailableError):
            assert store.put(make_document("urn:ex:a", b""), kind="thing")
            break
        time.sleep(0.05)
    assert store.get("urn:ex:a")
    store.close()


def test_a_tls_handshake_that_is_not_answered_is_found_out_once(impatient, monkeypatch):
    """It counts as connecting; who asks after that is refused, and nothing is sent."""
    monkeypatch.setattr(pulse, "PAUSE_SECONDS", 3600)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        endpoint = Endpoint(f"https://127.0.0.1:{port}/query", "", 3600.0)
        for reason in ("TLS handshake within 0.3 s", "is asked now and then"):
            with pytest.raises(StoreUnavailableError, match=reason):
                endpoint.truth("ASK { }")
        listening.setblocking(False)
        listening.accept()[0].close()
        with pytest.raises(BlockingIOError):
            listening.accept()
        endpoint.disconnect()


def test_what_needs_no_store_is_answered_while_it_hangs(server, app, monkeypatch):
    """More requests wait than are worked on at once, for a lock and for the server."""
    monkeypatch.setattr(pulse, "SILENCE_SECONDS", 3600)
    server.signal(signal.SIGSTOP)
    answers: list[int] = []

    def ask(method: str) -> None:
        answers.append(app.test_client().open("/things/urn:ex:a", method=method).status_code)

    askers = [threading.Thread(target=ask, args=(m,)) for m in ("GET", "DELETE", "DELETE", "GET")]
    for asker in askers:
        asker.start()
    codes = [app.test_client().get(p).status_code for p in ("/healthz/live", "/.well-known/wot")]
    assert (codes, answers) == ([200, 200], [])
    server.signal(signal.SIGCONT)
    for asker in askers:
        asker.join()
    assert set(answers) == {404}


def titles(app):
    """Return what is said of all Things by GET, by SPARQL and by JSONPath."""
    client = app.test_client()
    listed = {thing["title"] for thing in client.get("/things").json}
    rows = client.get("/sparql", query_string={"query": TITLES}).json["results"]["bindings"]
    found = client.get("/search/jsonpath", query_string={"query": "$[*].title"}).json
    return [listed, {row["title"]["value"] for row in rows}, set(found)]


def put(app, thing, name):
    """Register a Thing; return the state that a page of the collection tells."""
    client, document = app.test_client(), thing(name, id=f"urn:ex:{name}")
    assert client.put(f"/things/{document['id']}", json=document).status_code == 201
    return client.get("/things?limit=1").headers["Link"]


def test_a_server_that_is_put_back_has_one_truth(server, app, thing):
    """GET, SPARQL and JSONPath tell what is there, before the next write and after it."""
    put(app, thing, "first")
    server.save()
    gone = put(app, thing, "gone")
    assert titles(app) == [{"first", "gone"}] * 3
    server.put_back()
    assert titles(app) == [{"first"}] * 3
    assert put(app, thing, "new") != gone
    assert titles(app) == [{"first", "new"}] * 3


def test_a_server_that_is_emptied_is_used_anew(server, app, thing):
    """Nothing is told of what it had, and what is registered again is there."""
    before = put(app, thing, "first")
    classes = "ASK { ?class <http://www.w3.org/2000/01/rdf-schema#subClassOf> ?other }"
    server.put_back()
    assert titles(app) == [set()] * 3
    assert put(app, thing, "first") != before
    assert titles(app) == [{"first"}] * 3
    assert app.test_client().get("/sparql", query_string={"query": classes}).json["boolean"]
    assert app.test_client().delete("/things/urn:ex:first").status_code == 204
    assert titles(app) == [set()] * 3


def test_a_copy_has_no_more_than_the_server(server, make_document, tmp_path):
    """What documents shared that are gone, since the server was put back, is gone from it too."""
    store = SparqlStore(f"{server.url}/query", f"{server.url}/update")
    shared = {"urn:ex:shared": b"<urn:ex:shared> <urn:ex:p> <urn:ex:o> .\n"}
    store.put(make_document("urn:ex:a", b""), kind="thing")
    server.save()
    store.put(make_document("urn:ex:b", b""), kind="thing", shared_graphs=shared)
    sizes = []
    (tmp_path / "copies").mkdir()
    for name in ("with", "without"):
        store.checkpoint(tmp_path / "copies" / name)
        sizes.append(len(ox.Store.read_only(str(tmp_path / "copies" / name))))
        server.put_back()
    store.close()
    assert sizes == [2, 0]
