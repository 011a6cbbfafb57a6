"""Cancelling goes along a chain."""

import threading

import pytest

from wasmiot_td.consumed_thing import WsgiTransport

NUMBER = {"type": "integer"}
ONE = '(module (func (export "one") (result i32) i32.const 1))'
SLOW = """(module (import "sys" "delay" (func $delay (param i32)))
  (func (export "wait") (param i32) (result i32) (call $delay (i32.const 60000)) (i32.const 1)))"""
WAIT = {"wasmiot:entrypoint": "wait", "input": NUMBER, "output": NUMBER}


class Gate(WsgiTransport):
    """Lets invocations through when it is open."""

    def __init__(self, applications):
        super().__init__(applications)
        self.is_reached, self.is_open = threading.Event(), threading.Event()

    def open(self, method, url, **request):
        """Send a request."""
        if method == "POST":
            self.is_reached.set()
            assert self.is_open.wait(20)
        return super().open(method, url, **request)


@pytest.fixture
def chain(make_device):
    """Return a function that starts a device whose output feeds a slow action of another."""
    apps = {}

    def start(transport=WsgiTransport):
        target = {"id": "urn:b", "thing": "http://b/deployments/d/td", "affordance": "wait"}
        a, b = (
            make_device(transport(apps), public_url=f"http://{name}/", call_seconds=60)
            for name in "ab"
        )
        apps.update({"http://a/": a.app, "http://b/": b.app})
        b.put("d", SLOW, actions={"wait": WAIT})
        feeds = {"wasmiot:feeds": [target]}
        a.put("d", ONE, actions={"one": {"wasmiot:entrypoint": "one", "output": NUMBER, **feeds}})
        return a, b

    return start


def ended_as(device, href):
    """Return the trap with which an invocation ends."""
    return device.ended(href)["error"]["trap"]


def test_next_hop_that_runs(chain):
    """Who cancels an invocation that has sent its output cancels what that has begun."""
    a, b = chain()
    status = a.invoke("d", "one")
    assert a.client.delete(status["href"]).status_code == 204
    assert ended_as(b, status["resultUrl"]) == "cancelled"


def test_hop_that_has_ended_is_left(chain):
    """What has ended keeps its result, whoever cancels before it."""
    a, b = chain()
    status = a.invoke("d", "one")
    b.client.delete(status["resultUrl"])
    assert ended_as(b, status["resultUrl"]) == "cancelled"
    a.client.delete(status["href"])
    a.app.extensions["supervisor"].cancelling.close()
    assert b.client.get(status["resultUrl"]).status_code == 200


def test_while_the_output_is_sent(chain):
    """Who cancels while the output is on its way cancels what it begins, and the status says so."""
    gates = []

    def gate(apps):
        gates.append(Gate(apps))
        return gates[-1]

    a, b = chain(transport=gate)
    href = a.client.post("/deployments/d/actions/one").json["href"]
    assert gates[0].is_reached.wait(20)
    a.client.delete(href)
    gates[0].is_open.set()
    status = a.ended(href)
    assert (status["status"], status["error"]["trap"]) == ("failed", "cancelled")
    assert ended_as(b, status["resultUrl"]) == "cancelled"


def test_device_that_is_away(chain):
    """Who cancels is answered at once, whether or not the others can be reached."""
    a, b = chain()
    status = a.invoke("d", "one")
    a.app.extensions["supervisor"].cancelling._transport = WsgiTransport({})
    assert a.client.delete(status["href"]).status_code == 204
    assert b.client.get(status["resultUrl"]).json["status"] in ("pending", "running")
