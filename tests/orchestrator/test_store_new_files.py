"""The files of an embedded store hold what is there, and not all that ever was."""

import errno
import os
import threading
from pathlib import Path

import pytest

from orchestrator_app.store import OxigraphStore, new_files
from orchestrator_app.store.engine import Engine

LONG = "x" * 400
COUNT = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"
N = 300


@pytest.fixture
def store(tmp_path: Path):
    """A store on disk."""
    made = OxigraphStore(tmp_path / "graph")
    yield made
    made.close()


def put(store, make_document, number: int, text: str = LONG) -> str:
    """Store a document with strings of its own."""
    id_ = f"urn:ex:{number}"
    lines = [f'<{id_}> <urn:ex:p{i}> "{number} {i} {text}" .' for i in range(4)]
    store.put(make_document(id_, "\n".join(lines).encode()), kind="thing")
    return id_


def come_and_go(store, make_document, first: int) -> None:
    """Store documents, and delete them again."""
    ids = [put(store, make_document, number) for number in range(first, first + N)]
    store.ask("ASK {}")  # the engine has them
    for id_ in ids:
        store.delete(id_)
    store.ask("ASK {}")


def count(store) -> int:
    """Return how many triples there are."""
    return int(store.select(COUNT)[0]["n"])


def merged_size(store, directory: Path) -> int:
    """Return how large the tables are, with nothing in them that was removed."""
    store._graph.flush()
    with store._engine.in_use():
        store._engine.store.optimize()
    return new_files.size_of(directory)


def test_what_is_gone_takes_no_room_once_the_files_are_new(store, tmp_path, make_document):
    """Without new ones the strings of deleted documents stay, however often tables are merged."""
    put(store, make_document, 0)
    sizes = []
    for turn in range(3):
        come_and_go(store, make_document, 1 + turn * N)
        sizes.append(merged_size(store, tmp_path / "graph"))
    assert sizes[0] < sizes[1] < sizes[2]
    store._graph.write_anew()
    assert new_files.size_of(tmp_path / "graph") < sizes[0] / 4
    assert (count(store), store.count("thing")) == (4, 1)
    assert not [p for p in (tmp_path / "graph").iterdir() if p.is_dir()]


def test_files_are_written_anew_by_themselves(store, tmp_path, make_document, monkeypatch):
    """Once enough has come and gone, and they have grown by it."""
    monkeypatch.setattr(new_files, "MOST_CHANGED_QUADS", 1000)
    monkeypatch.setattr(new_files, "SPARE_BYTES", 0)
    monkeypatch.setattr("orchestrator_app.store.journalled_graph._FLUSH_AFTER_QUADS", 500)
    come_and_go(store, make_document, 0)
    for thread in threading.enumerate():
        if thread.name == "graph-anew":
            thread.join()
    assert (tmp_path / "graph" / "size-when-new").is_file()


def test_what_is_written_meanwhile_is_in_the_new_files(store, make_document, monkeypatch):
    """Things that came, went and changed after the copy are as they are."""
    for number in range(4):
        put(store, make_document, number)
    real = new_files.write_anew

    def beside(*arguments):
        put(store, make_document, 4)
        put(store, make_document, 0, "changed")
        store.delete("urn:ex:1")
        store.ask("ASK {}")
        return real(*arguments)

    monkeypatch.setattr("orchestrator_app.store.journalled_graph.write_anew", beside)
    store._graph.write_anew()
    put(store, make_document, 5)
    assert store.ask('ASK { GRAPH <urn:ex:0> { <urn:ex:0> <urn:ex:p0> "0 0 changed" } }')
    assert not store.ask("ASK { { <urn:ex:1> ?p ?o } UNION { GRAPH <urn:ex:1> { ?s ?p ?o } } }")
    assert count(store) == 5 * 4
    assert store._engine.n_renewals == 1


def test_the_store_is_as_it_was_when_opened_again(tmp_path, make_document):
    """From the new files and the journal."""
    store = OxigraphStore(tmp_path / "graph")
    put(store, make_document, 0)
    store._graph.write_anew()
    put(store, make_document, 1)
    store.close()
    again = OxigraphStore(tmp_path / "graph")
    assert (count(again), again.count("thing")) == (8, 2)
    again.close()


@pytest.mark.parametrize("cut", ["before", "old ones removed", "half there"])
def test_an_exchange_that_was_cut_short_is_finished_at_the_start(tmp_path, make_document, cut):
    """The new files are whole in their folder until they are all in the place of the old ones."""
    directory = tmp_path / "graph"
    store = OxigraphStore(directory)
    come_and_go(store, make_document, 0)
    put(store, make_document, N)
    copy, new = tmp_path / "copy", directory / "new"
    store.checkpoint(copy)
    store.close()
    assert new_files.write_anew(copy, new, threading.Event())
    new_files.declare_ready(directory, new, 0)
    files = [p for p in directory.iterdir() if p.is_file() and "documents" not in p.name]
    for path in files if cut != "before" else ():
        path.unlink()
    for path in [*(directory / new_files.READY).iterdir()][::2] if cut == "half there" else ():
        (directory / path.name).hardlink_to(path)
    again = OxigraphStore(directory)
    assert (count(again), again.count("thing")) == (4, 1)
    again.close()
    assert not [p for p in directory.iterdir() if p.is_dir()]


def test_a_store_that_is_closed_does_not_wait_for_new_files(tmp_path, make_document, monkeypatch):
    """What was begun is given up, and all is as it was."""
    store, has_begun = OxigraphStore(tmp_path / "graph"), threading.Event()
    put(store, make_document, 0)

    def given_up(_copy, _new, is_over):
        has_begun.set()
        return not is_over.wait(30)

    monkeypatch.setattr("orchestrator_app.store.journalled_graph.write_anew", given_up)
    thread = threading.Thread(target=store._graph.write_anew)
    thread.start()
    has_begun.wait(10)
    store.close()
    thread.join()
    again = OxigraphStore(tmp_path / "graph")
    assert count(again) == 4
    again.close()


def test_where_much_is_written_files_are_written_anew_another_time(
    store, make_document, monkeypatch
):
    """Nobody waits until all of it is written a second time."""
    monkeypatch.setattr("orchestrator_app.store.journalled_graph._MOST_BEHIND", 0)
    brought_up = store._graph._brought_up

    def beside(made, number, last):
        put(store, make_document, number)
        store.ask("ASK {}")
        return brought_up(made, number, last)

    monkeypatch.setattr(store._graph, "_brought_up", beside)
    store._graph.write_anew()
    assert store._engine.n_renewals == 0


def test_a_copy_does_not_wait_for_new_files(store, tmp_path, make_document, monkeypatch):
    """Who takes a backup comes first."""
    has_begun, kept = threading.Event(), []

    def given_up(_copy, _new, gives_way):
        has_begun.set()
        return not gives_way.wait(30)

    monkeypatch.setattr("orchestrator_app.store.journalled_graph.write_anew", given_up)
    thread = threading.Thread(target=store._graph.write_anew)
    thread.start()
    has_begun.wait(10)
    store.copy(tmp_path / "copy", lambda: kept.append(store._engine.n_renewals))
    thread.join()
    assert kept == [0]


def test_each_time_files_are_written_in_a_folder_of_their_own(tmp_path):
    """The process of an orchestrator that was killed may go on with the one before."""
    with new_files.NewFiles(tmp_path).folder() as before:
        with new_files.NewFiles(tmp_path).folder() as now:
            assert (before != now, before.exists(), now.is_dir()) == (True, False, True)
        assert not (tmp_path / new_files.WORK).exists()


def test_an_engine_in_use_keeps_its_files(tmp_path, monkeypatch):
    """Who reads is not disturbed; it is tried another time."""
    monkeypatch.setattr("orchestrator_app.store.engine.PATIENCE_SECONDS", 0.01)
    made, told = Engine(tmp_path / "graph"), []
    with made.in_use():
        assert not made.exchange(lambda: told.append("files"))
    assert made.exchange(lambda: told.append("files"))
    assert told == ["files"]
    made.close()


@pytest.fixture
def grown(tmp_path) -> Path:
    """A directory whose tables have grown."""
    with (tmp_path / "1.sst").open("wb") as file:
        file.truncate(new_files.SPARE_BYTES + 1)
    return tmp_path


def test_files_that_have_not_grown_stay(tmp_path):
    """However much came and went: what is read and written again and again takes no room."""
    assert not new_files.NewFiles(tmp_path).are_due(10 * new_files.MOST_CHANGED_QUADS)


def test_files_that_have_grown_are_looked_at_now_and_then(tmp_path, request):
    """What is new alone, as at the first load of a fleet, is no reason to write it again."""
    files = new_files.NewFiles(tmp_path)
    request.getfixturevalue("grown")
    assert not files.are_due(new_files.MOST_CHANGED_QUADS - 1)
    assert files.are_due(1)
    assert not files.are_due(1)


def test_files_that_had_grown_are_looked_at_after_the_start(grown):
    """Who is started anew each night would never come to it."""
    assert new_files.NewFiles(grown).are_due(0)
    (grown / "size-when-new").write_text("1")
    assert not new_files.NewFiles(grown).are_due(0)


def test_where_there_are_no_links_copies_are_on_the_disk_before_their_source_goes(
    tmp_path, monkeypatch
):
    """A power cut would else leave the graph neither its old files nor whole new ones."""
    ready, told = tmp_path / new_files.READY, []
    ready.mkdir()
    for name in ("CURRENT", "1.sst"):
        (ready / name).write_text(name)
    rename = os.rename

    def refuse(*_names, **_options):
        raise OSError(errno.EPERM, "no links here")

    def renamed(*names):
        told.append("gone")
        rename(*names)

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "rename", renamed)
    monkeypatch.setattr(os, "fsync", lambda file: told.append(os.fstat(file).st_ino))
    new_files.adopt(tmp_path)
    copies = {(tmp_path / name).stat().st_ino for name in ("CURRENT", "1.sst")}
    assert (set(told[:2]), told[2:]) == (copies, [tmp_path.stat().st_ino, "gone"])
    assert (tmp_path / "1.sst").read_text() == "1.sst"
