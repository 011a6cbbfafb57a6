"""Few requests are worked on at once, and those that wait lend their turn."""

import threading

import pytest

from wasmiot_td.turns import Turns, resting


@pytest.fixture
def answered():
    """Return the answered paths, an application of one turn, and two events to wait with."""
    paths, may_end, has_begun = [], threading.Event(), threading.Event()

    def app(environ, _start_response):
        if environ["PATH_INFO"] == "/resting":
            with resting():
                has_begun.set()
                may_end.wait(10)
        elif environ["PATH_INFO"] == "/long":
            has_begun.set()
            may_end.wait(10)
        paths.append(environ["PATH_INFO"])
        return [b""]

    return paths, Turns(app, 1), may_end, has_begun


def ask(app, path):
    """Ask for a path in a thread."""
    thread = threading.Thread(target=app, args=({"PATH_INFO": path}, None))
    thread.start()
    return thread


def test_a_request_waits_for_its_turn(answered):
    """While another is worked on, the next one is not begun."""
    paths, app, may_end, has_begun = answered
    first = ask(app, "/long")
    has_begun.wait(10)
    second = ask(app, "/short")
    second.join(0.1)
    assert paths == []
    may_end.set()
    first.join()
    second.join()
    assert paths == ["/long", "/short"]


def test_who_rests_holds_nobody_up(answered):
    """Its turn is another's meanwhile, and it has one again before it goes on."""
    paths, app, may_end, has_begun = answered
    first = ask(app, "/resting")
    has_begun.wait(10)
    ask(app, "/short").join()
    assert paths == ["/short"]
    may_end.set()
    first.join()
    assert paths == ["/short", "/resting"]


def test_rest_without_a_turn_is_only_rest():
    """What runs beside the requests may wait in the same way."""
    with resting():
        pass
