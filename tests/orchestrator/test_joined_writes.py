"""Writes that wait for each other are done as one, and each gets its own answer."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestrator_app.directory.joined_writes import MOST, JoinedWrites

N_WRITERS = 8


def all_waiting(joined, turn, writes):
    """Have writes wait for the turn, give it to them, and return what each got."""
    turn.acquire()
    with ThreadPoolExecutor(len(writes)) as pool:
        futures = [pool.submit(joined.done, *write) for write in writes]
        while len(joined._waiting) < len(writes):
            threading.Event().wait(0.001)
        turn.release()
        return [future.exception() or future.result() for future in futures]


def test_what_waits_is_done_in_one_go():
    """Each gets what came of its own."""
    calls, turn = [], threading.Lock()

    def work(items):
        calls.append(list(items))
        return [item * 10 for item in items]

    joined = JoinedWrites(work, turn)
    writes = [(number, number) for number in range(N_WRITERS)]
    assert all_waiting(joined, turn, writes) == [number * 10 for number in range(N_WRITERS)]
    assert [sorted(items) for items in calls] == [list(range(N_WRITERS))]


def test_two_of_one_key_are_never_done_together():
    """The second one comes after the first."""
    calls, turn = [], threading.Lock()

    def work(items):
        calls.append(list(items))
        return [len(calls)] * len(items)

    joined = JoinedWrites(work, turn)
    assert sorted(all_waiting(joined, turn, [("a", 1), ("a", 2), ("a", 3)])) == [1, 2, 3]
    assert [len(items) for items in calls] == [1, 1, 1]


def test_so_many_are_done_at_once_and_the_others_then():
    """Nobody is forgotten."""
    calls, turn = [], threading.Lock()

    def work(items):
        calls.append(len(items))
        return list(items)

    joined = JoinedWrites(work, turn)
    n_writers = MOST + 5
    writes = [(number, number) for number in range(n_writers)]
    assert all_waiting(joined, turn, writes) == list(range(n_writers))
    assert calls == [MOST, 5]


def test_an_outcome_that_is_an_error_is_raised_for_its_own():
    """The others are done."""
    turn = threading.Lock()
    joined = JoinedWrites(
        lambda items: [ValueError(i) if i == 2 else i for i in items],
        turn,
    )
    found = all_waiting(joined, turn, [(number, number) for number in range(4)])
    assert [each for each in found if isinstance(each, int)] == [0, 1, 3]
    assert isinstance(found[2], ValueError)


def test_work_that_fails_is_raised_for_all():
    """And the next write is tried anew."""
    turn, is_broken = threading.Lock(), [True]

    def work(items):
        if is_broken[0]:
            raise OSError("gone")
        return list(items)

    joined = JoinedWrites(work, turn)
    assert [type(each) for each in all_waiting(joined, turn, [("a", 1), ("b", 2)])] == [OSError] * 2
    is_broken[0] = False
    assert joined.done("c", 3) == 3


def test_nobody_waits_for_ever_for_work_that_was_broken_off():
    """Whoever did it is ended, and the others are told."""
    turn = threading.Lock()

    def work(_items):
        raise SystemExit

    joined = JoinedWrites(work, turn)
    found = all_waiting(joined, turn, [("a", 1), ("b", 2), ("c", 3)])
    assert sorted(type(each).__name__ for each in found) == [
        "RuntimeError",
        "RuntimeError",
        "SystemExit",
    ]


@pytest.mark.parametrize("n_rounds", [3])
def test_each_client_gets_its_own_answer(app, thing, n_rounds):
    """Whoever does the write: what is asked of a Thing is what its own client knows of it."""
    directory = app.extensions["wasmiot"].directory
    client = app.test_client()
    sent = {"Content-Type": "application/td+json"}
    for number in range(n_rounds):
        there, other = f"urn:ex:there{number}", f"urn:ex:other{number}"
        for name in (there, other):
            made = client.put(f"/things/{name}", json=thing(id=name), headers=sent)
            assert made.status_code == 201
        tag = client.get(f"/things/{there}").headers["ETag"]
        requests = [
            (f"urn:ex:new{number}", {"If-None-Match": "*"}, {}, 201),
            (there, {"If-Match": tag}, {"title": "changed"}, 204),
            (other, {"If-Match": '"another"'}, {"title": "changed"}, 412),
            (f"urn:ex:none{number}", {"If-Match": "*"}, {}, 412),
        ]

        def put(name, headers, members):
            document = thing(id=name, **members)
            return app.test_client().put(
                f"/things/{name}", json=document, headers={**sent, **headers}
            )

        with ThreadPoolExecutor(len(requests)) as pool:
            with directory._lock:
                answers = [pool.submit(put, *request[:3]) for request in requests]
                while len(directory._joined._waiting) < len(requests):
                    threading.Event().wait(0.001)
            assert [answer.result().status_code for answer in answers] == [r[3] for r in requests]
        assert client.get(f"/things/{there}").json["title"] == "changed"
        assert client.get(f"/things/{other}").json["title"] != "changed"
        assert client.get(f"/things/urn:ex:none{number}").status_code == 404


def test_a_description_that_cannot_be_stored_fails_alone(app, thing, monkeypatch, caplog):
    """Those whose clients happened to wait beside it are stored, and get their own answers."""
    directory, store = (getattr(app.extensions["wasmiot"], name) for name in ("directory", "store"))
    put_many, ids = store.put_many, [f"urn:ex:{name}" for name in ("a", "odd", "b")]

    def put_or_fail(puts):
        if any(put.document.id == "urn:ex:odd" for put in puts):
            raise RuntimeError("unforeseen")
        return put_many(puts)

    def put(id):
        return app.test_client().put(f"/things/{id}", json=thing(id=id)).status_code

    monkeypatch.setattr(store, "put_many", put_or_fail)
    with ThreadPoolExecutor(3) as pool:
        with directory._lock:
            answers = [pool.submit(put, id) for id in ids]
            while len(directory._joined._waiting) < 3:
                threading.Event().wait(0.001)
        assert [answer.result() for answer in answers] == [201, 500, 201]
    assert "things_stored_one_by_one n=3" in caplog.text
