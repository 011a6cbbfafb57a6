"""Things found by DNS-SD, announced for real on the loopback interface."""

import json
import socket
import time
from dataclasses import dataclass

import pytest
from flask import Flask
from zeroconf import ServiceInfo, Zeroconf

from orchestrator_app.directory.introduction import (
    SERVICE_TYPE,
    description_url,
    introduce_things,
)
from orchestrator_app.directory.things import Directory
from orchestrator_app.store import OxigraphStore
from wasmiot_td.consumed_thing import Transport
from wasmiot_td.transport import WsgiTransport

LOOPBACK = "127.0.0.1"
PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Parts:
    """What introduction needs."""

    directory: Directory
    transport: Transport


def service(name, port=8080, **properties):
    """Return the announcement of a Thing."""
    return ServiceInfo(
        SERVICE_TYPE,
        f"{name}.{SERVICE_TYPE}",
        addresses=[socket.inet_aton(LOOPBACK)],
        port=port,
        properties={"td": "/.well-known/wot", "type": "Thing", "scheme": "http", **properties},
    )


@pytest.fixture
def lamp_device(thing):
    """A Thing that serves its description."""
    app = Flask("lamp")

    @app.get("/.well-known/wot")
    def well_known():
        document = thing("lamp", id="urn:ex:lamp", base="http://127.0.0.1:8080/")
        return app.response_class(json.dumps(document), mimetype="application/td+json")

    return app


def wait_until(is_true):
    """Wait for a condition that another thread brings about."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def test_an_announced_thing_is_registered_and_dropped_at_its_goodbye(lamp_device):
    """The description is fetched from where the announcement says."""
    store = OxigraphStore()
    parts = Parts(Directory(store), WsgiTransport(lamp_device))
    announcer = Zeroconf(interfaces=[LOOPBACK])
    try:
        with introduce_things(parts, LOOPBACK):
            announcer.register_service(service(f"lamp-{time.monotonic_ns()}"))
            wait_until(lambda: parts.directory.get("urn:ex:lamp") is not None)
            registration = parts.directory.get("urn:ex:lamp").registration
            assert registration["wasmiot:introducedBy"] == "dns-sd"
            announcer.unregister_all_services()
            wait_until(lambda: parts.directory.get("urn:ex:lamp") is None)
    finally:
        announcer.close()
        store.close()


@pytest.mark.parametrize(
    ("properties", "url"),
    [
        ({}, "http://127.0.0.1:8080/.well-known/wot"),
        ({"scheme": "https", "td": "/td"}, "https://127.0.0.1:8080/td"),
        ({"type": "Directory"}, None),
        ({"scheme": "coap"}, None),
        ({"td": "evil.example/td"}, None),
    ],
    ids=["a-thing", "over-tls", "a-directory", "another-protocol", "a-path-that-is-none"],
)
def test_the_url_comes_from_the_announcement(properties, url):
    """What is no Thing over HTTP is left alone."""
    assert description_url(service("x", **properties)) == url
