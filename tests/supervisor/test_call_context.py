"""What goes along with a chain of calls: a key that keeps a step from running twice, a trace."""

import pytest
import wasmtime
from flask import Flask, request

from wasmiot_td.call_context import CallContext, new_traceparent
from wasmiot_td.consumed_thing import WsgiTransport

NUMBER = {"type": "integer"}
COUNTER = """(module (global $n (mut i32) (i32.const 0))
  (func (export "count") (result i32)
    (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))"""
TRACE = new_traceparent()


@pytest.fixture
def chain(make_device):
    """Return a device whose action `count` feeds another Thing, and that Thing's requests."""
    seen, apps = [], {}
    device = make_device(WsgiTransport(apps), public_url="http://a/")
    digest = device.place(wasmtime.wat2wasm(COUNTER))
    target = {"id": "urn:t", "thing": "http://t/td", "affordance": "take"}
    count = {"wasmiot:entrypoint": "count", "output": NUMBER, "wasmiot:feeds": [target]}
    module = {"id": "urn:m", "name": "m", "digest": digest, "stateful": True}
    put = device.put_digest("chain", digest, actions={"count": count}, **{"wasmiot:module": module})
    assert put.status_code == 201, put.text
    apps["http://t/"] = taker(seen)
    return device, seen, apps


def taker(seen, *statuses):
    """Return a Thing that answers with statuses in turn, and notes what it was asked."""
    app, left = Flask("taker"), list(statuses)
    form = {"href": "http://t/take", "op": ["invokeaction"]}
    app.add_url_rule("/td", view_func=lambda: {"actions": {"take": {"forms": [form]}}})

    def take():
        seen.append((dict(request.headers), request.get_json()))
        status = left.pop(0) if left else 201
        return {"status": "completed"}, status, {"Location": "http://t/take/1"}

    app.add_url_rule("/take", view_func=take, methods=["POST"])
    return app


def test_a_key_makes_an_action_run_once(chain):
    """Who asks again with the same key gets the same invocation; a new key is a new one."""
    device, seen, _ = chain
    keyed = {"headers": {"Idempotency-Key": '"one"'}}
    first, again = (device.invoke("chain", "count", **keyed) for _ in range(2))
    other = device.invoke("chain", "count", headers={"Idempotency-Key": '"two"'})
    assert first == again
    assert (first["output"], other["output"], len(seen)) == (1, 2, 2)


def test_the_key_and_the_trace_go_along(chain):
    """The next Thing gets the same key and request id, and a span of its own in the same trace."""
    device, seen, _ = chain
    given = {"Idempotency-Key": '"e1"', "traceparent": TRACE, "X-Request-Id": "r1"}
    device.invoke("chain", "count", headers=given)
    headers = seen[0][0]
    assert headers["X-Request-Id"] == "r1"
    assert headers["Idempotency-Key"] == '"e1"'
    assert headers["Wasmiot-Input"] == ""
    assert headers["Traceparent"][:36] == TRACE[:36]
    assert headers["Traceparent"] != TRACE


def test_a_call_without_a_key_gets_one_for_the_next(chain):
    """Attempts at the next Thing carry one key even where the client gave none."""
    device, seen, apps = chain
    apps["http://t/"] = taker(seen, 503, 503)
    assert device.invoke("chain", "count")["status"] == "completed"
    assert len({headers["Idempotency-Key"] for headers, _ in seen}) == 1
    assert len(seen) == 3


def test_a_target_that_has_changed_is_described_anew(chain):
    """A description that is kept for a while does not outlive a change of its Thing."""
    device, _, apps = chain
    assert device.invoke("chain", "count")["status"] == "completed"
    app, form = Flask("moved"), {"href": "http://t/taken", "op": ["invokeaction"]}
    app.add_url_rule("/td", "td", view_func=lambda: {"actions": {"take": {"forms": [form]}}})
    app.add_url_rule("/taken", "taken", view_func=lambda: {"value": 1}, methods=["POST"])
    apps["http://t/"] = app
    assert device.invoke("chain", "count")["status"] == "completed"


def test_a_refusal_is_not_tried_again(chain):
    """What a target refuses for good fails the call with what it said."""
    device, seen, apps = chain
    apps["http://t/"] = taker(seen, 400)
    assert device.invoke("chain", "count")["error"]["status"] == 502
    assert len(seen) == 1


@pytest.mark.parametrize("text", ["", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "nonsense"])
def test_a_malformed_trace_does_not_count(text):
    """It is neither passed on nor an error."""
    assert CallContext.of({"traceparent": text}.get).traceparent == ""


def test_waiting_for_the_end(chain):
    """A client that prefers to wait gets the last status in one answer."""
    device, _, _ = chain
    begun = device.client.post("/deployments/chain/actions/count")
    status = device.client.get(begun.headers["Location"], headers={"Prefer": "wait=20"}).json
    assert status["status"] == "completed"


DOUBLE = (
    '(module (func (export "f") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))'
)
MEMBERS = {"type": "object", "properties": {"a": NUMBER}}


@pytest.fixture(params=[False, True], ids=["asynchronous", "synchronous"])
def post(request, device):
    """Return a function that sends a number with a key to an action that doubles it."""
    action = {"wasmiot:entrypoint": "f", "input": MEMBERS, "output": NUMBER}
    device.put("double", DOUBLE, actions={"f": {**action, "synchronous": request.param}})

    def send(body, to=device, **headers):
        given = {"Idempotency-Key": '"one"', "Prefer": "wait=20", **headers}
        kind = "application/json"
        url = "/deployments/double/actions/f"
        return to.client.post(url, data=body, content_type=kind, headers=given)

    return send


def test_a_key_that_comes_with_another_input(post):
    """It is refused, and the invocation that it began is as it was."""
    first = post('{"a": 4}')
    refused = post('{"a": 5}')
    assert (refused.status_code, refused.json["title"]) == (422, "Idempotency-Key is already used")
    assert post('{ "a":4 }').json == first.json
    assert post('{"a": 5}', **{"Idempotency-Key": '"two"'}).status_code == first.status_code


def test_a_key_is_known_after_a_restart(post, device, make_device):
    """With another input it is refused then too."""
    first = post('{"a": 4}')
    device.app.extensions["supervisor"].close()
    again = make_device(data_dir=device.settings.data_dir)
    assert post('{"a": 5}', again).status_code == 422
    assert post('{"a": 4}', again).json == first.json


def test_what_a_step_sends_counts_once(post):
    """A step that is done again elsewhere may give another output: the first one counts."""
    first = post('{"a": 4}', **{"Wasmiot-Input": ""})
    assert post('{"a": 5}', **{"Wasmiot-Input": ""}).json == first.json
