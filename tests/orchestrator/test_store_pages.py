"""A page of a list and what it is a part of are of one moment, on both kinds of store."""

import threading
from collections.abc import Callable

from orchestrator_app.store import (
    StoreUnavailableError,
)
from orchestrator_app.store.interface import Put


def test_pages_of_one_state_are_of_one_moment(isolated_store, make_document):
    """While another writes, pages that name the same state show parts of the same whole."""
    store, is_over = isolated_store, threading.Event()
    faults = list[object]()

    def come_and_go() -> None:
        try:
            while not is_over.is_set():
                for number in range(4):
                    store.put(make_document(f"urn:ex:{number}", b""), kind="thing")
                for number in range(4):
                    store.delete(f"urn:ex:{number}")
        except StoreUnavailableError as error:
            faults.append(error)

    writer = threading.Thread(target=come_and_go)
    writer.start()
    try:
        pages = [store.page("thing") for _ in range(60)]
    except StoreUnavailableError as error:
        faults.append(error)
    finally:
        is_over.set()
        writer.join()
    assert faults == []
    assert [page.total for page in pages] == [len(page.documents) for page in pages]
    wholes = {(page.state, tuple(each.id for each in page.documents)) for page in pages}
    assert len(wholes) == len({page.state for page in pages})


def test_the_state_of_things_changes_with_what_they_say(store, make_document):
    """Not with what is noted about them, nor with documents of another kind."""
    lamp = make_document("urn:ex:lamp", b"<urn:ex:lamp> <urn:ex:p> <urn:ex:o> .", {"a": 1})
    states = [store.page("thing").state]

    def note(change: Callable[[], object]) -> None:
        change()
        states.append(store.page("thing").state)

    note(lambda: store.put(lamp, kind="thing"))
    note(lambda: store.put(make_document("urn:ex:lamp", b"", {"a": 1}), kind="thing"))
    note(lambda: store.put_many([Put(make_document(f"urn:ex:{n}", b""), "thing") for n in "ab"]))
    note(lambda: store.delete("urn:ex:lamp"))
    assert len(set(states)) == 5
    store.put(make_document("urn:ex:a", b""), kind="thing", registration={"x": 1})
    store.renew("urn:ex:a", {"x": 2})
    store.put_many([Put(make_document(f"urn:ex:{n}", b""), "module") for n in "cd"])
    store.put(make_document("urn:ex:e", b""), kind="module")
    store.delete("urn:ex:e")
    assert store.page("thing").state == states[-1]
