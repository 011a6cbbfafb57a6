"""Strangers' queries over a graph server are answered from a copy, which is there in time."""

import threading

import pytest

from orchestrator_app.app import create_app, lifespan
from orchestrator_app.settings import Settings
from orchestrator_app.store import SparqlStore, StoreUnavailableError
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
