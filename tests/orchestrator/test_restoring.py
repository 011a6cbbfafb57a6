"""What the orchestrator itself says is in a graph server again that somebody emptied meanwhile."""

import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator_app.app import create_app, lifespan
from orchestrator_app.directory import restoring
from orchestrator_app.directory.things import Directory
from orchestrator_app.ontologies import OWN_ID
from orchestrator_app.settings import Settings
from orchestrator_app.store import SparqlStore

CLASSES = "ASK { ?class <http://www.w3.org/2000/01/rdf-schema#subClassOf> ?other }"
OWN_CLASSES = f"ASK {{ GRAPH <{OWN_ID}> {{ ?class ?is ?other }} }}"


@pytest.fixture
def server(oxigraph_server):
    """An `oxigraph` server, a process of its own, that is empty."""
    oxigraph_server.update("CLEAR ALL")
    return oxigraph_server


@pytest.fixture
def started(server):
    """Starts orchestrators over that server; all are stopped in the end."""
    settings = Settings(
        store_url=server.query_url, store_update_url=server.update_url, monitor_interval_seconds=0
    )
    with ExitStack() as stack:

        def start(*, is_running=True):
            app = create_app(settings)
            if is_running:
                stack.enter_context(lifespan(app))
            else:
                stack.callback(app.extensions["wasmiot"].close)
            return app.test_client()

        yield start


def knows_classes(client):
    """Return whether a stranger's query finds our own ontology."""
    return client.get("/sparql", query_string={"query": CLASSES}).json["boolean"]


def test_a_query_finds_our_ontology_where_nobody_wrote_since(server, started):
    """The first one after the server was emptied, without any round in between."""
    client = started(is_running=False)
    assert knows_classes(client)
    server.update("CLEAR ALL")
    assert knows_classes(client)
    assert client.get("/ontologies").json == ["wasmiot"]


@pytest.mark.parametrize("cleared", ["ALL", f"GRAPH <{OWN_ID}>", "GRAPH <urn:wasmiot:store>"])
def test_our_ontology_is_there_again_though_nobody_asks(server, started, monkeypatch, cleared):
    """Whether all is gone, or one graph: a look is taken now and then."""
    monkeypatch.setattr(restoring.Restoring.now_and_then, "__defaults__", (0.05,))
    client = started()
    store = client.application.extensions["wasmiot"].store
    server.update(f"CLEAR {cleared}")
    for _ in range(400):
        if store.ask(OWN_CLASSES) and client.get("/ontologies").json == ["wasmiot"]:
            break
        time.sleep(0.025)
    assert store.ask(OWN_CLASSES)
    assert client.get("/ontologies/wasmiot").status_code == 200


def test_an_operator_is_told_once_what_must_be_sent_again(server, started, thing, caplog):
    """However many ask afterwards, and register what was lost."""
    client = started(is_running=False)
    server.update("CLEAR ALL")
    for _ in range(3):
        assert knows_classes(client)
    assert client.post("/things", json=thing("lamp")).status_code == 201
    told = [r.getMessage() for r in caplog.records if "graph_lost" in r.getMessage()]
    assert len(told) == 1
    assert "must be sent again" in told[0]


def test_another_programs_version_of_our_ontology_is_let_be(server, started):
    """Two of different age over one server do not write against each other for ever."""
    client = started(is_running=False)
    server.update(f"INSERT DATA {{ GRAPH <{OWN_ID}> {{ <urn:ex:a> <urn:ex:b> <urn:ex:c> }} }}")
    assert knows_classes(client)
    store = client.application.extensions["wasmiot"].store
    assert store.ask(f"ASK {{ GRAPH <{OWN_ID}> {{ <urn:ex:a> <urn:ex:b> <urn:ex:c> }} }}")


def test_a_thing_that_another_orchestrator_renewed_is_not_purged(server, thing):
    """Who has read when it expires looks again before it is removed."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    clocks = [now, now]
    stores = [SparqlStore(server.query_url, server.update_url) for _ in clocks]
    one, other = (Directory(store, lambda i=i: clocks[i]) for i, store in enumerate(stores))
    document = thing(id="urn:ex:lamp", registration={"ttl": 60})
    one.register(document)
    assert other.purge() == 0
    clocks[0] = now + timedelta(seconds=50)
    one.register(document)
    clocks[1] = now + timedelta(seconds=70)
    assert (other.purge(), other.count()) == (0, 1)
    clocks[1] = now + timedelta(seconds=120)
    assert (other.purge(), other.count()) == (1, 0)
    assert one.purge() == 0
    for store in stores:
        store.close()
