"""What is written on a graph server is followed: by names while its log tells, or else compared."""

import random
import threading
from contextlib import closing

import pyoxigraph as ox
import pytest

from orchestrator_app.store import SparqlStore, server_layout
from orchestrator_app.store.interface import Put
from wasmiot_td.turns import Turns, resting

STORE = "urn:wasmiot:store"
PROFILE = "urn:ex:profile"
SHARED = {PROFILE: f'<{PROFILE}> <urn:ex:p> "camera" .'.encode()}


@pytest.fixture(params=["oxigraph", "virtuoso"])
def server(request):
    """Each graph server, with nothing in it."""
    server = request.getfixturevalue(f"{request.param}_server")
    server.clear()
    return server


@pytest.fixture
def stores(server):
    """Two orchestrators' stores on one server, on which something was written already."""
    with closing(opened(server)) as one, closing(opened(server)) as two:
        yield one, two


@pytest.fixture
def long_records(monkeypatch):
    """Have the log go back as far as any test writes."""
    monkeypatch.setattr(server_layout, "WRITES_OF_A_RECORD", 10**9)


def opened(server):
    """Open a store."""
    return SparqlStore(server.query_url, server.update_url)


@pytest.fixture
def lamp(make_document):
    """Return a document that says a number of a node, of itself if none is named."""

    def make(name, number=0, about=""):
        text = f'<{about or name}> <urn:ex:p> "{number}" .\n<{name}#/parts/a> <urn:ex:q> "x" .'
        return make_document(name, text.encode(), {"n": number})

    return make


def test_what_others_change_is_told_by_its_name(stores, lamp, long_records):
    """By the nodes that a graph is about, whoever wrote it; also of what is removed or shared."""
    one, two = stores
    one.put(lamp("urn:ex:a"), kind="thing")
    seen = two.version()
    assert two.changed_since(seen) == frozenset()
    told = []
    for write in (
        lambda: one.put(lamp("urn:ex:b"), kind="thing"),
        lambda: one.put(lamp("urn:ex:seen", 1, about="urn:ex:a"), kind="observation"),
        lambda: one.renew("urn:ex:a", {"x": 1}),
        lambda: two.put(lamp("urn:ex:a", 2), kind="thing", shared_graphs=SHARED),
        lambda: one.put(lamp("urn:ex:b", 3), kind="thing", registration={"x": 2}),
        lambda: one.put_many([Put(lamp(f"urn:ex:{n}"), "thing") for n in "cd"]),
        lambda: one.delete("urn:ex:seen"),
        lambda: one.delete("urn:ex:never"),
    ):
        before = two.version()
        write()
        told.append(two.changed_since(before))
    a, b, seen_part = "urn:ex:a", "urn:ex:b", "urn:ex:seen"
    assert told == [
        {b},
        {a, seen_part},  # the part of the document that says it
        set(),
        {a, PROFILE},
        {b},
        {"urn:ex:c", "urn:ex:d"},
        {a, seen_part},
        set(),
    ]
    assert two.changed_since(seen) == frozenset().union(*told)


def test_the_first_change_after_opening_is_told(server, lamp, long_records):
    """Who has read everything at the start need not do so again at the first change."""
    with closing(opened(server)) as one:
        one.put(lamp("urn:ex:a"), kind="thing")
        with closing(opened(server)) as two:
            seen = two.version()
            one.put(lamp("urn:ex:b"), kind="thing")
            assert two.changed_since(seen) == {"urn:ex:b"}


def test_a_write_that_nobody_noted_makes_that_unknown(server, stores, lamp, long_records):
    """As by a program that keeps no log: then everything may have changed, until the next look."""
    one, two = stores
    one.put(lamp("urn:ex:a"), kind="thing")
    seen = two.version()
    assert two.changed_since(seen) == frozenset()
    server.update(
        f"DELETE {{ GRAPH <{STORE}> {{ ?m <{STORE}#version> ?n ; <{STORE}#stamp> ?s }} }}"
        f' INSERT {{ GRAPH <{STORE}> {{ ?m <{STORE}#version> ?next ; <{STORE}#stamp> "other" }} }}'
        f" WHERE {{ GRAPH <{STORE}> {{ ?m <{STORE}#version> ?n ; <{STORE}#stamp> ?s }}"
        " BIND (?n + 1 AS ?next) }"
    )
    assert two.changed_since(seen) is None
    one.put(lamp("urn:ex:a", 1), kind="thing")
    assert two.changed_since(seen) is None
    seen = two.version()
    one.put(lamp("urn:ex:a", 2), kind="thing")
    assert two.changed_since(seen) == {"urn:ex:a"}


def test_who_looks_after_long_is_told_that_it_is_unknown(stores, lamp):
    """The log goes back over two records; what was written before the one before is not there."""
    one, two = stores
    one.put(lamp("urn:ex:a"), kind="thing")
    seen = two.version()
    assert two.changed_since(seen) is not None
    for number in range(60):
        one.put(lamp("urn:ex:a", number), kind="thing")
    assert two.changed_since(seen) is None


@pytest.mark.parametrize("seed", range(3))
def test_pages_and_copies_follow_whatever_is_written(stores, lamp, tmp_path, seed):
    """Two stores write at random; every page and every copy of either is what was written."""
    dice, kept = random.Random(seed), {}
    for number in range(60):
        store, name = dice.choice(stores), f"urn:ex:{dice.randrange(12)}"
        kind = "thing" if name < "urn:ex:5" else "module"
        if dice.random() < 0.3:
            assert store.delete(name) is (kept.pop(name, None) is not None)
        else:
            store.put(lamp(name, number), kind=kind)
            kept[name] = (kind, number)
        if dice.random() < 0.4:
            check_pages(dice.choice(stores), kept, dice)
    for place, store in enumerate(stores):
        check_copy(store, kept, tmp_path / str(place) / "copy")


def check_pages(store, kept, dice):
    """Compare pages with what was written."""
    for kind in ("thing", "module"):
        wanted = sorted((name, n) for name, (its_kind, n) in kept.items() if its_kind == kind)
        limit, offset = dice.randrange(1, 6), dice.randrange(8)
        page = store.page(kind, limit=limit, offset=offset)
        found = [(each.id, each.document["n"]) for each in page.documents]
        assert found == wanted[offset : offset + limit]
        assert page.total == len(wanted)
        assert store.list(kind, limit=limit, offset=offset) == page.documents


def check_copy(store, kept, directory):
    """Compare a copy of the graphs with what was written."""
    directory.parent.mkdir()
    store.checkpoint(directory)
    copy = ox.Store.read_only(str(directory))
    said = copy.query("SELECT ?s ?o { ?s <urn:ex:p> ?o }")
    assert {row["s"].value: int(row["o"].value) for row in said} == {
        name: number for name, (_, number) in kept.items()
    }


def test_a_page_is_asked_for_by_names(stores, lamp, long_records, monkeypatch):
    """All ids are read once; after a change of another only the page is asked for, and the log."""
    one, two = stores
    one.put_many([Put(lamp(f"urn:ex:{n:02}"), "thing") for n in range(30)])
    two.page("thing", limit=3)
    one.put(lamp("urn:ex:005"), kind="thing")
    asked, bindings = [], two._endpoint.bindings

    def listening(query):
        rows = bindings(query)
        asked.append((query, len(rows)))
        return rows

    monkeypatch.setattr(two._endpoint, "bindings", listening)
    page = two.page("thing", limit=3, offset=5)
    assert ([each.id[7:] for each in page.documents], page.total) == (["04", "05", "06"], 31)
    assert max(n_rows for _, n_rows in asked) < 10
    assert not any("ORDER BY" in query for query, _ in asked)


def test_pages_are_of_one_state_though_others_write_all_the_time(stores, lamp, monkeypatch):
    """Where each look finds another state, the server is asked for all at once."""
    one, two = stores
    one.put_many([Put(lamp(f"urn:ex:{n}"), "thing") for n in range(9)])
    numbers, follow = iter(range(100)), two._changes.follow

    def overtaken():
        now = follow()
        one.put(lamp("urn:ex:0", next(numbers)), kind="thing")
        return now

    monkeypatch.setattr(two._changes, "follow", overtaken)
    page = two.page("thing", limit=2)
    assert [each.document["n"] for each in page.documents] == [next(numbers) - 1, 0]
    assert (page.total, page.state) == (9, one.page("thing").state)


def test_who_waits_for_the_server_holds_nobody_up(stores, lamp, monkeypatch):
    """With one turn for all requests, two pages are told at once though each waits for it."""
    store, _ = stores
    store.put(lamp("urn:ex:a"), kind="thing")
    read, both, told = store._marks.read, threading.Barrier(2), []

    def waiting():
        with resting():
            both.wait(10)
        return read()

    def answer(_environ, _start_response):
        told.append(store.page("thing", limit=5).total)
        return []

    monkeypatch.setattr(store._marks, "read", waiting)
    app = Turns(answer, 1)
    clients = [threading.Thread(target=app, args=({}, None), daemon=True) for _ in "ab"]
    for client in clients:
        client.start()
    for client in clients:
        client.join(20)
    assert told == [1, 1]


def test_a_change_of_very_many_nodes_names_none(stores, make_document, long_records):
    """Who follows would read them again with each write, so it is told that all may be new."""
    one, two = stores
    many = b"".join(b"<urn:ex:n%d> <urn:ex:p> <urn:ex:o> .\n" % n for n in range(1001))
    one.put(make_document("urn:ex:a", b""), kind="thing")
    two.changed_since(two.version())
    seen = two.version()
    one.put(make_document("urn:ex:many", many), kind="ontology")
    assert two.changed_since(seen) is None
    assert [each.id for each in two.list("ontology", limit=5)] == ["urn:ex:many"]
    seen = two.version()
    one.put(
        make_document("urn:ex:many", many[:-1] + b"\n<urn:ex:x> <urn:ex:p> <urn:ex:o> ."),
        kind="ontology",
    )
    assert two.changed_since(seen) == {"urn:ex:x"}


def test_only_one_profile_is_read_again(stores, lamp, long_records, tmp_path):
    """A graph that documents share is told of with the first of them, and not with each."""
    one, two = stores
    one.put(lamp("urn:ex:a"), kind="thing")
    two.changed_since(two.version())
    told = []
    for name in ("urn:ex:a", "urn:ex:b"):
        seen = two.version()
        one.put(lamp(name, 1), kind="thing", shared_graphs=SHARED)
        told.append(two.changed_since(seen))
    assert told == [{"urn:ex:a", PROFILE}, {"urn:ex:b"}]
    (tmp_path / "copies").mkdir()
    two.checkpoint(tmp_path / "copies" / "first")
    other = {"urn:ex:other": b'<urn:ex:other> <urn:ex:p> "gps" .'}
    one.put(lamp("urn:ex:c"), kind="thing", shared_graphs=other)
    two.checkpoint(tmp_path / "copies" / "second")
    copy = ox.Store.read_only(str(tmp_path / "copies" / "second"))
    shared = [ox.NamedNode(name) for name in (PROFILE, "urn:ex:other")]
    assert all(any(copy.quads_for_pattern(None, None, None, graph)) for graph in shared)
