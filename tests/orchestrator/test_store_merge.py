"""The merge of all graphs: a set of triples, whoever states them."""

import pyoxigraph as ox
import pytest

A, B = "urn:ex:a", "urn:ex:b"
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
