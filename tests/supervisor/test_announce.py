"""How a device becomes known: by mDNS on the loopback interface, or by registering itself."""

import threading

import pytest
import zeroconf
from flask import Flask, request
from werkzeug.serving import make_server

from supervisor_app.announce import SERVICE, _service, announced, register_if_unknown
from supervisor_app.lifespan import live
from wasmiot_td.errors import ThingUnreachable

ID = "urn:uuid:0d0f1a3e-2b58-4a9e-9a47-55a3a1d6a001"


class Listener(zeroconf.ServiceListener):
    """Remembers what came and what went."""

    def __init__(self):
        self.added = threading.Event()
        self.removed = threading.Event()
        self.info = None

    def add_service(self, zc, type_, name):
        """Remember a service that came."""
        if name.startswith("test-device-"):
            self.info = zc.get_service_info(type_, name)
            self.added.set()

    def remove_service(self, zc, type_, name):
        """Remember a service that went."""
        if name.startswith("test-device-"):
            self.removed.set()

    def update_service(self, zc, type_, name):
        """Take no notice."""


def multicast_or_skip():
    """Return a browser's end of mDNS; whether that can be had does not rest on what is tested."""
    try:
        return zeroconf.Zeroconf(interfaces=["127.0.0.1"])
    except OSError as error:
        pytest.skip(f"multicast is closed here: {error}")


def test_announced_and_gone():
    """The device is found with the place of its TD, and says goodbye."""
    listener = Listener()
    with multicast_or_skip() as zc:
        browser = zeroconf.ServiceBrowser(zc, SERVICE, listener)
        with announced("test-device", ID, "127.0.0.1", 5999, "127.0.0.1") as is_announced:
            assert is_announced
            assert listener.added.wait(20)
        assert listener.removed.wait(20)
        browser.cancel()
    assert (listener.info.port, listener.info.parsed_addresses()) == (5999, ["127.0.0.1"])
    assert listener.info.properties == {
        b"td": b"/.well-known/wot",
        b"type": b"Thing",
        b"scheme": b"http",
    }


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_scheme_is_announced(scheme):
    """Who finds the device knows whether it speaks TLS (WoT Discovery, clause 6.2)."""
    service = _service("test-device", ID, ["127.0.0.1"], 5999, "", scheme)
    assert service.properties[b"scheme"] == scheme.encode()


@pytest.fixture
def directory():
    """A directory that knows nothing at first; yields its URL and what was put."""
    app, known = Flask("directory"), {}

    @app.get("/things/<thing_id>")
    def get(thing_id):
        return known.get(thing_id) or ("", 404)

    @app.put("/things/<thing_id>")
    def put(thing_id):
        known[thing_id] = request.get_json(force=True)
        return "", 201

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", known
    server.shutdown()
    thread.join()
    server.server_close()


def test_registers_where_it_is_unknown(make_device, directory, monkeypatch):
    """A directory that has not found the device is told its TD."""
    url, known = directory
    monkeypatch.setattr("supervisor_app.lifespan.DIRECTORY_SECONDS", 0.05)
    device = make_device(directory=url, is_announced=False)
    registered = threading.Event()
    directory = device.app.extensions["supervisor"].directory
    original = directory.put

    def put(*arguments):
        original(*arguments)
        registered.set()

    monkeypatch.setattr(directory, "put", put)
    with live(device.app):
        assert registered.wait(20)
    assert known[device.settings.device_id]["title"] == "supervisor"


def test_leaves_a_directory_alone_that_knows_it():
    """A device that was found by mDNS does not register a second time."""
    calls = []
    register_if_unknown(lambda: True, lambda: calls.append(1), threading.Event(), 0.01)
    assert calls == []


def test_tries_again():
    """A directory that is away is asked again."""
    answers = iter([ThingUnreachable("away"), None])
    calls = []

    def is_known():
        answer = next(answers)
        if answer:
            raise answer
        return False

    register_if_unknown(is_known, lambda: calls.append(1), threading.Event(), 0.01)
    assert calls == [1]
