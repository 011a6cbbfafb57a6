"""What an embedded store keeps in memory has a bound, however much is written and asked."""

import threading
from pathlib import Path

import pytest

from orchestrator_app.directory import seen_texts
from orchestrator_app.directory.seen_texts import SeenTexts
from orchestrator_app.store import (
    OxigraphStore,
    SparqlStore,
    StoreUnavailableError,
    changes,
    engine,
)
from orchestrator_app.store.changes import ChangeLog
from orchestrator_app.store.engine import Engine

A = "urn:ex:a"
COUNT = "SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } }"


@pytest.fixture
def few(monkeypatch):
    """An engine is opened anew after three flushes."""
    monkeypatch.setattr(engine, "MOST_FLUSHES", 3)


@pytest.fixture
def opened(tmp_path: Path, few):
    """An engine in a directory."""
    made = Engine(tmp_path / "graph")
    yield made
    made.close()


def test_the_engine_is_opened_anew_after_some_copies(tmp_path: Path, make_document, few):
    """Nothing that was written is lost by it, and what is written later is there as well."""
    store = OxigraphStore(tmp_path / "graph")
    for number in range(8):
        triples = f'<{A}{number}> <urn:ex:p> "{number}" .'.encode()
        store.put(make_document(f"{A}{number}", triples), kind="thing")
        store.checkpoint(tmp_path / str(number))
    assert store._engine.n_renewals == 2
    assert int(store.select(COUNT)[0]["n"]) == 8
    assert not [*(tmp_path / "graph").glob("LOG.old.*")]
    store.close()


def test_the_copy_of_a_server_is_opened_anew_too(tmp_path, make_document, oxigraph_server, few):
    """What was copied before is in each later copy."""
    oxigraph_server.clear()
    (tmp_path / "copies").mkdir()
    store = SparqlStore(oxigraph_server.query_url, oxigraph_server.update_url)
    for number in range(4):
        triples = f'<{A}{number}> <urn:ex:p> "{number}" .'.encode()
        store.put(make_document(f"{A}{number}", triples), kind="thing")
        store.checkpoint(tmp_path / "copies" / str(number))
    store.close()
    copy = OxigraphStore(tmp_path / "copies" / "3")
    assert [int(row["n"]) for row in copy.select(COUNT)] == [4]
    copy.close()


def test_many_quads_count_as_several_flushes(opened):
    """A large flush leaves more in memory than a small one."""
    opened.note_flush(10 * engine.QUADS_PER_FLUSH)
    assert opened.n_renewals == 1


def test_the_engine_is_opened_anew_when_the_heaps_have_grown(tmp_path: Path, monkeypatch):
    """Each time, from what was held when it was opened last."""
    held = [10]
    monkeypatch.setattr(engine, "used_bytes", lambda: held[0])
    made = Engine(tmp_path / "graph")
    for megabytes, n_renewals in [(49, 0), (50, 1), (89, 1), (90, 2)]:
        held[0] = 10 + (megabytes - 10) * engine.MOST_BYTES // 40
        for _ in range(engine.FLUSHES_PER_LOOK):
            made.note_flush()
        assert made.n_renewals == n_renewals
    made.close()


def test_an_engine_that_has_grown_at_once_is_kept_for_some_flushes(tmp_path: Path, monkeypatch):
    """What many Things are read for is read again: it would be so large in a moment."""
    held = [0]
    monkeypatch.setattr(engine, "used_bytes", lambda: held[0])
    made = Engine(tmp_path / "graph")
    held[0] = 9 * engine.MOST_BYTES
    for _ in range(engine.FLUSHES_PER_LOOK - 1):
        made.note_flush()
    assert made.n_renewals == 0
    made.note_flush()
    assert made.n_renewals == 1
    made.close()


def test_who_reads_is_waited_for(opened, monkeypatch):
    """The engine is not taken away from under a query; who comes meanwhile gets the new one."""
    monkeypatch.setattr(engine, "PATIENCE_SECONDS", 30.0)
    is_read, has_begun = threading.Event(), threading.Event()

    def read() -> None:
        with opened.in_use():
            has_begun.set()
            is_read.wait(10)
            opened.store.query("ASK {}")

    reader = threading.Thread(target=read)
    renewer = threading.Thread(target=opened.note_flush, args=(10_000,))
    reader.start()
    has_begun.wait(10)
    renewer.start()
    assert opened.n_renewals == 0
    is_read.set()
    reader.join()
    renewer.join()
    assert opened.n_renewals == 1
    with opened.in_use():
        assert opened.store.query("ASK {}")


def test_who_reads_for_long_is_let_read(opened, monkeypatch):
    """The engine stays as it is; whether it can be opened anew is asked again flushes later."""
    monkeypatch.setattr(engine, "PATIENCE_SECONDS", 0.01)
    with opened.in_use():
        opened.note_flush(10_000)
        assert (opened.n_renewals, bool(opened.store.query("ASK {}"))) == (0, True)
    opened.note_flush()
    assert opened.n_renewals == 0
    opened.note_flush(10_000)
    assert opened.n_renewals == 1


def test_an_engine_that_cannot_be_opened_anew_is_tried_again(opened, monkeypatch):
    """Who asks meanwhile is told, and who asks when it can be opened is answered."""

    def refused(_directory):
        raise StoreUnavailableError("no file can be opened")

    with monkeypatch.context() as broken:
        broken.setattr(engine, "_opened", refused)
        opened.note_flush(10_000)
        with pytest.raises(StoreUnavailableError, match="no file"), opened.in_use():
            pass
    with opened.in_use():
        assert opened.store.query("ASK {}")


def test_a_closed_engine_stays_closed(opened):
    """It is neither used nor opened anew."""
    opened.close()
    opened.note_flush(10_000)
    with pytest.raises(StoreUnavailableError), opened.in_use():
        pass


def test_an_engine_in_memory_is_kept(few):
    """What it holds is nowhere else."""
    made = Engine(None)
    made.note_flush(10_000)
    assert made.n_renewals == 0


def test_what_changes_for_ever_is_remembered_once():
    """The latest change of a subject takes the place of those before."""
    log = ChangeLog()
    for number in range(1, 100):
        log.note(number, [A, f"{A}#/properties/p{number}"])
    assert (len(log), log.since(98), log.since(99)) == (1, {A}, set())


def test_changes_are_forgotten_beyond_a_number(monkeypatch):
    """Who asks for what is forgotten reads everything; who asks for less is told."""
    monkeypatch.setattr(changes, "MOST_SUBJECTS", 2)
    log = ChangeLog()
    for number in (1, 2, 3):
        log.note(number, [f"{A}{number}"])
    assert len(log) == 2
    assert log.since(0) is None
    assert log.since(1) == {f"{A}2", f"{A}3"}


def test_a_change_is_told_of_the_version_that_it_made(tmp_path: Path, make_document):
    """Also when its graph could be written before the store has counted it."""
    store = OxigraphStore(tmp_path / "graph")
    store.put(make_document(A, f'<{A}> <urn:ex:p> "1" .'.encode()), kind="thing")
    before, write = store.version(), store._documents.write

    def write_and_settle(*arguments):
        number = write(*arguments)
        store._graph.settle()
        return number

    store._documents.write = write_and_settle
    store.put(make_document("urn:ex:b", b'<urn:ex:b> <urn:ex:p> "1" .'), kind="thing")
    assert store.changed_since(before) == {"urn:ex:b"}
    store.close()


def test_one_text_of_a_thing_is_remembered():
    """A Thing that sends another text each time takes no more room than one that does not."""
    seen = SeenTexts()
    for number in range(5):
        seen.note(b"%d" % number, A, {"id": A, "title": str(number)}, None)
    assert len(seen) == 1
    assert seen.find(b"3", A) is None
    assert seen.find(b"4", A).is_still({"id": A, "title": "4"})


def test_texts_are_forgotten_beyond_a_number(monkeypatch):
    """However many Things have come and gone."""
    monkeypatch.setattr(seen_texts, "MOST_TEXTS", 3)
    seen = SeenTexts()
    for number in range(4):
        seen.note(b"x", f"{A}{number}", {"id": f"{A}{number}"}, None)
    assert len(seen) == 1
