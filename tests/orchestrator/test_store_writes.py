"""A write is a difference, written whole: readers see old or new, and nothing piles up."""

import resource
import sqlite3
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pyoxigraph as ox
import pytest

from orchestrator_app.cli import settings_of
from orchestrator_app.store import (
    OxigraphStore,
    SparqlStore,
    StoreLayoutError,
    StoreUnavailableError,
    layout,
    open_store,
)
from orchestrator_app.store.documents import FILE_NAME
from orchestrator_app.store.engine import Engine
from orchestrator_app.store.graph_writer import GraphWriter
from orchestrator_app.store.merged_graphs import MergedGraphs

A = "urn:ex:a"
MARKER = "<urn:wasmiot:store> <urn:wasmiot:store#layout>"
WHOLE = "SELECT ?value { GRAPH <urn:ex:a> { <urn:ex:a> ?property ?value } }"
N_TRIPLES = 5


def seen(store) -> tuple[set[str], int]:
    """Return what one query says: the numbers in the triples, and how many triples."""
    rows = store.select(WHOLE)
    return {str(row["value"]) for row in rows}, len(rows)


MOST_WRITES = 5000


@contextmanager
def looking(look):
    """Look again and again beside what is done meanwhile."""
    is_done = threading.Event()

    def go_on() -> None:
        while not is_done.is_set():
            look()

    reader = threading.Thread(target=go_on)
    reader.start()
    try:
        yield reader
    finally:
        is_done.set()
        reader.join()


def test_a_reader_never_sees_half(isolated_store, numbered):
    """While a document is replaced, each query sees one version, and none older than the text."""
    store = isolated_store
    store.put(numbered(0), kind="thing", registration={"n": 0})
    halves, versions = [], set()

    def look() -> None:
        before = store.get(A)
        numbers, n_rows = seen(store)
        after = store.get(A)
        if any(read.registration["n"] != read.document["n"] for read in (before, after)):
            halves.append((before, after))
        if len(numbers) != 1 or n_rows != N_TRIPLES:
            halves.append(numbers)
        elif not before.document["n"] <= int(*numbers) <= after.document["n"]:
            halves.append((before, numbers, after))
        versions.update(numbers)

    last = 0
    with looking(look) as reader:
        while last < 30 or (len(versions) < 3 and last < MOST_WRITES and reader.is_alive()):
            last += 1
            store.put(numbered(last), kind="thing", registration={"n": last})
    assert (halves, len(versions) >= 3) == ([], True)
    assert seen(store) == ({str(last)}, N_TRIPLES)
    assert store.get(A).document == {"n": last} == store.get(A).registration


def test_a_reader_sees_all_of_a_document_or_nothing(store, numbered):
    """While it comes and goes, no query finds some of its triples."""
    counts = Counter()
    with looking(lambda: counts.update([seen(store)[1]])) as reader:
        for number in range(MOST_WRITES):
            store.put(numbered(number), kind="thing")
            store.delete(A)
            is_enough = number >= 30 and {0, N_TRIPLES} <= counts.keys()
            if is_enough or not reader.is_alive():
                break
    assert counts.keys() == {0, N_TRIPLES}


def test_what_the_engine_had_not_written_is_written_at_the_next_start(
    tmp_path: Path, make_document, monkeypatch
):
    """A process that ends before the graph is written has kept it in its journal."""
    monkeypatch.setattr(GraphWriter, "take", lambda *_: None)
    killed = OxigraphStore(tmp_path / "graph")
    killed.put(make_document("urn:ex:b", f'<{A}> <urn:ex:p> "0" .'.encode()), kind="thing")
    killed.put(make_document(A, f'<{A}> <urn:ex:p> "1" .'.encode()), kind="thing")
    killed.put(make_document(A, f'<{A}> <urn:ex:p> "2" .'.encode()), kind="thing")
    killed.delete("urn:ex:b")
    killed._documents.close()
    killed._engine.close()
    store = OxigraphStore(tmp_path / "graph")
    assert [str(row["o"]) for row in store.select("SELECT ?o { ?s ?p ?o }")] == ["2"]
    store.close()


def test_a_graph_that_cannot_be_written_is_no_silent_gap(tmp_path: Path, numbered, monkeypatch):
    """Who asks the graph is told; the document is there, and its graph when it can be written."""
    store = OxigraphStore(tmp_path / "graph")
    with monkeypatch.context() as broken:
        broken.setattr(MergedGraphs, "write", failing)
        store.put(numbered(1), kind="thing")
        with pytest.raises(StoreUnavailableError, match="behind its documents: full"):
            store.select(WHOLE)
        store.put(numbered(2), kind="thing")
        assert store.get(A).document == {"n": 2}
    assert eventually(lambda: seen(store)) == ({"2"}, N_TRIPLES)
    store.close()


def test_what_follows_a_written_graph_may_fail_once(tmp_path: Path, numbered, monkeypatch):
    """The graph is there, so whoever asks it is answered; what failed comes with the next write."""
    monkeypatch.setattr("orchestrator_app.store.journalled_graph._FLUSH_AFTER_QUADS", 0)
    store = OxigraphStore(tmp_path / "graph")
    with monkeypatch.context() as broken:
        broken.setattr(store._documents, "forget_journal", failing)
        store.put(numbered(1), kind="thing")
        with pytest.raises(StoreUnavailableError, match="full"):
            store.select(WHOLE)
    assert eventually(lambda: seen(store)) == ({"1"}, N_TRIPLES)
    store.put(numbered(2), kind="thing")
    assert eventually(lambda: seen(store)) == ({"2"}, N_TRIPLES)
    assert not store._documents.journal(0, 1)
    store.close()


def test_a_store_closes_with_a_graph_that_cannot_be_written(tmp_path: Path, numbered, monkeypatch):
    """The graph is there at the next start."""
    store = OxigraphStore(tmp_path / "graph")
    with monkeypatch.context() as broken:
        broken.setattr(MergedGraphs, "write", failing)
        store.put(numbered(1), kind="thing")
        with pytest.raises(StoreUnavailableError):
            store.close()
    again = OxigraphStore(tmp_path / "graph")
    assert seen(again) == ({"1"}, N_TRIPLES)
    again.close()


def test_an_engine_that_found_the_disk_full_is_opened_anew(tmp_path: Path):
    """By itself it takes no write any more, though there is room again; what it had is there."""
    engine = Engine(tmp_path)
    quad = ox.Quad(ox.NamedNode("urn:x"), ox.NamedNode("urn:y"), ox.Literal("z" * 100_000))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(OSError, match="IO error"):
            engine.store.extend([quad])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with pytest.raises(OSError, match="IO error"):
        engine.store.extend([quad])
    engine.mend()
    engine.store.extend([quad])
    assert len(engine.store) == 1
    engine.close()


def test_a_write_after_one_that_failed_has_an_engine_opened_anew(
    tmp_path: Path, numbered, monkeypatch
):
    """Once there is room the graph follows its documents without a restart."""
    store = OxigraphStore(tmp_path / "graph")
    with monkeypatch.context() as broken:
        broken.setattr(MergedGraphs, "write", failing)
        store.put(numbered(1), kind="thing")
        with pytest.raises(StoreUnavailableError):
            store.select(WHOLE)
    assert eventually(lambda: seen(store)) == ({"1"}, N_TRIPLES)
    assert store._engine.n_renewals > 0
    store.close()


def test_a_merge_that_was_cut_short_is_mended(tmp_path: Path, numbered):
    """What a process left between a graph and the merge is complete after the next start."""
    killed = OxigraphStore(tmp_path / "graph")
    killed.put(numbered(1), kind="thing")
    assert seen(killed) == ({"1"}, N_TRIPLES)
    killed._engine.store.update('DELETE DATA { <urn:ex:a> <urn:ex:p0> "1" }')
    killed._engine.flush()
    killed._documents.close()
    killed._engine.close()
    store = OxigraphStore(tmp_path / "graph")
    assert len(store.select("SELECT ?o { ?s ?p ?o }")) == N_TRIPLES
    store.close()


@pytest.mark.parametrize("count", [10, 200])
def test_new_graphs_of_many_documents_are_written_together(store, make_document, count):
    """Whether by an update or as files: all graphs and the merge, shared ones as well."""
    for number in range(count):
        own = f'<urn:ex:{number}> <urn:ex:p> "}} # \\"{number}" . # }}\n'
        store.put(
            make_document(f"urn:ex:{number}", own.encode()),
            kind="thing",
            shared_graphs={"urn:ex:shared": b"<urn:ex:s> <urn:ex:p> <urn:ex:o> ."},
        )
    by_graph = store.select("SELECT ?g ?o { GRAPH ?g { ?s <urn:ex:p> ?o } }")
    assert len(by_graph) == count + 1
    assert {str(row["o"]) for row in by_graph if str(row["g"]) == "urn:ex:7"} == {'} # "7'}
    counted = store.select("SELECT (COUNT(*) AS ?n) { ?s <urn:ex:p> ?o }")
    assert int(counted[0]["n"]) == count + 1


def failing(*_args, **_options):
    """Fail as a full disk does."""
    raise OSError("full")


def eventually(ask):
    """Return what a question that is refused for a while is answered with."""
    for _ in range(100):
        try:
            return ask()
        except StoreUnavailableError:
            time.sleep(0.05)
    return ask()


def test_a_store_of_the_first_layout_is_taken_over(tmp_path: Path):
    """Documents that were kept in a graph are moved into their file, and found in order."""
    raw = ox.Store(str(tmp_path / "graph"))
    notes = "".join(
        f'<{name}> <urn:wasmiot:store#kind> "thing" ; <urn:wasmiot:store#json> "{{}}" ;'
        f' <urn:wasmiot:store#registration> "{{}}" . '
        for name in ("urn:ex:b", A)
    )
    raw.update(
        f'INSERT DATA {{ GRAPH <urn:wasmiot:store> {{ {MARKER} "1" . {notes} }}'
        f' GRAPH <{A}> {{ <{A}> <urn:ex:p> "1" }} <{A}> <urn:ex:p> "1" }}'
    )
    raw.flush()
    del raw
    store = OxigraphStore(tmp_path / "graph")
    assert [document.id for document in store.list("thing")] == [A, "urn:ex:b"]
    assert seen(store) == ({"1"}, 1)
    assert not store.ask("ASK { GRAPH <urn:wasmiot:store> { ?s ?p ?o } }")
    store.close()


def test_an_unchanged_document_writes_nothing(store, numbered):
    """The same document and registration put again is no change."""
    store.put(numbered(1), kind="thing", registration={"ttl": 1})
    before = store.version()
    store.put(numbered(1), kind="thing", registration={"ttl": 1})
    assert store.version() == before
    store.put(numbered(1), kind="thing", registration={"ttl": 2})
    assert store.version() > before


def test_registering_again_and_again_leaves_the_store_as_large(store, make_document):
    """The number of quads stays, also of documents with blank nodes; a log of writes is apart."""
    counts = set()
    for number in range(30):
        triples = f'<{A}> <urn:ex:p> _:b .\n_:b <urn:ex:q> "{number % 2}" .'.encode()
        store.put(make_document(A, triples), kind="thing", registration={"modified": number})
        log = f"<{layout.BOOKKEEPING}#entry>, <{layout.BOOKKEEPING}#before>"
        rows = store.select(
            f"SELECT (COUNT(*) AS ?n) {{ GRAPH ?g {{ ?s ?p ?o FILTER (?p NOT IN ({log})) }} }}"
        )
        counts.add(int(rows[0]["n"]))
    assert len(counts) == 1


def test_only_what_differs_is_written_embedded(tmp_path: Path, make_document, monkeypatch):
    """Of a thousand triples of which one is gone, one is removed and none is added."""
    store, written = OxigraphStore(tmp_path / "graph"), []
    triples = [f'<{A}> <urn:ex:p> "{i}" .\n' for i in range(1000)]
    store.put(make_document(A, "".join(triples).encode()), kind="thing")
    store.changed_since(0)  # waits until it is written
    replace = MergedGraphs._replace
    monkeypatch.setattr(
        MergedGraphs, "_replace", lambda *args: (written.append(args[1:3]), replace(*args))
    )
    store.put(make_document(A, "".join(triples[1:]).encode()), kind="thing")
    store.close()
    [(removed, added)] = written
    assert ([quad.object.value for quad in removed], added) == (["0"], set())


def test_the_store_of_a_newer_program_is_refused(tmp_path: Path):
    """An embedded store says which layout it has, and is not opened if that is not known."""
    OxigraphStore(tmp_path / "graph").close()
    raw = sqlite3.connect(tmp_path / "graph" / FILE_NAME)
    raw.execute("PRAGMA user_version = 3")
    raw.close()
    with pytest.raises(StoreLayoutError, match=r"layout 3.*up to 2"):
        OxigraphStore(tmp_path / "graph")


@pytest.mark.parametrize(("options", "mode"), [((), 1), (("--sync-writes",), 2)])
def test_who_asks_for_it_waits_for_the_disk(tmp_path: Path, options, mode):
    """SQLite then flushes its log at each commit (2, FULL), and else when it is merged (1)."""
    settings = settings_of(["--data-dir", str(tmp_path), *options])
    store = open_store(tmp_path / "graph", is_synced=settings.syncs_writes)
    assert store._documents._file.execute("PRAGMA synchronous").fetchone() == (mode,)
    store.close()


def test_a_directory_belongs_to_one_process(tmp_path: Path):
    """A second store over one directory is refused, and says why."""
    first = OxigraphStore(tmp_path / "graph")
    with pytest.raises(StoreUnavailableError, match="cannot be opened"):
        OxigraphStore(tmp_path / "graph")
    first.close()


def test_a_closed_store_and_an_absent_server_say_so(tmp_path: Path, make_document):
    """Neither hangs nor shows an error of the engine."""
    store = OxigraphStore(tmp_path / "graph")
    store.close()
    with pytest.raises(StoreUnavailableError, match="closed"):
        store.get(A)
    with pytest.raises(StoreUnavailableError, match="does not answer"):
        SparqlStore("http://127.0.0.1:1/query")
