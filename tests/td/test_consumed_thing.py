"""Consumed Things: over sockets and without, by their forms and by the defaults."""

import contextlib
import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from wasmiot_td import defaults, uri_template
from wasmiot_td.consumed_thing import ConsumedThing, HttpTransport, Transport, WsgiTransport
from wasmiot_td.errors import AffordanceNotFound, ThingProblem, ThingUnreachable
from wasmiot_td.models.action_status import ActionStatus

JSON = "application/json"


class Lamp:
    """A WSGI application that is a Thing of the HTTP Basic Profile."""

    def __init__(self) -> None:
        self.level = 3
        self.seen: list[dict[str, Any]] = []
        self.polls = 0

    def td(self) -> dict[str, Any]:
        """Return its description, whose base is relative."""
        return {
            "title": "lamp",
            "base": "./",
            "properties": {
                "level": {"type": "integer", "forms": [{"href": "level"}]},
                "photo": {"forms": [{"href": "photo", "contentType": "image/png"}]},
                "old": {"forms": [{"href": "old", "htv:methodName": "POST"}], "readOnly": True},
                "far": {"forms": [{"href": "coap://x/far"}]},
                "at": {"forms": [{"href": "at/{room}{?unit}"}], "uriVariables": {"room": {}}},
                "named": {"forms": [{"href": "at/{name}"}]},
                "watched": {"forms": [{"href": "w", "op": "observeproperty"}]},
            },
            "actions": {
                "fade": {"synchronous": False, "forms": [{"href": "fade"}], "input": {}},
                "toggle": {"synchronous": True, "forms": [{"href": "toggle"}]},
                "classify": {
                    "forms": [
                        {"href": "classify"},
                        {"href": "classify-file", "contentType": "image/png"},
                    ]
                },
                "break": {"forms": [{"href": "break"}]},
                "state": {"synchronous": True, "forms": [{"href": "state"}]},
            },
        }

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """Answer a request."""
        size = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(size)
        request = {
            "method": environ["REQUEST_METHOD"],
            "path": environ["PATH_INFO"],
            "query": parse_qs(environ["QUERY_STRING"]),
            "body": body,
            "type": environ.get("CONTENT_TYPE"),
        }
        self.seen.append(request)
        status, headers, answer = self.answer(request)
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        fields = {"Content-Type": JSON, "Content-Length": str(len(content)), **headers}
        start_response(f"{status} Whatever", list(fields.items()))
        return [content]

    def answer(self, request: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        """Return status, headers and body."""
        method, path = request["method"], request["path"]
        if path == "/lamp/td":
            return 200, {}, self.td()
        if (method, path) == ("PUT", "/lamp/level"):
            self.level = json.loads(request["body"])
            return 204, {}, b""
        if path == "/lamp/fade":
            status = {"status": "pending", "href": "fade/1"}
            return 201, {"Location": "fade/1"}, status
        if (method, path) == ("DELETE", "/lamp/fade/1"):
            return 204, {}, b""
        if path == "/lamp/fade/1":
            self.polls += 1
            done = {"status": "completed", "outputUrl": "1/output", "resultUrl": "http://n/2"}
            return 200, {}, done if self.polls > 2 else {"status": "running"}
        return self.plain_answer(method, path)

    def plain_answer(self, method: str, path: str) -> tuple[int, dict[str, str], Any]:
        """Return the answers that depend on nothing."""
        problem = {"title": "Broken", "status": 503, "detail": "the filament is gone"}
        answers: dict[str, tuple[int, dict[str, str], Any]] = {
            "/lamp/level": (200, {}, self.level),
            "/lamp/photo": (200, {"Content-Type": "image/png"}, b"\x89PNG"),
            "/lamp/old": (200, {"Content-Type": "text/plain"}, method.encode()),
            "/lamp/at/living room": (200, {}, "here"),
            "/lamp/toggle": (204, {}, b""),
            "/lamp/classify": (200, {}, 5),
            "/lamp/classify-file": (200, {}, 7),
            "/lamp/fade/1/output": (200, {"Content-Type": "image/png"}, b"pixels"),
            "/lamp/break": (503, {"Content-Type": "application/problem+json"}, problem),
            "/lamp/state": (200, {}, {"status": "completed", "room": "hall"}),
            "/lamp/list": (200, {}, [1]),
            "/lamp/moved": (302, {"Location": "/lamp/td"}, b""),
        }
        return answers.get(path, (404, {"Content-Type": "text/plain"}, b"nothing here"))


class Quiet(WSGIRequestHandler):
    """Says nothing."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def lamp() -> Lamp:
    """Return a new lamp."""
    return Lamp()


@pytest.fixture(params=["sockets", "calls"])
def reached(lamp: Lamp, request: pytest.FixtureRequest) -> Iterator[tuple[str, Transport]]:
    """Yield the lamp's URL and a transport that reaches it."""
    if request.param == "calls":
        yield "http://lamp.example/lamp/", WsgiTransport({"http://lamp.example/": lamp})
        return
    server = make_server("127.0.0.1", 0, lamp, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    transport = HttpTransport(timeout_seconds=5)
    try:
        yield f"http://127.0.0.1:{server.server_port}/lamp/", transport
    finally:
        transport.close()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def thing(reached: tuple[str, Transport]) -> ConsumedThing:
    """Return the lamp, consumed."""
    url, transport = reached
    return ConsumedThing.fetch(f"{url}td", transport)


def test_a_property_is_read_and_written(thing: ConsumedThing, lamp: Lamp) -> None:
    """Without `op` and methods, GET reads and PUT writes; a relative base is resolved."""
    assert thing.read_property("level") == 3
    thing.write_property("level", 8)
    assert lamp.level == 8
    assert lamp.seen[-1]["type"] == JSON


def test_a_file_is_read_as_bytes(thing: ConsumedThing) -> None:
    """What is neither JSON nor text comes as it is."""
    assert thing.read_property("photo") == b"\x89PNG"


def test_the_form_names_the_method(thing: ConsumedThing) -> None:
    """`htv:methodName` goes before the default."""
    assert thing.read_property("old") == "POST"


def test_uri_variables_fill_the_template(thing: ConsumedThing, lamp: Lamp) -> None:
    """Variables are escaped into path and query."""
    assert thing.read_property("at", room="living room", unit="°") == "here"
    assert lamp.seen[-1]["query"] == {"unit": ["°"]}


def test_a_uri_variable_may_be_called_name(thing: ConsumedThing) -> None:
    """The affordance's own name does not stand in its way."""
    assert thing.read_property("named", name="living room") == "here"


@pytest.mark.parametrize("variables", [{}, {"room": "x", "colour": "red"}])
def test_wrong_uri_variables_are_named(thing: ConsumedThing, variables: dict[str, str]) -> None:
    """One that is needed and missing, or given and unknown, is an error before any request."""
    with pytest.raises(AffordanceNotFound, match=r"room|colour"):
        thing.read_property("at", **variables)


@pytest.mark.parametrize("name", ["colour", "far", "watched"])
def test_what_cannot_be_read_is_an_error(thing: ConsumedThing, name: str) -> None:
    """No such property, no HTTP form, no form for the operation."""
    with pytest.raises(AffordanceNotFound, match=name):
        thing.read_property(name)


def test_a_read_only_property_is_not_written(thing: ConsumedThing) -> None:
    """The default operations are narrowed by `readOnly`."""
    with pytest.raises(AffordanceNotFound, match="writeproperty"):
        thing.write_property("old", 1)


def test_a_synchronous_action_gives_its_output(thing: ConsumedThing) -> None:
    """204 is no output; 200 is the output, even if it looks like a status."""
    assert thing.invoke_action("toggle") is None
    assert thing.invoke_action("state") == {"status": "completed", "room": "hall"}


def test_an_asynchronous_action_is_followed_to_its_end(thing: ConsumedThing, lamp: Lamp) -> None:
    """The status carries absolute URLs: of itself, of its file, of the next invocation."""
    pending = thing.invoke_action("fade", {"to": 1})
    assert isinstance(pending, ActionStatus)
    assert pending.href == f"{thing.base}fade/1"
    assert json.loads(lamp.seen[-1]["body"]) == {"to": 1}
    done = thing.wait_for_action(pending)
    assert (done.status, done.result_url) == ("completed", "http://n/2")
    assert done.output_url == f"{thing.base}fade/1/output"
    assert thing.fetch_output(done.output_url) == (b"pixels", "image/png")


def test_an_action_is_cancelled(thing: ConsumedThing, lamp: Lamp) -> None:
    """Cancelling deletes the invocation."""
    pending = thing.invoke_action("fade")
    thing.cancel_action(pending.href)
    assert lamp.seen[-1]["method"] == "DELETE"


def test_what_is_no_status_is_an_error(thing: ConsumedThing) -> None:
    """An answer that only looks like one does not keep anybody waiting."""
    for path in ("level", "photo", "toggle"):
        with pytest.raises(ThingProblem, match="no status of an action"):
            thing.query_action(path)


def test_waiting_ends(thing: ConsumedThing) -> None:
    """An invocation that does not end in time is reported with its last status."""
    pending = thing.invoke_action("fade")
    with pytest.raises(ThingUnreachable, match="is pending"):
        thing.wait_for_action(pending, timeout_seconds=-1)


def test_a_file_goes_to_the_form_of_its_type(thing: ConsumedThing, lamp: Lamp) -> None:
    """A body is sent as it is, by the form that takes its content type."""
    assert thing.invoke_action("classify", body=b"\x89PNG", content_type="image/png") == 7
    assert lamp.seen[-1]["body"] == b"\x89PNG"
    assert lamp.seen[-1]["type"] == "image/png"
    assert thing.invoke_action("classify", 3) == 5


def test_a_problem_is_an_error_with_its_details(thing: ConsumedThing) -> None:
    """Status and problem details reach the caller."""
    with pytest.raises(ThingProblem, match="filament") as caught:
        thing.invoke_action("break")
    assert caught.value.status == 503
    assert caught.value.problem["title"] == "Broken"


def test_an_error_that_is_no_problem_details_is_told(reached: tuple[str, Transport]) -> None:
    """The text of any other error serves as its detail."""
    url, transport = reached
    with pytest.raises(ThingProblem, match="404: nothing here"):
        ConsumedThing.fetch(f"{url}nowhere", transport)


@pytest.mark.parametrize(("path", "said"), [("list", "object"), ("photo", "not JSON")])
def test_a_description_must_be_a_json_object(
    reached: tuple[str, Transport], path: str, said: str
) -> None:
    """Anything else is refused by name."""
    url, transport = reached
    with pytest.raises(ThingProblem, match=said):
        ConsumedThing.fetch(f"{url}{path}", transport)


def test_an_answer_is_bounded(reached: tuple[str, Transport]) -> None:
    """More bytes than allowed are not taken in, into memory or into a file."""
    url, transport = reached
    with pytest.raises(ThingProblem, match="more than 2 bytes"):
        transport.request("GET", f"{url}photo", max_bytes=2)
    with pytest.raises(ThingProblem, match="more than 2 bytes"):
        transport.download(f"{url}photo", io.BytesIO(), max_bytes=2)


def test_a_download_goes_into_a_file(reached: tuple[str, Transport]) -> None:
    """The bytes are written as they come; an error writes none."""
    url, transport = reached
    target = io.BytesIO()
    assert transport.download(f"{url}photo", target, max_bytes=100) == 4
    with pytest.raises(ThingProblem, match="404"):
        transport.download(f"{url}nowhere", target, max_bytes=100)
    assert target.getvalue() == b"\x89PNG"


def test_who_does_not_answer_is_unreachable() -> None:
    """A refused connection, an unknown host and nonsense are one kind of error."""
    transport = HttpTransport(timeout_seconds=2)
    for url in ("http://127.0.0.1:9/", "coap://x/", "http://", "http://[x", "http://a\u0000b/"):
        with pytest.raises(ThingUnreachable) as caught:
            transport.request("GET", url)
        assert caught.value.url == url
    with pytest.raises(ThingUnreachable):
        WsgiTransport({}).request("GET", "http://nobody.example/")


@pytest.fixture
def raw_server() -> Iterator[Any]:
    """Return a way to serve one connection with bytes, sent one by one."""
    with contextlib.ExitStack() as stack:

        def serve(answer: bytes, pause: float = 0.0) -> str:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def run() -> None:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(65536)
                    for byte in answer:
                        connection.sendall(bytes([byte]))
                        time.sleep(pause)

            thread = threading.Thread(target=run)
            thread.start()
            stack.callback(thread.join)
            return f"http://127.0.0.1:{listener.getsockname()[1]}/"

        yield serve


def test_an_answer_that_trickles_is_cut_off(raw_server: Any) -> None:
    """Each byte comes in time, and the whole does not."""
    transport = HttpTransport(timeout_seconds=5, total_seconds=0.1)
    url = raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100, 0.01)
    with pytest.raises(ThingUnreachable, match="no complete answer"):
        transport.request("GET", url)
    transport.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"nonsense\r\n\r\n",
        b"",
    ],
)
def test_an_answer_that_breaks_off_is_none(raw_server: Any, answer: bytes) -> None:
    """Half a document is not taken for a whole one."""
    transport = HttpTransport(timeout_seconds=5)
    with pytest.raises(ThingUnreachable):
        transport.request("GET", raw_server(answer))
    transport.close()


def test_every_thread_has_connections_of_its_own(lamp: Lamp) -> None:
    """Sessions are not shared, and none is left open."""
    transport = HttpTransport()
    sessions = []

    def note() -> None:
        sessions.append(transport._session())
        transport.close()

    threads = [threading.Thread(target=note) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sessions[0] is not sessions[1]


def test_defaults_are_resolved_without_being_written() -> None:
    """The copy says everything, and the description stays as it was."""
    td = Lamp().td()
    before = json.dumps(td)
    resolved = defaults.with_defaults(td)
    old = resolved["properties"]["old"]
    assert old["forms"][0]["op"] == ["readproperty"]
    assert old["forms"][0]["contentType"] == JSON
    assert (old["readOnly"], old["writeOnly"], old["observable"]) == (True, False, False)
    assert "synchronous" not in resolved["actions"]["break"]
    assert resolved["actions"]["break"]["safe"] is False
    assert json.dumps(td) == before


@pytest.mark.parametrize(
    ("template", "uri"),
    [
        ("{var}", "value"),
        ("{hello}", "Hello%20World%21"),
        ("{+path}/here", "/foo/bar/here"),
        ("X{#x,hello}", "X#1024,Hello%20World!"),
        ("{/var,x}", "/value/1024"),
        ("{;x,empty}", ";x=1024;empty"),
        ("{?x,undefined,y}", "?x=1024&y=768"),
        ("?fixed=yes{&x}", "?fixed=yes&x=1024"),
        ("map{.var}", "map.value"),
        ("{no such thing}", "{no such thing}"),
    ],
)
def test_uri_templates(template: str, uri: str) -> None:
    """Levels 1 to 3 of RFC 6570."""
    values = {"var": "value", "hello": "Hello World!", "path": "/foo/bar", "x": 1024, "y": 768}
    assert uri_template.expand(template, {**values, "empty": ""}) == uri
