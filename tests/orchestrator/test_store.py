"""The store keeps a document, its registration and its graph together."""

from pathlib import Path

import pytest
from rdflib import Literal, URIRef

from orchestrator_app.store import (
    KindConflictError,
    OxigraphStore,
    Put,
    UnstorableDocumentError,
)

A = "urn:ex:a"
TRIPLE = b'<urn:ex:a> <urn:ex:p> "1" .\n'


def test_a_document_comes_back_as_it_was_put(store, make_document):
    """JSON text, registration and kind are given back unchanged."""
    document = make_document(A, TRIPLE, {"id": A, "title": "ä\n\"'\\"})
    assert store.put(document, kind="thing", registration={"ttl": 5}) is True
    stored = store.get(A)
    assert (stored.document, stored.registration) == (document.document, {"ttl": 5})


def test_a_replacement_is_not_new_and_leaves_nothing_behind(store, make_document):
    """Of the old graph only what the new one says as well remains."""
    store.put(make_document(A, TRIPLE), kind="thing")
    assert store.put(make_document(A, b'<urn:ex:a> <urn:ex:p> "2" .'), kind="thing") is False
    assert store.select("SELECT ?o { <urn:ex:a> <urn:ex:p> ?o }") == [{"o": Literal("2")}]
    assert store.count("thing") == 1


def test_a_graph_with_blank_nodes_is_replaced_whole(store, make_document):
    """Blank nodes of an earlier version do not pile up."""
    for value in (b'"1"', b'"2"'):
        triples = b"<urn:ex:a> <urn:ex:p> _:b .\n_:b <urn:ex:q> " + value + b" ."
        store.put(make_document(A, triples), kind="thing")
    rows = store.select("SELECT ?v { <urn:ex:a> <urn:ex:p> ?b . ?b <urn:ex:q> ?v }")
    assert rows == [{"v": Literal("2")}]


def test_a_list_is_ascending_by_code_point_and_paged(store, make_document):
    """`Z` comes before `a`, and limit and offset cut the list."""
    for name in ("urn:ex:b", "urn:ex:Z", "urn:ex:a"):
        store.put(make_document(name, b""), kind="thing")
    assert [d.id for d in store.list("thing")] == ["urn:ex:Z", "urn:ex:a", "urn:ex:b"]
    assert [d.id for d in store.list("thing", limit=1, offset=1)] == ["urn:ex:a"]


def test_a_deleted_document_takes_its_graph_along(store, make_document):
    """After a delete neither text nor triples are left."""
    store.put(make_document(A, TRIPLE), kind="thing")
    assert (store.delete(A), store.delete(A)) == (True, False)
    assert store.get(A) is None
    assert store.ask("ASK { ?s <urn:ex:p> ?o }") is False


@pytest.mark.parametrize(
    "triples",
    [
        b"<urn:ex:a> <urn:ex:p> <urn:ex:o> <urn:ex:other> .",
        b"<urn:ex:a> <urn:ex:p> <urn:o><urn:ex:other> .",
        b"nonsense",
    ],
    ids=["a-quad", "an-iri-that-closes-itself", "no-triples"],
)
def test_no_document_writes_outside_its_graph(store, make_document, triples):
    """What is more than triples is refused, and nothing of it is stored."""
    with pytest.raises(UnstorableDocumentError):
        store.put(make_document(A, triples), kind="thing")
    assert store.get(A) is None


@pytest.mark.parametrize("name", ["urn:wasmiot:store", "not an iri", "urn:ex:>", ""])
def test_an_id_that_cannot_name_a_graph_is_refused(store, make_document, name):
    """Reserved and malformed ids are refused when written and absent when read."""
    with pytest.raises(UnstorableDocumentError):
        store.put(make_document(name, b""), kind="thing")
    assert store.get(name) is None


def test_of_many_documents_each_is_kept_or_refused(store, make_document):
    """A malformed one and one of another kind leave the others as they are."""
    store.put(make_document("urn:ex:m", b""), kind="module")
    good = [make_document(f"urn:ex:{i}", b'<urn:ex:%d> <urn:ex:p> "1" .' % i) for i in range(3)]
    bad = [make_document("urn:ex:bad", b"nonsense"), make_document("urn:ex:m", b"")]
    documents = [good[0], bad[0], good[1], bad[1], good[2]]
    outcomes = store.put_many([Put(document, "thing") for document in documents])
    assert [type(o) for o in outcomes] == [
        bool,
        UnstorableDocumentError,
        bool,
        KindConflictError,
        bool,
    ]
    assert [d.id for d in store.list("thing")] == ["urn:ex:0", "urn:ex:1", "urn:ex:2"]
    assert len(store.select("SELECT ?s { ?s <urn:ex:p> ?o }")) == 3


def test_of_many_documents_of_one_id_the_last_is_kept(store, make_document):
    """Of the first, neither text nor triples are left; only it was new."""
    versions = [
        make_document(A, b'<urn:ex:a> <urn:ex:p> "%d" .' % i, {"id": A, "n": i}) for i in range(3)
    ]
    assert store.put_many([Put(version, "thing") for version in versions]) == [True, False, False]
    assert store.get(A).document["n"] == 2
    assert store.select("SELECT ?o { <urn:ex:a> <urn:ex:p> ?o }") == [{"o": Literal("2")}]


@pytest.mark.parametrize("is_new", [True, False, None])
def test_who_is_wrong_about_what_is_new_loses_nothing(store, make_document, is_new):
    """Whatever was seen before, documents that are there are replaced and others are added."""
    store.put(make_document(A, TRIPLE, {"id": A, "n": 0}), kind="thing")
    names = [A, "urn:ex:b", "urn:ex:c"]
    documents = [make_document(n, b'<%s> <urn:ex:n> "1" .' % n.encode(), {"n": 1}) for n in names]
    puts = [Put(document, "thing", is_new=is_new) for document in documents]
    assert store.put_many(puts) == [False, True, True]
    assert [store.get(name).document for name in names] == [{"n": 1}] * 3
    assert store.select("SELECT ?o { <urn:ex:a> <urn:ex:p> ?o }") == []
    assert len(store.select("SELECT ?s { ?s <urn:ex:n> ?o }")) == 3


def test_no_hint_lets_a_document_take_an_id_of_another_kind(store, make_document):
    """Who says that there is none does not take the place of a module."""
    store.put(make_document(A, TRIPLE), kind="module")
    outcomes = store.put_many([Put(make_document(A, b""), "thing", is_new=True)])
    assert [type(outcome) for outcome in outcomes] == [KindConflictError]
    assert store.get(A).kind == "module"


def test_many_are_read_at_once(store, make_document):
    """Those that are there come by their ids, more than one question holds; the others do not."""
    names = [f"urn:ex:{n}" for n in range(60)]
    documents = [make_document(name, b"", {"id": name}) for name in names]
    store.put_many([Put(document, "thing", {"n": 1}, is_new=True) for document in documents])
    found = store.get_many([*names, "urn:ex:nobody", "not an iri"])
    assert sorted(found) == sorted(names)
    assert all(found[name] == store.get(name) for name in ("urn:ex:0", "urn:ex:59"))
    assert store.get_many([]) == {}


def test_many_documents_share_a_graph(store, make_document):
    """What several documents bring along is there once, and counted once."""
    shared = {"urn:ex:shared": b'<urn:ex:shared> <urn:ex:p> "1" .'}
    names = ["urn:ex:a", "urn:ex:b"]
    puts = [Put(make_document(name, b""), "thing", shared_graphs=shared) for name in names]
    assert store.put_many(puts) == [True, True]
    assert len(store.select("SELECT ?o { <urn:ex:shared> <urn:ex:p> ?o }")) == 1


def test_an_id_keeps_its_kind(store, make_document):
    """A Thing cannot take over the id of a module."""
    store.put(make_document(A, TRIPLE), kind="module")
    with pytest.raises(KindConflictError):
        store.put(make_document(A, b""), kind="thing")
    assert store.get(A).kind == "module"


def test_bindings_are_terms_and_not_text(store, make_document):
    """A bound value is compared, never parsed."""
    store.put(make_document(A, TRIPLE), kind="thing")
    query = "SELECT ?s ?wanted { ?s <urn:ex:p> ?wanted }"
    rows = store.select(query, wanted=Literal("1"))
    assert [row["s"] for row in rows] == [URIRef(A)]
    assert store.select(query, wanted=Literal('1" } #')) == []


def test_a_reopened_store_knows_all_of_it(tmp_path: Path, make_document):
    """Documents and their order survive closing."""
    first = OxigraphStore(tmp_path / "graph")
    first.put(make_document(A, TRIPLE, {"id": A}), kind="thing")
    first.close()
    second = OxigraphStore(tmp_path / "graph")
    assert [d.document for d in second.list("thing")] == [{"id": A}]
    second.close()


def test_a_checkpoint_holds_the_graphs_and_not_the_bookkeeping(store, make_document, tmp_path):
    """Who queries the copy sees the triples, and not the JSON text."""
    extra, shared = b"<urn:x> <urn:y> <urn:z> .", b"<urn:ex:s> <urn:y> <urn:z> ."
    store.put(
        make_document(A, TRIPLE),
        kind="thing",
        extra_triples=extra,
        shared_graphs={"urn:ex:s": shared},
    )
    store.checkpoint(tmp_path / "copy")
    copy = OxigraphStore(tmp_path / "copy")
    rows = copy.select("SELECT ?s { ?s ?p ?o }")
    assert {str(row["s"]) for row in rows} - {"urn:wasmiot:store"} == {A, "urn:x", "urn:ex:s"}
    assert copy.list("thing") == []
    copy.close()
