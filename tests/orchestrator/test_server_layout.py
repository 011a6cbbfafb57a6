"""What is noted on a graph server: records that are renewed, and the layout before them."""

import json
from collections import Counter
from contextlib import closing
from dataclasses import replace

import pytest

from orchestrator_app.store import SparqlStore, StoreUnavailableError, server_documents
from orchestrator_app.store.server_layout import without_older_entries

SAID = b"<urn:ex:p> <urn:ex:says> <urn:ex:%s> ."
A, B = "urn:ex:a", "urn:ex:b"
STORE = "urn:wasmiot:store"
RECORD = f"{STORE}#record"
VERSION = f"{STORE}#version"
LOG = (f"{STORE}#entry", f"{STORE}#before")
NOTES = f"SELECT ?s ?p ?o {{ GRAPH <{STORE}> {{ ?s ?p ?o }} }}"


@pytest.fixture(params=["oxigraph", "virtuoso"])
def server(request):
    """Each graph server, with nothing in it."""
    server = request.getfixturevalue(f"{request.param}_server")
    server.clear()
    return server


def opened(server):
    """Open a store on a server."""
    return closing(SparqlStore(server.query_url, server.update_url))


def write_often(store, numbered, n_times):
    """Write one document, its registration, and another one that goes each time."""
    for number in range(n_times):
        store.put(numbered(number), kind="thing", registration={"n": number})
        store.renew(A, {"renewed": number})
        store.put(replace(numbered(number), id=B), kind="thing")
        assert store.delete(B)


def test_records_take_turns_and_leave_nothing_behind(server, numbered):
    """However often a document is written, as much is noted, of records that change."""
    seen, counts = set(), set()
    with opened(server) as store:
        for _ in range(10):
            write_often(store, numbered, 3)
            notes = server.rows(NOTES)
            counts.add(sum(row["p"] not in LOG for row in notes))
            seen |= {row["o"] for row in notes if row["p"] == RECORD and row["s"] == A}
        assert store.get(A).registration == {"renewed": 2}
    assert counts == {10}  # layout, pointer, three marks; kind, pointer, three texts
    assert len(seen) > 3


def test_the_log_goes_back_over_two_records(server, numbered, monkeypatch):
    """Of what was written longer ago nothing is kept; what could not be removed then goes later."""
    counts = []
    monkeypatch.setattr(server_documents, "is_record_full", lambda: len(counts) % 4 == 3)
    with opened(server) as store:
        send = store._endpoint.update

        def forgetful(text):
            if len(counts) in range(20, 24) and text == without_older_entries():
                raise StoreUnavailableError("gone for a moment")
            send(text)

        monkeypatch.setattr(store._endpoint, "update", forgetful)
        for number in range(60):
            store.put(numbered(number), kind="thing")
            counts.append(sum(row["p"] in LOG for row in server.rows(NOTES)))
    assert max(counts[8:20]) == max(counts[28:]) < max(counts[20:28])


def test_no_subject_is_written_for_ever(server, numbered, monkeypatch):
    """Of no record of a document or of the store is more written than a few times its turn."""
    written = Counter()
    with opened(server) as store:
        send = store._endpoint.update

        def counted(text):
            send(text)
            written.update(
                row["record"] for row in server.rows(f"SELECT ?record {{ ?s <{RECORD}> ?record }}")
            )

        monkeypatch.setattr(store._endpoint, "update", counted)
        for number in range(100):
            store.put(numbered(number), kind="thing")
    assert len(written) > 20
    assert max(written.values()) < 40


def test_the_marks_are_written_once_with_each_operation(server, numbered, monkeypatch):
    """One solution each: those of a graph's triples would have a server write them as often."""
    counts = []
    with opened(server) as store:
        send = store._endpoint.update

        def counting(text):
            for operation in text.split(" ; DELETE "):
                _, _, pattern = operation.partition(" WHERE ")
                if VERSION in operation:
                    counts.append(len(server.rows(f"SELECT * WHERE {pattern}")))
            send(text)

        monkeypatch.setattr(store._endpoint, "update", counting)
        store.put(numbered(1), kind="thing")
        store.put(numbered(2), kind="thing")
        assert store.delete(A)
        shared = {"urn:ex:profile": b"\n".join([SAID % b"x", SAID % b"y"])}
        store.put(numbered(3), kind="thing", shared_graphs=shared)
        assert store.remove_unused_graphs() == 1
    assert counts == [1] * 5
    assert server.rows(f"SELECT ?s {{ GRAPH <{A}> {{ ?s ?p ?o }} }}")
    assert not server.rows("SELECT ?s { GRAPH <urn:ex:profile> { ?s ?p ?o } }")


def test_what_nobody_has_any_more_goes(server, numbered):
    """Texts that two writes at once have left over, not before they were seen twice; no others."""
    record = "urn:wasmiot:store#record/left"
    texts = f'<{record}> <{STORE}#json> "{{}}" ; <{STORE}#revision> "1"'
    left = f"SELECT ?o {{ GRAPH <{STORE}> {{ <{record}> ?p ?o }} }}"
    with opened(server) as store:
        for number in range(5):
            store.put(replace(numbered(number), id=f"urn:ex:{number}"), kind="thing")
        store._endpoint.update(f"INSERT DATA {{ GRAPH <{STORE}> {{ {texts} }} }}")
        before = server.rows(NOTES)
        store.remove_unused_graphs()
        assert len(server.rows(left)) == 2
        store.remove_unused_graphs()
        assert server.rows(left) == []
        assert len(server.rows(NOTES)) == len(before) - 2
        assert store.page("thing").total == 5


def test_two_stores_change_records_under_each_other(server, numbered):
    """A record that another orchestrator has begun is written to, and its documents are found."""
    with opened(server) as one, opened(server) as two:
        for number in range(12):
            assert one.put(numbered(number), kind="thing", registration={"n": number}) is (
                number == 0
            )
            assert two.get(A).registration == {"n": number}
            assert two.renew(A, {"by": "two"})
            assert one.list("thing")[0].registration == {"by": "two"}


def test_a_server_of_the_first_layout_is_taken_over(server, numbered):
    """What was noted of the documents themselves is moved; they are found, changed and removed."""
    notes = "".join(
        f'<{name}> <{STORE}#kind> "thing" ; <{STORE}#json> "{{}}" ;'
        f' <{STORE}#registration> "{{\\"n\\": 1}}" ; <{STORE}#revision> "r-{name}" . '
        for name in (B, A)
    )
    marks = (
        f'<{STORE}> <{STORE}#layout> "1" ; <{STORE}#version> 17 ; <{STORE}#stamp> "s" ;'
        f' <{STORE}#thingsStamp> "t" . '
    )
    server.update(
        f"INSERT DATA {{ GRAPH <{STORE}> {{ {marks} {notes} }}"
        f' GRAPH <{A}> {{ <{A}> <urn:ex:p> "old" }} GRAPH <{B}> {{ <{B}> <urn:ex:p> "old" }} }}'
    )
    with opened(server) as store:
        assert [(each.id, each.registration) for each in store.list("thing")] == [
            (A, {"n": 1}),
            (B, {"n": 1}),
        ]
        assert store.put(numbered(5), kind="thing") is False
        assert store.delete(B)
        assert store.page("thing").total == 1
        begun = store.version()
        assert store.renew(A, {"n": 2})
        assert store.version() > begun
    left = {(row["s"], row["p"]) for row in server.rows(NOTES) if row["s"] in (STORE, A, B)}
    assert left == {
        (STORE, f"{STORE}#layout"),
        (STORE, RECORD),
        (A, f"{STORE}#kind"),
        (A, RECORD),
    }
    with opened(server) as again:
        assert json.dumps(again.get(A).document) == json.dumps(numbered(5).document)
