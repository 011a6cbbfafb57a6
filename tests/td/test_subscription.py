"""Following what changes in a Thing, over real connections."""

import json
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmiot_td.consumed_thing import ConsumedThing
from wasmiot_td.errors import AffordanceNotFound
from wasmiot_td.server_sent_events import MAX_EVENT_CHARACTERS, events
from wasmiot_td.subscription import Subscription, stream_transport


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data: 1\n\n", [("1", "", "")]),
        ("event: e\nid: 7\ndata: 1\n\ndata:2\n\n", [("1", "e", "7"), ("2", "", "7")]),
        ("data: a\ndata: b\n\n", [("a\nb", "", "")]),
        (": alive\n\nretry: 10\n\ndata: x\r\n\r\ndata: y\r\r", [("x", "", ""), ("y", "", "")]),
        ("\ufeffdata: ä\n\n", [("ä", "", "")]),
        ("id: 1\ndata: kept\n\nid\ndata: reset\n\n", [("kept", "", "1"), ("reset", "", "")]),
        ("data: broken off\n", []),
        ("unknown: 1\nid: 5\n\n", []),
    ],
)
@given(sizes=st.lists(st.integers(min_value=1, max_value=5), min_size=1, max_size=8))
def test_stream_of_events(text, expected, sizes):
    """A stream means the same however it is cut into pieces."""
    data, chunks = text.encode(), []
    while data:
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(data[:size])
        data = data[size:]
    assert [(e.data, e.name, e.id) for e in events(chunks)] == expected


def test_event_without_end():
    """An event that never ends is given up, in bounded memory."""
    endless = (b"data: " + b"x" * 65536 for _ in range(10**9))
    with pytest.raises(ValueError, match=str(MAX_EVENT_CHARACTERS)):
        list(events(endless))


JSON = "application/json"


@contextmanager
def serving(answer):
    """Serve GET by a function of the request and its number; yield the address."""
    numbers = iter(range(10**6))

    class Requests(BaseHTTPRequestHandler):
        def do_GET(self):
            answer(self, next(numbers))

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Requests) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def respond(request, body, content_type="application/json", status=200):
    """Answer a request as a whole."""
    request.send_response(status)
    request.send_header("Content-Type", content_type)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def subscription(url, kind="events", poll_seconds=0.01, **form):
    """Return the following of the one affordance of a Thing at a URL."""
    op = {"events": "subscribeevent", "properties": "observeproperty"}[kind]
    form = {"href": "x", "op": [op], **form} if form else {"href": "x", "op": ["readproperty"]}
    td = {"title": "t", "base": url, kind: {"x": {"forms": [form]}, "y": {"forms": [form]}}}
    transport = stream_transport()
    thing = ConsumedThing(td, transport)
    return Subscription(lambda: thing, kind, "x", transport, poll_seconds=poll_seconds)


def first(following, count):
    """Return the first values that are told."""
    values = []
    for change in following.changes():
        values.append(change.value)
        if len(values) == count:
            following.stop()
    return values


def test_stream_goes_on_after_the_last_event():
    """A stream that breaks off is asked for again, from the last event on."""
    asked = []

    def answer(request, number):
        asked.append(request.headers.get("Last-Event-ID"))
        text = f"retry: 1\nid: {number}\nevent: x\ndata: {number}\n\nevent: y\ndata: 9\n\n"
        respond(request, text.encode(), "text/event-stream")

    with serving(answer) as url:
        assert first(subscription(url, subprotocol="sse"), 3) == [0, 1, 2]
    assert asked[:3] == [None, "0", "1"]


def test_stream_goes_on_from_a_place_without_an_event():
    """An id without data is no event, and a stream is asked for again from there."""
    asked = []

    def answer(request, number):
        asked.append(request.headers.get("Last-Event-ID"))
        text = f"retry: 1\nid: a{number}\n\n" + ("data: 1\n\n" if number else "id: b\n\nid: c\n")
        respond(request, text.encode(), "text/event-stream")

    with serving(answer) as url:
        assert first(subscription(url, subprotocol="sse"), 2) == [1, 1]
    assert asked[:3] == [None, "b", "a1"]


@pytest.mark.parametrize("subprotocol", ["sse", "longpoll"])
def test_answer_that_is_cut_off(monkeypatch, subprotocol):
    """A Thing that dies in the middle of each second answer is asked again, and is heard."""
    monkeypatch.setattr("wasmiot_td.subscription.FIRST_PAUSE_SECONDS", 0.001)

    def answer(request, number):
        request.protocol_version = "HTTP/1.1"
        request.close_connection = True
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        is_stream = subprotocol == "sse"
        request.send_header("Content-Type", "text/event-stream" if is_stream else JSON)
        request.end_headers()
        text = f"retry: 1\ndata: {number}\n\n".encode() if is_stream else b"%d" % number
        end = b"0\r\n\r\n" if number % 2 else b"5\r\nun"
        request.wfile.write(b"%x\r\n%s\r\n" % (len(text), text) + end)

    with serving(answer) as url:
        told = first(subscription(url, subprotocol=subprotocol), 3)
    assert told == ([0, 1, 2] if subprotocol == "sse" else [1, 3, 5])


def test_long_poll():
    """Each answer of a long poll is a change, and the next poll follows at once."""
    with serving(lambda request, n: respond(request, json.dumps({"n": n}).encode())) as url:
        found = first(subscription(url, subprotocol="longpoll"), 3)
    assert found == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_long_poll_that_is_no_json():
    """What is told may be text, or bytes."""

    def answer(request, number):
        kinds = [(b"warm", "text/plain"), (b"\0\1", "application/octet-stream")]
        respond(request, *kinds[number % 2])

    with serving(answer) as url:
        assert first(subscription(url, subprotocol="longpoll"), 2) == ["warm", b"\0\1"]


def test_property_that_cannot_be_observed():
    """A property without a form for it is read again and again: each other value is a change."""
    values = [1, 1, 2, 2, 3]

    def answer(request, number):
        respond(request, json.dumps(values[min(number, 4)]).encode())

    with serving(answer) as url:
        assert first(subscription(url, "properties"), 2) == [2, 3]


def test_address_that_leads_nowhere(monkeypatch):
    """Of several forms the next one is tried when the first cannot be reached."""
    monkeypatch.setattr("wasmiot_td.subscription.FIRST_PAUSE_SECONDS", 0.01)
    with socket.socket() as closed, serving(lambda request, n: respond(request, b"5")) as url:
        closed.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        forms = [
            {"href": base, "op": "subscribeevent", "subprotocol": "longpoll"}
            for base in (nowhere, url)
        ]
        thing = ConsumedThing({"events": {"x": {"forms": forms}}})
        following = Subscription(lambda: thing, "events", "x", stream_transport())
        assert first(following, 1) == [5]


def test_thing_that_fails_for_a_while(monkeypatch):
    """A Thing that refuses, or is not what it says, is asked again after a pause."""
    monkeypatch.setattr("wasmiot_td.subscription.FIRST_PAUSE_SECONDS", 0.01)

    def answer(request, number):
        if number == 0:
            respond(request, b"no", "text/plain", 503)
        else:
            respond(request, b"data: 5\n\n", "text/event-stream")

    with serving(answer) as url:
        assert first(subscription(url, subprotocol="sse"), 1) == [5]


def test_stop_while_nothing_comes():
    """Who stops does not wait for the next event."""
    is_open, is_over = threading.Event(), threading.Event()

    def answer(request, _):
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.end_headers()
        request.wfile.write(b": alive\n\n")
        request.wfile.flush()
        is_open.set()
        is_over.wait(20)

    with serving(answer) as url:
        following = subscription(url, subprotocol="sse")
        thread = threading.Thread(target=lambda: list(following.changes()))
        thread.start()
        assert is_open.wait(10)
        while following._answer is None:
            time.sleep(0.005)
        following.stop()
        thread.join(10)
        is_over.set()
        assert not thread.is_alive()


@pytest.mark.parametrize(
    "td",
    [{}, {"events": {"x": {"forms": [{"href": "mqtt://broker/x"}]}}}],
    ids=["no such event", "no form over HTTP"],
)
def test_what_cannot_be_followed(td):
    """An event that is not there, or not over HTTP, has a reason."""
    following = Subscription(lambda: ConsumedThing(td), "events", "x", stream_transport())
    with pytest.raises(AffordanceNotFound):
        next(following._listen())
