"""What documents shared goes when none of them names it any more, and is there where one does."""

import json
from itertools import count

import pyoxigraph as ox
import pytest

from orchestrator_app.directory.things import Directory
from orchestrator_app.store import OxigraphStore
from orchestrator_app.store.interface import Put
from orchestrator_app.store.merged_graphs import GraphChange, MergedGraphs
from wasmiot_td.namespaces import WASMIOT

A, B = "urn:ex:a", "urn:ex:b"
ONE, TWO = "urn:ex:one", "urn:ex:two"
NAMED = "SELECT ?g ?o { GRAPH ?g { ?g <urn:ex:provides> ?o } }"
MERGED = "SELECT ?s ?o { ?s <urn:ex:provides> ?o }"


@pytest.fixture
def put(store, make_document):
    """Return what puts a document that names a shared graph."""

    def do(name, shared):
        text = f"<{name}> <urn:ex:has> <{shared}> .".encode()
        said = f'<{shared}> <urn:ex:provides> "x" .'.encode()
        store.put(make_document(name, text), kind="thing", shared_graphs={shared: said})

    return do


def shared_in(store):
    """Return the shared graphs that are there, which the merge of all must say too."""
    found = {str(row["g"]) for row in store.select(NAMED)}
    assert {str(row["s"]) for row in store.select(MERGED)} == found
    return found


def test_what_no_document_names_is_removed(store, put):
    """It comes back with the next that names it, whichever of them was there before."""
    put(A, ONE)
    put(B, ONE)
    assert store.remove_unused_graphs() == 0
    put(A, TWO)
    assert store.remove_unused_graphs() == 0
    put(B, TWO)
    assert shared_in(store) == {ONE, TWO}
    assert store.remove_unused_graphs() == 1
    assert shared_in(store) == {TWO}
    put(A, ONE)
    assert shared_in(store) == {ONE, TWO}
    store.delete(A)
    store.delete(B)
    assert store.remove_unused_graphs() == 2
    assert shared_in(store) == set()
    assert store.remove_unused_graphs() == 0


def test_who_keeps_a_picture_is_told(store, put, tmp_path):
    """That a graph went is a change of its nodes, also in a copy of the graphs."""
    put(A, ONE)
    (tmp_path / "copies").mkdir()
    store.checkpoint(tmp_path / "copies" / "first")
    seen = store.version()
    put(A, TWO)
    store.remove_unused_graphs()
    changed = store.changed_since(seen)
    assert changed is None or {ONE, TWO} <= changed
    store.checkpoint(tmp_path / "copies" / "second")
    copy = ox.Store.read_only(str(tmp_path / "copies" / "second"))
    assert {row["s"].value for row in copy.query(MERGED)} == {TWO}


def test_documents_themselves_stay(store, put, make_document):
    """Those that nobody names, those that are empty, and what is noted of all of them."""
    store.put_many(
        [Put(make_document(f"urn:ex:{n}", b'<urn:s> <urn:p> "x" .'), "thing") for n in range(3)]
    )
    store.put(make_document("urn:ex:empty", b""), kind="module")
    put(A, ONE)
    assert store.remove_unused_graphs() == 0
    assert (store.count("thing"), store.count("module")) == (4, 1)
    assert len(store.select("SELECT ?g { GRAPH ?g { <urn:s> <urn:p> ?o } }")) == 3


def test_a_removal_survives_a_restart(tmp_path, make_document):
    """The embedded store reads it from its journal, as it reads what was written."""
    store = OxigraphStore(tmp_path / "graph")
    said = {ONE: f'<{ONE}> <urn:ex:provides> "x" .'.encode()}
    store.put(make_document(A, b""), kind="thing", shared_graphs=said)
    assert store.remove_unused_graphs() == 1
    store.put(make_document(B, f"<{B}> <urn:ex:has> <{TWO}> .".encode()), kind="thing")
    store.close()
    again = OxigraphStore(tmp_path / "graph")
    assert shared_in(again) == set()
    again.close()


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize("wanted", ["as", "sa", "asa", "sas"])
def test_the_last_of_several_changes_counts(is_there, wanted):
    """A graph that goes and comes in one write is there, one that comes and goes is not."""
    store, numbers = ox.Store(), count()
    graph, text = ox.NamedNode(ONE), f'<{ONE}> <urn:ex:provides> "x" .\n'.encode()
    if is_there:
        MergedGraphs(store).write([GraphChange(graph, text, is_shared=True, number=next(numbers))])
    MergedGraphs(store).write(
        GraphChange(graph, text if each == "s" else b"", each == "s", next(numbers))
        for each in wanted
    )
    assert any(store.quads_for_pattern(None, None, None, graph)) is (wanted[-1] == "s")
    assert any(store.quads_for_pattern(None, None, None, ox.DefaultGraph())) is (wanted[-1] == "s")


def test_a_device_that_changes_leaves_no_profiles(store, supervisor):
    """However often it provides something else, it has one capability profile."""
    directory = Directory(store)
    for number in range(20):
        directory.register(json.dumps(supervisor("device", f"interface_{number}")).encode())
    query = f"SELECT ?p {{ ?p a <{WASMIOT.CapabilityProfile}> }}"
    assert len(store.select(query)) == 20
    assert store.remove_unused_graphs() == 19
    [row] = store.select(f"SELECT ?p {{ ?d <{WASMIOT.capabilityProfile}> ?p }}")
    assert [str(found["p"]) for found in store.select(query)] == [str(row["p"])]
