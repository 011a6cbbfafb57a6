"""Strangers' queries over a graph server are answered from a copy, which is there in time."""

import threading

import pyoxigraph as ox
import pytest

from orchestrator_app.app import create_app, lifespan
from orchestrator_app.settings import Settings
from orchestrator_app.store import SparqlStore, StoreUnavailableError, new_files
from orchestrator_app.store.endpoint import Endpoint

TITLES = "SELECT ?value { <urn:ex:a> <urn:ex:p0> ?value }"


@pytest.fixture
def settings(oxigraph_server, numbered):
    """How an orchestrator runs over a server that holds a document."""
    oxigraph_server.clear()
    store = SparqlStore(oxigraph_server.query_url, oxigraph_server.update_url)
    store.put(numbered(7), kind="thing")
    store.close()
    urls = {"store_url": oxigraph_server.query_url, "store_update_url": oxigraph_server.update_url}
    return Settings(monitor_interval_seconds=0, **urls)


@pytest.fixture
def downloads(monkeypatch):
    """What is read of graphs, as it is asked for."""
    asked, download = [], Endpoint.download

    def recorded(self, query, path):
        if "?s ?p ?o" in query:
            asked.append(query)
        download(self, query, path)

    monkeypatch.setattr(Endpoint, "download", recorded)
    return asked


def first_copy():
    """Wait until the copy is made that nobody asked for."""
    for thread in threading.enumerate():
        if thread.name == "first-copy":
            thread.join(30)
            assert not thread.is_alive()


def test_the_first_query_reads_no_graph(settings, downloads):
    """What the server holds was read before."""
    app = create_app(settings)
    with lifespan(app):
        first_copy()
        n_read = len(downloads)
        answer = app.test_client().get("/sparql", query_string={"query": TITLES})
    assert n_read > 0
    assert answer.json["results"]["bindings"][0]["value"]["value"] == "7"
    assert len(downloads) == n_read


def test_a_server_that_fails_meanwhile_is_asked_again(settings, monkeypatch):
    """The copy is made when somebody asks; nothing is thrown where nobody waits."""
    failing = [True]
    download = Endpoint.download

    def sometimes(self, query, path):
        if failing:
            raise StoreUnavailableError("gone")
        download(self, query, path)

    monkeypatch.setattr(Endpoint, "download", sometimes)
    app = create_app(settings)
    with lifespan(app):
        first_copy()
        failing.clear()
        answer = app.test_client().get("/sparql", query_string={"query": TITLES})
    assert answer.json["results"]["bindings"][0]["value"]["value"] == "7"


def test_the_copy_does_not_keep_what_is_gone(oxigraph_server, make_document, tmp_path, monkeypatch):
    """Its files are written anew, once strings that nobody uses have made them large."""
    monkeypatch.setattr(new_files, "MOST_CHANGED_QUADS", 1000)
    monkeypatch.setattr(new_files, "SPARE_BYTES", 0)
    anew = []
    declare = new_files.declare_ready
    monkeypatch.setattr(
        "orchestrator_app.store.remote_copy.declare_ready",
        lambda *args: (anew.append(args), declare(*args)),
    )
    oxigraph_server.clear()
    store = SparqlStore(oxigraph_server.query_url, oxigraph_server.update_url)
    (tmp_path / "copies").mkdir()
    for turn in range(4):
        lines = [f'<urn:ex:a> <urn:ex:p{i}> "{turn} {i}" .' for i in range(600)]
        store.put(make_document("urn:ex:a", "\n".join(lines).encode()), kind="thing")
        store.checkpoint(tmp_path / "copies" / str(turn))
        copied = ox.Store.read_only(str(tmp_path / "copies" / str(turn)))
        values = {q.object.value for q in copied.quads_for_pattern(None, None, None, None)}
        assert values == {f"{turn} {i}" for i in range(600)}
    store.close()
    assert anew
