"""The merge of all graphs: a set of triples, whoever states them."""

import itertools

import pyoxigraph as ox
import pytest

from orchestrator_app.store import SparqlStore

A, B = "urn:ex:a", "urn:ex:b"
G = ox.NamedNode
SHARED = b"<urn:ex:s> <urn:ex:p> <urn:ex:o> .\n"


@pytest.fixture
def merged(store, tmp_path):
    """Return a function that counts the triples in the default graph of a fresh copy."""

    def count():
        folder = tmp_path / f"copy-{store.version()}"
        store.checkpoint(folder)
        copy = ox.Store.read_only(str(folder))
        return len(list(copy.quads_for_pattern(None, None, None, ox.DefaultGraph())))

    return count


def test_a_triple_of_two_documents_is_there_once(store, merged, make_document):
    """As long as one of them states it."""
    store.put(make_document(A, SHARED), kind="thing")
    store.put(make_document(B, SHARED), kind="thing")
    assert merged() == 1
    store.put(make_document(A, b""), kind="thing")
    assert merged() == 1
    store.delete(B)
    assert merged() == 0


def test_what_is_shared_outlives_who_brought_it(store, merged, make_document):
    """A shared graph's triple stays when a document that states it too is deleted."""
    shared = {"urn:ex:shared": SHARED}
    store.put(make_document(A, SHARED), kind="thing", shared_graphs=shared)
    assert merged() == 1
    store.delete(A)
    assert merged() == 1


def test_a_copy_holds_the_graphs_of_documents_alone(store, tmp_path, make_document):
    """Neither text nor registration is in it, also for who asks every graph."""
    store.put(make_document(A, SHARED, {"title": "secret"}), kind="thing", registration={"ttl": 5})
    store.checkpoint(tmp_path / "copy")
    copy = ox.Store.read_only(str(tmp_path / "copy"))
    rows = copy.query("SELECT ?g ?o { GRAPH ?g { ?s ?p ?o } }")
    assert [(row["g"].value, row["o"].value) for row in rows] == [(A, "urn:ex:o")]


def test_a_copy_follows_what_has_changed(store, tmp_path, make_document):
    """What is new, changed or gone since the last copy is so in the next, also if another wrote."""
    for name in (A, B):
        store.put(make_document(name, f'<{name}> <urn:ex:p> "old" .'.encode()), kind="thing")
    (tmp_path / "copies").mkdir()
    store.checkpoint(tmp_path / "copies" / "first")
    store.put(make_document(A, f'<{A}> <urn:ex:p> "new" .'.encode()), kind="thing")
    store.delete(B)
    store.put(
        make_document("urn:ex:c", SHARED), kind="thing", shared_graphs={"urn:ex:shared": SHARED}
    )
    store.checkpoint(tmp_path / "copies" / "second")
    copy = ox.Store.read_only(str(tmp_path / "copies" / "second"))
    named = {(q.graph_name.value, q.object.value) for q in copy if q.graph_name.__class__ is G}
    assert named == {(A, "new"), ("urn:ex:c", "urn:ex:o"), ("urn:ex:shared", "urn:ex:o")}
    merged = copy.quads_for_pattern(None, None, None, ox.DefaultGraph())
    assert sorted(quad.object.value for quad in merged) == ["new", "urn:ex:o"]


def test_only_graphs_that_changed_are_read_again(oxigraph_server, make_document, tmp_path):
    """Of two documents of which one is changed, the server is asked for one."""
    oxigraph_server.clear()
    store = SparqlStore(oxigraph_server.query_url, oxigraph_server.update_url)
    for name in (A, B):
        store.put(make_document(name, f'<{name}> <urn:ex:p> "old" .'.encode()), kind="thing")
    (tmp_path / "copies").mkdir()
    store.checkpoint(tmp_path / "copies" / "first")
    store.put(make_document(A, b""), kind="thing")
    asked, download = [], store._copy._download
    store._copy._download = lambda query, path: (asked.append(query), download(query, path))
    store.checkpoint(tmp_path / "copies" / "second")
    store.close()
    assert [A in query for query in asked] == [True]
    assert not any(B in query for query in asked)


def test_a_copy_of_a_server_is_of_one_moment(oxigraph_server, make_document, tmp_path):
    """Two documents that are changed one after the other while it is made are both new in it."""
    oxigraph_server.clear()
    store = SparqlStore(oxigraph_server.query_url, oxigraph_server.update_url)

    def put(name, text):
        store.put(make_document(name, f'<{name}> <urn:ex:p> "{text}" .'.encode()), kind="thing")

    put(A, "old")
    put(B, "old")
    download, meanwhile = store._copy._download, iter([(A, "new"), (B, "new")])

    def slow_download(query, path):
        download(query, path)
        for name, text in itertools.islice(meanwhile, 1):
            put(name, text)

    store._copy._download = slow_download
    (tmp_path / "copies").mkdir()
    store.checkpoint(tmp_path / "copies" / "first")
    store.close()
    copy = ox.Store.read_only(str(tmp_path / "copies" / "first"))
    assert [quad.object.value for quad in copy] == ["new"] * 4
