"""A device joins when its orchestrator can be had, believes no other, and stays registered."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.app import create_app
from orchestrator_app.settings import Settings
from supervisor_app import joining
from supervisor_app.admission import is_joined
from supervisor_app.directory import Directory
from supervisor_app.joining import (
    JoinRefused,
    join,
    join_when_possible,
    know_address,
    pauses,
    stay_registered,
)
from wasmiot_td.access.authorization import AuthorizedTransport
from wasmiot_td.access.guard import Guard
from wasmiot_td.access.join_tokens import make_join_token
from wasmiot_td.access.peer_tokens import PeerTokens
from wasmiot_td.access.peers import known_peers, revoke_peers, revoked_keys
from wasmiot_td.errors import ThingProblem
from wasmiot_td.wsgi_transport import WsgiTransport

URL, BASE, DEVICE = "http://o.test/", "http://d.test/", "urn:ex:device"
PATIENCE_SECONDS = 20.0


def answering(status: str, document: Any) -> Callable[..., list[bytes]]:
    """Return an application that answers everything in one way."""

    def application(_environ: Any, start_response: Any) -> list[bytes]:
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps(document).encode()]

    return application


class World:
    """An orchestrator that may be away, and a device's side of joining it."""

    def __init__(self, directory: Path) -> None:
        settings = Settings(data_dir=directory / "o", public_url=URL)
        self.orchestrator = create_app(settings)
        self.access = directory / "o" / "access"
        self.at: dict[str, Callable[..., Any]] = {}
        self.tokens = PeerTokens(Guard(directory / "d", own_id=DEVICE, is_guarded=True))
        self.way = AuthorizedTransport(WsgiTransport(self.at), self.tokens)
        self.text = make_join_token(self.access, "device", timedelta(hours=1))[0]
        self.joining = partial(join, self.tokens, URL, BASE, self.text, self.way)

    @property
    def directory(self) -> Any:
        """The orchestrator's directory."""
        return self.orchestrator.extensions["wasmiot"].directory

    def described(self, title: str = "device") -> dict[str, object]:
        """Return a description of the device."""
        security = {"securityDefinitions": {"n": {"scheme": "nosec"}}, "security": ["n"]}
        context = "https://www.w3.org/2022/wot/td/v1.1"
        return {"@context": context, "id": DEVICE, "title": title, "base": BASE, **security}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Return an orchestrator and a device."""
    found = World(tmp_path)
    yield found
    found.orchestrator.extensions["wasmiot"].close()


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for what a thread brings about."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_device_waits_for_its_orchestrator(world: World) -> None:
    """Away, busy or somebody else: it asks again, and the token is still good when it is there."""
    said: list[bool] = []
    stop = threading.Event()
    thread = threading.Thread(
        target=lambda: said.append(join_when_possible(world.joining, stop, 0.01))
    )
    thread.start()
    impostor = {"orchestrator": "urn:x", "key": "A" * 43, "base": URL, "proof": "0" * 64}
    for application in (
        answering("503 Service Unavailable", {"title": "busy"}),
        answering("404 Not Found", {}),
        answering("200 OK", impostor),
        answering("200 OK", ["nonsense"]),
    ):
        world.at[URL] = application
        time.sleep(0.05)
    assert known_peers(world.tokens.directory) == {}
    world.at[URL] = world.orchestrator
    thread.join(PATIENCE_SECONDS)
    assert said == [True]
    assert is_joined(world.tokens, world.text)


def test_a_refusal_is_final(world: World) -> None:
    """A token that does not count is not tried again and again."""
    world.at[URL] = world.orchestrator
    other = make_join_token(world.access / "elsewhere", "x", timedelta(hours=1))[0]
    joining_by = partial(join, world.tokens, URL, BASE, other, world.way)
    with pytest.raises(JoinRefused, match="unknown or was revoked"):
        joining_by()
    assert join_when_possible(joining_by, threading.Event(), 0.01) is False
    assert not is_joined(world.tokens, other)


def test_a_refusal_that_an_operator_can_end_is_no_end(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """At the address of another device it is said what to do; the token does after that."""
    world.at[URL] = world.orchestrator
    text = make_join_token(world.access, "old", timedelta(hours=1))[0]
    old = PeerTokens(Guard(world.access.parent / "old", own_id="urn:ex:old"))
    join(old, URL, BASE, text, world.way)
    world.directory.register({**world.described(), "id": "urn:ex:old", "base": "http://x.test/"})
    said: list[bool] = []
    arguments = (world.joining, threading.Event(), 0.01)
    thread = threading.Thread(target=lambda: said.append(join_when_possible(*arguments)))
    thread.start()
    wait_until(lambda: "`wasmiot token revoke urn:ex:old`" in caplog.text)
    revoke_peers(world.access, "urn:ex:old")
    thread.join(PATIENCE_SECONDS)
    assert said == [True]


def test_the_address_of_a_thing_that_was_removed_is_free(world: World) -> None:
    """Where the device is gone, and its Thing too, another may be; its key is not reached there."""
    world.at[URL] = world.orchestrator
    text = make_join_token(world.access, "old", timedelta(hours=1))[0]
    old = PeerTokens(Guard(world.access.parent / "old", own_id="urn:ex:old"))
    join(old, URL, BASE, text, world.way)
    world.joining()
    peers = known_peers(world.access)
    assert (peers["urn:ex:old"].bases, peers[DEVICE].bases) == ((), (BASE,))


def test_pauses_grow() -> None:
    """They double up to a minute."""
    assert list(islice(pauses(4.0), 6)) == [4, 8, 16, 32, 60, 60]


def test_who_answers_without_the_token_is_not_believed(world: World) -> None:
    """A made up answer is an error that may pass, and its key is not kept."""
    world.at[URL] = answering("200 OK", {"orchestrator": "urn:x", "key": "A" * 43, "base": URL})
    with pytest.raises(ThingProblem, match="does not know the join token"):
        world.joining()
    assert known_peers(world.tokens.directory) == {}


def test_a_device_registers_itself_and_learns_of_revoked_keys(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, when it changes, and when it is elsewhere; the list of others' keys is kept."""
    monkeypatch.setattr(joining, "LOOK_SECONDS", 0.01)
    world.at[URL] = world.orchestrator
    world.joining()
    titles, stop = ["device"], threading.Event()
    directory = Directory(URL, world.way)
    arguments = (world.tokens, directory, lambda: world.described(titles[0]), stop)
    thread = threading.Thread(target=stay_registered, args=arguments)
    thread.start()
    try:
        wait_until(lambda: world.directory.get(DEVICE) is not None)
        titles[0] = "renamed"
        wait_until(lambda: world.directory.get(DEVICE).document["title"] == "renamed")
        world.directory.register({**world.described(), "base": "http://copy.test/"})
        wait_until(lambda: world.directory.get(DEVICE).document["base"] == BASE)
        revoke_peers(world.access, "nobody")
        text = make_join_token(world.access, "second", timedelta(hours=1))[0]
        second = PeerTokens(Guard(world.access.parent / "second", own_id="urn:ex:second"))
        join(second, URL, "http://s.test/", text, world.way)
        revoke_peers(world.access, "second")
        wait_until(lambda: revoked_keys(world.tokens.directory).keys() == {second.key.public})
    finally:
        stop.set()
        thread.join(PATIENCE_SECONDS)


def test_an_orchestrator_that_moved_is_shown_the_same(world: World) -> None:
    """Where the operator says that it is now, the device is known by the same key."""
    moved = "http://moved.test/"
    world.at[URL] = world.orchestrator
    world.joining()
    world.at[moved] = world.at.pop(URL)
    know_address(world.tokens, moved)
    Directory(moved, world.way).put(DEVICE, world.described())
    assert world.directory.get(DEVICE) is not None
