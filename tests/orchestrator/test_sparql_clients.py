"""SPARQL clients that people use, against the endpoint over a socket."""

import threading
from contextlib import contextmanager

import pytest
from rdflib import Graph, URIRef
from rdflib.plugins.stores.sparqlstore import SPARQLStore
from werkzeug.serving import make_server

TITLE = URIRef("https://www.w3.org/2019/wot/td#title")


@contextmanager
def served(app):
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


@pytest.mark.parametrize("method", ["GET", "POST", "POST_FORM"])
def test_rdflibs_sparql_store(app, client, thing, method):
    """An rdflib graph over the endpoint finds triples and answers queries."""
    client.put("/things/urn:ex:lamp", json=thing(id="urn:ex:lamp"))
    with served(app) as url:
        graph = Graph(SPARQLStore(f"{url}sparql", method=method))
        assert str(graph.value(URIRef("urn:ex:lamp"), TITLE)) == "lamp"
        rows = list(graph.query(f"SELECT ?s {{ ?s <{TITLE}> ?title }}"))
        assert [str(row.s) for row in rows] == ["urn:ex:lamp"]


def test_sparqlwrapper(app, client, thing):
    """SPARQLWrapper reads JSON results."""
    wrapper = pytest.importorskip("SPARQLWrapper", reason="SPARQLWrapper is not installed")
    client.put("/things/urn:ex:lamp", json=thing(id="urn:ex:lamp"))
    with served(app) as url:
        query = wrapper.SPARQLWrapper(f"{url}sparql", returnFormat=wrapper.JSON)
        query.setQuery(f"SELECT ?t {{ ?s <{TITLE}> ?t }}")
        bindings = query.queryAndConvert()["results"]["bindings"]
    assert bindings[0]["t"]["value"] == "lamp"
