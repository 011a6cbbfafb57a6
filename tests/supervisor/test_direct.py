"""Plain calls, which are answered before Flask's routing."""

import io

import pytest
from werkzeug.test import Client

WAT = """(module (memory (export "memory") 1) (data (i32.const 8) "\\22h\\c3\\a9\\22\\00")
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "nothing")) (func (export "take") (param i32))
  (func (export "text") (result i32) (i32.const 8))
  (func (export "seven") (result i32) (i32.const 7))
  (func (export "fail") unreachable))"""
SUM = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}
ACTIONS = {
    "add": {"wasmiot:entrypoint": "add", "input": SUM, "output": {"type": "integer"}},
    "nothing": {"wasmiot:entrypoint": "nothing"},
    "text": {"wasmiot:entrypoint": "text", "output": {"type": "object"}},
    "fail": {"wasmiot:entrypoint": "fail"},
}
PROPERTIES = {
    "seven": {"wasmiot:entrypoint": "seven", "type": "integer"},
    "low": {"wasmiot:entrypoint": "seven", "type": "integer", "maximum": 5},
    "command": {"wasmiot:writeEntrypoint": "take", "type": "integer", "writeOnly": True},
}
URL = "/deployments/d"
JSON = "application/json"


@pytest.fixture
def ways(device):
    """A client that takes the short way where there is one, and one that never does."""
    actions = {name: {**action, "synchronous": True} for name, action in ACTIONS.items()}
    actions["later"] = {"wasmiot:entrypoint": "nothing"}
    assert device.put("d", WAT, actions=actions, properties=PROPERTIES).status_code == 201
    return Client(device.app), Client(device.app.__class__.wsgi_app.__get__(device.app))


@pytest.fixture
def without_routes(device):
    """Take every route away from the application."""

    def take():
        def none(**_names):
            raise AssertionError("a route was asked")

        device.app.view_functions = dict.fromkeys(device.app.view_functions, none)

    return take


@pytest.mark.parametrize(
    ("method", "path", "request_"),
    [
        ("POST", "/actions/add", {"data": b'{"a": 40, "b": 2}', "content_type": JSON}),
        ("POST", "/actions/add", {"data": b'{"a": 1, "b": 2}', "content_type": f"{JSON}; a=b"}),
        ("POST", "/actions/add", {"data": b'{"a": 1}', "content_type": JSON}),
        ("POST", "/actions/add", {"data": b'{"a": 1e400, "b": NaN}', "content_type": JSON}),
        ("POST", "/actions/add", {"data": b"{", "content_type": JSON}),
        ("POST", "/actions/text", {}),
        ("POST", "/actions/nothing", {}),
        ("POST", "/actions/fail", {}),
        ("POST", "/actions/none", {}),
        ("POST", "/actions/add?a=1", {"data": b"{}", "content_type": JSON}),
        ("POST", "/actions/add", {"data": b"a=1&b=2", "content_type": "application/x-www-form"}),
        ("GET", "/properties/seven", {}),
        ("GET", "/properties/low", {}),
        ("GET", "/properties/command", {}),
        ("PUT", "/properties/seven", {"data": b"1", "content_type": JSON}),
        ("GET", "/actions/add", {}),
        ("GET", "/properties/\u00e9", {}),
    ],
)
def test_both_ways_answer_alike(ways, method, path, request_):
    """What is answered directly is what the routes would have answered, to the letter."""
    short, long = (client.open(f"{URL}{path}", method=method, **request_) for client in ways)
    assert (short.status, short.data) == (long.status, long.data)
    own = [header for header in short.headers if header[0] != "X-Request-Id"]
    assert sorted(own) == sorted(long.headers)


def test_plain_calls_need_no_route(ways, without_routes):
    """An action with its output at once and the reading of a property ask no route."""
    without_routes()
    answer = ways[0].post(f"{URL}/actions/add", data=b'{"a": 40, "b": 2}', content_type=JSON)
    assert (answer.status_code, answer.json) == (200, 42)
    assert ways[0].get(f"{URL}/properties/seven").json == 7


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/actions/later", {}),
        ("/actions/add", {"Content-Type": JSON, "Wasmiot-Input": "a"}),
        ("/actions/add", {"Content-Type": JSON, "Transfer-Encoding": "chunked"}),
        ("/actions/add?x=1", {"Content-Type": JSON}),
        ("/actions/add", {"Content-Type": "image/png"}),
    ],
)
def test_everything_else_asks_the_routes(ways, without_routes, caplog, path, headers):
    """A later answer, a part of an input, an unknown length, a query or a file are the routes'."""
    without_routes()
    answer = ways[0].post(f"{URL}{path}", data=b"{}", headers=headers)
    assert answer.status_code == 500
    assert "a route was asked" in caplog.text


def test_routine_is_not_logged(ways, caplog):
    """Of thousands of calls a second those are in the log that failed; all of them count."""
    caplog.set_level("INFO")
    for name in ("nothing", "fail"):
        ways[0].post(f"{URL}/actions/{name}")
    assert "actions/fail" in caplog.text
    assert "actions/nothing" not in caplog.text
    counted = ways[0].get("/metrics").text
    labels = 'method="POST",route="/deployments/<slug>/actions/<name>"'
    assert f'wasmiot_http_request_seconds_count{{{labels},status="204"}} 1.0' in counted


@pytest.mark.parametrize("given", ["find-me", "find me"])
def test_what_was_given_an_id_is_logged(ways, caplog, given):
    """Whoever gave a plain call a well-formed id finds its line; what is none makes no line."""
    caplog.set_level("INFO")
    ways[0].post(f"{URL}/actions/nothing", headers={"X-Request-Id": given})
    assert ("actions/nothing" in caplog.text) == (given == "find-me")


def test_nothing_goes_past_a_hook(ways, device):
    """What an application calls before its routes, as to ask for a token, sees plain calls too."""
    device.app.before_request_funcs.setdefault(None, []).append(lambda: ("not you", 401))
    for client in ways:
        assert client.post(f"{URL}/actions/nothing").status_code == 401


def test_body_shorter_than_said(ways):
    """A body that ends too early is refused as the routes refuse it."""
    environ = {"CONTENT_LENGTH": "20", "wsgi.input": io.BytesIO(b'{"a": 1'), "CONTENT_TYPE": JSON}
    answers = [c.post(f"{URL}/actions/add", environ_overrides=environ) for c in ways]
    assert [a.status_code for a in answers] == [400, 400]
