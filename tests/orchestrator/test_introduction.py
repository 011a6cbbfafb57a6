"""Things found by DNS-SD, announced for real on the loopback interface."""

import gc
import json
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import pytest
from flask import Flask, request
from zeroconf import (
    EventLoopBlocked,
    ServiceBrowser,
    ServiceInfo,
    ServiceStateChange,
    Zeroconf,
)

from orchestrator_app.directory.asking import Asker, asking
from orchestrator_app.directory.introduction import (
    RETRY_SECONDS,
    SERVICE_TYPE,
    Sightings,
    announce_directory,
    description_url,
    directory_services,
    introduce_things,
    is_of_fleet,
    location,
)
from orchestrator_app.directory.things import Directory
from orchestrator_app.directory.turn_schedule import TurnSchedule
from orchestrator_app.store import OxigraphStore
from wasmiot_td.consumed_thing import Transport
from wasmiot_td.wsgi_transport import WsgiTransport

LOOPBACK = "127.0.0.1"
PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Parts:
    """What introduction needs."""

    directory: Directory
    transport: Transport

    @property
    def brief_transport(self) -> Transport:
        """Nobody waits here."""
        return self.transport


@dataclass(frozen=True)
class Asked:
    """A Thing that notes what it is asked for."""

    app: Flask
    paths: list

    def __call__(self, environ, start_response):
        """Note the path, and have it answered."""
        self.paths.append(environ["PATH_INFO"])
        return self.app(environ, start_response)


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
        said = threading.Event()
        with introduce_things(parts, LOOPBACK, on_goodbye=said.set):
            announcer.register_service(service(f"lamp-{time.monotonic_ns()}"))
            wait_until(lambda: parts.directory.get("urn:ex:lamp") is not None)
            registration = parts.directory.get("urn:ex:lamp").registration
            assert registration["wasmiot:introducedBy"] == "dns-sd"
            announcer.unregister_all_services()
            wait_until(lambda: parts.directory.get("urn:ex:lamp") is None)
            assert said.is_set()
    finally:
        announcer.close()
        store.close()


def test_what_is_announced_for_another_fleet_is_left_alone(thing):
    """Two fleets on one network: each orchestrator takes its own, and what says no fleet."""
    app = Flask("lamps")

    @app.get("/.well-known/wot")
    def well_known():
        port = request.host.rpartition(":")[2]
        document = thing("lamp", id=f"urn:ex:lamp-{port}", base=f"http://{request.host}/")
        return app.response_class(json.dumps(document), mimetype="application/td+json")

    store, number = OxigraphStore(), time.monotonic_ns()
    parts = Parts(Directory(store), WsgiTransport(app))
    announcer = Zeroconf(interfaces=[LOOPBACK])
    try:
        announcer.register_service(service(f"theirs-{number}", 8081, fleet="theirs"))
        announcer.register_service(service(f"ours-{number}", 8082, fleet="ours"))
        with introduce_things(parts, LOOPBACK, fleet="ours"):
            wait_until(lambda: parts.directory.get("urn:ex:lamp-8082") is not None)
            announcer.register_service(service(f"anybodys-{number}", 8083))
            wait_until(lambda: parts.directory.get("urn:ex:lamp-8083") is not None)
            assert parts.directory.get("urn:ex:lamp-8081") is None
    finally:
        announcer.close()
        store.close()


def test_the_directory_announces_itself():
    """Browsers of directories find it, with the path of its description."""
    found, infos = [], []
    browser = Zeroconf(interfaces=[LOOPBACK])
    thing_id = f"urn:ex:{time.monotonic_ns()}"
    expected = directory_services(thing_id, "http://127.0.0.1:5000/")[1]

    def note(zeroconf, service_type, name, state_change):
        if name == expected.name and state_change is not ServiceStateChange.Removed:
            found.append((service_type, name))  # to resolve it here would hold up the browser

    listening = ServiceBrowser(browser, "_directory._sub._wot._tcp.local.", handlers=[note])
    try:
        with announce_directory(thing_id, "http://127.0.0.1:5000/", LOOPBACK):
            wait_until(lambda: found)
            wait_until(lambda: infos.append(browser.get_service_info(*found[0])) or infos[-1])
    finally:
        listening.cancel()
        browser.close()
    assert (infos[-1].port, infos[-1].properties[b"td"]) == (5000, b"/.well-known/wot")
    assert infos[-1].properties[b"type"] == b"Directory"
    assert infos[-1].properties[b"scheme"] == b"http"


def test_a_responder_that_is_late_stops_nobody(monkeypatch):
    """An event loop that has too much to do is asked again, and the orchestrator starts anyway."""
    tries = []

    def late(*_, **__):
        tries.append(1)
        raise EventLoopBlocked

    monkeypatch.setattr(Zeroconf, "register_service", late)
    with announce_directory("urn:ex:late", "http://127.0.0.1:5000/", LOOPBACK):
        pass
    assert len(tries) == 2 * len(RETRY_SECONDS)


@contextmanager
def introducing(parts, responder):
    """Introduce what a responder resolves; yields the listener of its browser."""
    schedule = TurnSchedule()
    with asking(Asker(parts, schedule, partial(location, responder, ""), 30.0)):
        yield Sightings(schedule)


def test_a_sighting_that_cannot_be_resolved_yet_is_not_lost(lamp_device):
    """It is tried again later, also if nobody announces it anew."""
    answers = iter([EventLoopBlocked(), None, service("lamp")])
    store = OxigraphStore()
    parts = Parts(Directory(store), WsgiTransport(lamp_device))

    class Responder:
        def get_service_info(self, *_):
            answer = next(answers)
            if isinstance(answer, Exception):
                raise answer
            return answer

    with introducing(parts, Responder()) as sightings:
        sightings.add_service(None, SERVICE_TYPE, "lamp")
        wait_until(lambda: parts.directory.get("urn:ex:lamp") is not None)
    store.close()


def test_a_stranger_that_has_no_description_holds_up_nobody(lamp_device):
    """Though it was seen first, and is tried again, the next one is introduced at once."""
    seen = {"stranger": service("stranger", td="/nowhere"), "lamp": service("lamp")}
    asked = []
    store = OxigraphStore()
    parts = Parts(Directory(store), WsgiTransport(Asked(lamp_device, asked)))

    class Responder:
        def get_service_info(self, _, name, __):
            return seen[name]

    with introducing(parts, Responder()) as sightings:
        for name in seen:
            sightings.add_service(None, SERVICE_TYPE, name)
        wait_until(lambda: parts.directory.get("urn:ex:lamp") is not None)
        wait_until(lambda: asked.count("/nowhere") == 2)
    store.close()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # zeroconf leaves its socket open
def test_closed_multicast_stops_nobody():
    """Without an interface to browse on, the orchestrator runs all the same."""
    store = OxigraphStore()
    parts = Parts(Directory(store), WsgiTransport({}))
    with (
        introduce_things(parts, "192.0.2.1"),
        announce_directory("urn:x", "http://x/", "192.0.2.1"),
    ):
        store.close()
    gc.collect()


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


@pytest.mark.parametrize("write", [str.upper, str.title])
def test_the_keys_of_an_announcement_may_be_in_any_case(write):
    """Case is ignored when a key is read (RFC 6763, clause 6.4), and of two the first counts."""
    said = {"td": "/upper", "type": "Thing", "scheme": "https", "fleet": "ours"}
    properties = {write(name): value for name, value in said.items()} | {"td": "/second"}
    info = ServiceInfo(
        SERVICE_TYPE,
        f"x.{SERVICE_TYPE}",
        addresses=[socket.inet_aton(LOOPBACK)],
        port=8080,
        properties=properties,
    )
    assert description_url(info) == "https://127.0.0.1:8080/upper"
    assert is_of_fleet(info, "ours")
    assert not is_of_fleet(info, "theirs")
