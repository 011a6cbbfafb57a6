"""The store on a graph server: who else writes, what is sent, what a server says of itself."""

import threading
from dataclasses import replace

import pytest

from orchestrator_app.store import (
    KindConflictError,
    SparqlStore,
    StoreLayoutError,
    StoreUnavailableError,
    server_layout,
)
from orchestrator_app.store.endpoint import advice
from orchestrator_app.store.interface import Put

A = "urn:ex:a"
MARKER = "<urn:wasmiot:store> <urn:wasmiot:store#layout>"


def test_two_orchestrators_write_to_one_server(oxigraph_server, numbered):
    """Whoever comes last wins as a whole; differences of two writers never mix."""
    oxigraph_server.clear()
    stores = [SparqlStore(oxigraph_server.query_url, oxigraph_server.update_url) for _ in "ab"]

    def write(store, numbers) -> None:
        for number in numbers:
            store.put(numbered(number), kind="thing")

    parts = [range(15), range(100, 115)]
    writers = [
        threading.Thread(target=write, args=pair) for pair in zip(stores, parts, strict=True)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    rows = stores[0].select(f"SELECT ?value {{ GRAPH <{A}> {{ <{A}> ?property ?value }} }}")
    assert len(rows) == 5
    assert {str(row["value"]) for row in rows} in ({"14"}, {"114"})


def test_only_what_differs_is_sent_to_a_server(oxigraph_server, make_document, monkeypatch):
    """The update names the triple that changed, and no other."""
    oxigraph_server.clear()
    store = SparqlStore(oxigraph_server.query_url, oxigraph_server.update_url)
    triples = [f'<{A}> <urn:ex:p> "value-{i}" .\n' for i in range(100)]
    store.put(make_document(A, "".join(triples).encode()), kind="thing")
    sent, send = [], store._endpoint.update
    monkeypatch.setattr(store._endpoint, "update", lambda text: (sent.append(text), send(text)))
    store.put(make_document(A, "".join(triples[1:]).encode()), kind="thing")
    assert "value-0" in sent[0]
    assert sent[0].count("value-") == 1


def test_a_server_that_fails_amid_many_is_told_for_each(
    oxigraph_server, make_document, monkeypatch
):
    """What was kept before it failed is told as kept; what came after it is not there."""
    oxigraph_server.clear()
    store = SparqlStore(oxigraph_server.query_url, oxigraph_server.update_url)
    puts = [
        Put(make_document(f"urn:ex:{n}", b'<urn:ex:s> <urn:ex:p> "x" .\n'), "thing")
        for n in range(4)
    ]
    monkeypatch.setattr(store, "_are_inserted", lambda puts, insertion: False)
    monkeypatch.setattr(store, "_changed", lambda puts: {})
    put, n_written = store._put, iter(range(4))

    def put_twice(document):
        if next(n_written) == 2:
            raise StoreUnavailableError("gone")
        return put(document)

    monkeypatch.setattr(store, "_put", put_twice)
    outcomes = store.put_many(puts)
    assert outcomes[:2] == [True, True]
    assert [type(outcome) for outcome in outcomes[2:]] == [StoreUnavailableError] * 2
    assert [each.id for each in store.list("thing")] == ["urn:ex:0", "urn:ex:1"]


def test_a_server_laid_out_by_a_newer_program_is_refused(oxigraph_server):
    """The same marker is read from a server."""
    oxigraph_server.clear()
    oxigraph_server.update(f'INSERT DATA {{ GRAPH <urn:wasmiot:store> {{ {MARKER} "99" }} }}')
    with pytest.raises(StoreLayoutError, match="layout 99"):
        SparqlStore(oxigraph_server.query_url, oxigraph_server.update_url)


def test_an_operator_of_virtuoso_is_told_what_cannot_be_asked_for(oxigraph_server):
    """The server says who it is; of its isolation it says nothing."""
    oxigraph_server.clear()
    store = SparqlStore(oxigraph_server.query_url, oxigraph_server.update_url)
    assert store._endpoint.server.startswith("Oxigraph")
    assert advice(store._endpoint.server) == ""
    assert "DefaultIsolation = 4" in advice("Virtuoso/07.20.3238 (Linux) x86_64-pc-linux-gnu")
    store.close()


@pytest.mark.parametrize("server", ["oxigraph", "virtuoso"])
def test_many_write_at_once(request, numbered, server):
    """Eight threads of one program, to documents of their own and to a common one: none is lost."""
    graph_server = request.getfixturevalue(f"{server}_server")
    graph_server.clear()
    store = SparqlStore(graph_server.query_url, graph_server.update_url)
    faults = list[Exception]()

    def write(writer: int) -> None:
        own = f"urn:ex:{writer}"
        try:
            for number in range(6):
                store.put(replace(numbered(number), id=own), kind="thing")
                store.put(numbered(10 * writer + number), kind="thing")
                assert store.renew(own, {"n": number})
        except Exception as error:  # noqa: BLE001 - any of them is a fault
            faults.append(error)

    writers = [threading.Thread(target=write, args=(each,)) for each in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert faults == []
    kept = store.get_many([f"urn:ex:{writer}" for writer in range(8)])
    assert [each.registration for each in kept.values()] == [{"n": 5}] * 8
    common = store.select(f"SELECT ?value {{ GRAPH <{A}> {{ <{A}> ?property ?value }} }}")
    assert {str(row["value"]) for row in common} == {str(store.get(A).document["n"])}
    assert len(common) == 5
    store.close()


def test_many_that_are_there_are_one_operation(oxigraph_server, numbered, monkeypatch):
    """Those that differ are written together; one that somebody else writes meanwhile, alone."""
    monkeypatch.setattr(server_layout, "WRITES_OF_A_RECORD", 10**9)
    oxigraph_server.clear()
    store = SparqlStore(oxigraph_server.query_url, oxigraph_server.update_url)
    other = SparqlStore(oxigraph_server.query_url, oxigraph_server.update_url)
    names = [f"urn:ex:{n}" for n in range(10)]

    def puts(number: int, part: list[str] = names) -> list[Put]:
        return [Put(replace(numbered(number), id=name), "thing", is_new=False) for name in part]

    assert store.put_many(puts(1)) == [True] * 10
    sent, send = [], store._endpoint.update
    monkeypatch.setattr(store._endpoint, "update", lambda text: (sent.append(text), send(text)))
    before = store.version()
    assert store.put_many(puts(1)) == [False] * 10
    assert (sent, store.version()) == ([], before)
    assert store.put_many(puts(1, names[:9]) + puts(2, names[9:])) == [False] * 10
    assert [names[9] in text and names[8] not in text for text in sent] == [True]
    assert store.put_many(puts(3)) == [False] * 10
    assert len(sent) == 2

    def overtaken(text: str) -> None:
        if not sent:
            other.put(replace(numbered(7), id=names[4]), kind="thing")
        sent.append(text)
        send(text)

    sent.clear()
    monkeypatch.setattr(store._endpoint, "update", overtaken)
    assert store.put_many(puts(5)) == [False] * 10
    assert [each.document for each in store.get_many(names).values()] == [numbered(5).document] * 10
    conflict = Put(replace(numbered(6), id=names[0]), "module", is_new=False)
    kinds = [type(each) for each in store.put_many([conflict, *puts(6, names[1:])])]
    assert kinds == [KindConflictError] + [bool] * 9
    store.close()
    other.close()


def test_two_programs_that_write_the_same_at_once(oxigraph_server, make_document):
    """Oxigraph keeps them not apart: whoever is last writes all of it, and the marks are whole."""
    oxigraph_server.clear()
    stores = [SparqlStore(oxigraph_server.query_url, oxigraph_server.update_url) for _ in "abc"]
    faults = list[Exception]()

    def write(store: SparqlStore, writer: int) -> None:
        try:
            for number in range(15):
                text = f"{writer}-{number}"
                lines = [f'<{A}> <urn:ex:p{i}> "{text}" .\n' for i in range(200)]
                document = make_document(A, "".join(lines).encode(), {"text": text})
                store.put(document, kind="thing")
                store.renew(A, {"by": writer})
                if number % 5 == 4:
                    store.delete(A)
        except Exception as error:  # noqa: BLE001 - any of them is a fault
            faults.append(error)

    writers = [
        threading.Thread(target=write, args=(store, number)) for number, store in enumerate(stores)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert faults == []
    for store in stores:
        store.put(make_document(A, f'<{A}> <urn:ex:p> "last" .'.encode(), {}), kind="thing")
        assert store.page("thing", limit=5).total == 1
        assert store.get(A).document == {}
    rows = oxigraph_server.rows(
        "SELECT ?s ?p ?o { GRAPH ?g { ?s ?p ?o } FILTER (?s = <urn:ex:a>) }"
    )
    assert [row["o"] for row in rows if row["p"] == "urn:ex:p"] == ["last"]
    assert len(rows) == 3
    marks = oxigraph_server.rows(
        "SELECT ?m ?n ?s { <urn:wasmiot:store> <urn:wasmiot:store#record> ?m ."
        " ?m <urn:wasmiot:store#version> ?n ; <urn:wasmiot:store#stamp> ?s }"
    )
    assert len(marks) == 1
