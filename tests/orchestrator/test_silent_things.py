"""Things that accept a connection and say nothing hold up only one another; on real sockets."""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from orchestrator_app.directory.asking import Asker, asking
from orchestrator_app.directory.introduction import Sightings
from orchestrator_app.directory.things import Directory
from orchestrator_app.directory.turn_schedule import TurnSchedule
from orchestrator_app.directory.turns import Lane
from orchestrator_app.store import OxigraphStore
from wasmiot_td.consumed_thing import Transport
from wasmiot_td.http_transport import HttpTransport
from wasmiot_td.reach import LOCAL

PATIENCE_SECONDS = 60.0
INTERVAL_SECONDS = 1.0
WORKERS = {Lane.ANSWERED: 2, Lane.NEW: 2, Lane.SILENT: 2}


def wait_until(is_true):
    """Wait for a condition that other threads bring about."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


@dataclass(frozen=True)
class Parts:
    """What introduction needs: short of time, but not too short for a busy machine."""

    directory: Directory
    transport: Transport = field(default_factory=lambda: HttpTransport(1.0, reach=LOCAL))
    brief_transport: Transport = field(default_factory=lambda: HttpTransport(0.5, reach=LOCAL))


@dataclass
class Things:
    """Things behind one server, some of which keep whoever asks waiting."""

    silent: set = field(default_factory=set)
    asked: Counter = field(default_factory=Counter)
    present: Counter = field(default_factory=Counter)
    most_present: int = 0
    may_answer: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, name):
        """Return the description of a Thing, sooner or later."""
        with self.lock:
            self.asked[name] += 1
            self.present[name] += 1
            self.most_present = max(self.most_present, self.present[name])
        try:
            if name in self.silent:
                self.may_answer.wait(PATIENCE_SECONDS)
            document = {
                "@context": "https://www.w3.org/2022/wot/td/v1.1",
                "id": f"urn:ex:{name}",
                "title": name,
                "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
                "security": "nosec_sc",
            }
            return json.dumps(document).encode()
        finally:
            with self.lock:
                self.present[name] -= 1


@contextmanager
def served(things) -> Iterator[str]:
    """Serve Things; yields the URL below which they are."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = things.answer(self.path.strip("/"))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Write nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = False

        def handle_error(self, *_):
            """Let who did not wait be."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            things.may_answer.set()
            server.shutdown()
            thread.join()


@dataclass
class Scene:
    """A directory that introduces Things, and how they are announced to it."""

    parts: Parts
    things: Things
    url: str
    schedule: TurnSchedule
    urls: dict
    deleted: list

    def announce(self, name, url=""):
        """Have a Thing announced, as a browser tells of it."""
        self.urls[name] = url or f"{self.url}{name}"
        Sightings(self.schedule).add_service(None, "", name)

    def goodbye(self, name):
        """Have a Thing say goodbye."""
        Sightings(self.schedule).remove_service(None, "", name)

    def ids(self):
        """Return the last parts of the ids of what is registered, after a purge."""
        self.parts.directory.purge()
        return {thing.id.removeprefix("urn:ex:") for thing in self.parts.directory.page()}

    def has_asked(self, names, times):
        """Return whether some were asked so often; what expired meanwhile is gone."""
        self.parts.directory.purge()
        return all(self.things.asked[name] >= times for name in names)


@pytest.fixture
def scene():
    """A running introduction, and a server of Things that answer."""
    store, things, urls, deleted = OxigraphStore(), Things(), {}, []
    parts = Parts(Directory(store))
    parts.directory.on_change(lambda c: c.kind == "thing_deleted" and deleted.append(c.id))
    schedule = TurnSchedule()
    asker = Asker(parts, schedule, lambda name, _lane: urls[name], INTERVAL_SECONDS)
    with served(things) as url, asking(asker, WORKERS, look_seconds=0.1):
        yield Scene(parts, things, url, schedule, urls, deleted)
        things.may_answer.set()
    store.close()


@pytest.fixture
def silent_urls():
    """The URLs of three servers that take connections, and never say a word."""
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=512))
            for _ in range(3)
        ]
        yield [f"http://127.0.0.1:{each.getsockname()[1]}/td" for each in sockets]


def test_silent_things_hold_up_nobody(scene, silent_urls):
    """A new one comes, a goodbye is heeded, and none of those that answer expires."""
    good = ["a", "b", "c"]
    for name in (*good, "leaving"):
        scene.announce(name)
    wait_until(lambda: scene.ids() == {*good, "leaving"})
    for number in range(10):
        scene.announce(f"silent{number}", silent_urls[number % 3])
    scene.announce("late")
    wait_until(lambda: "late" in scene.ids())
    scene.goodbye("leaving")
    wait_until(lambda: "leaving" not in scene.ids())
    times = {name: scene.things.asked[name] + 4 for name in good}
    wait_until(lambda: all(scene.has_asked([name], times[name]) for name in good))
    assert (scene.ids(), scene.deleted) == ({*good, "late"}, ["urn:ex:leaving"])


def test_many_that_go_silent_at_once_take_nobody_with_them(scene, caplog):
    """They expire; those that answer do not, and their leases are held while they wait."""
    good, many = ["a", "b"], [f"many{number}" for number in range(10)]
    for name in (*many, *good):
        scene.announce(name)
    wait_until(lambda: scene.ids() == {*good, *many})
    scene.things.silent = set(many)
    wait_until(lambda: scene.ids() == set(good))
    scene.announce("late")
    wait_until(lambda: "late" in scene.ids())
    assert len(scene.deleted) == len(many)
    told = [r.message for r in caplog.records if "introduction_put_off" in r.message]
    assert len(told) == len(set(told)) > 0


def test_who_was_silent_is_asked_at_once_when_it_announces_itself_anew(scene, silent_urls):
    """Its new address is tried, however long the pause would have been."""
    scene.announce("lamp", silent_urls[0])
    scene.announce("lamp", silent_urls[1])
    scene.announce("lamp")
    wait_until(lambda: scene.ids() == {"lamp"})


def test_a_goodbye_during_a_fetch_wins(scene):
    """What comes late is not registered."""
    scene.things.silent = {"lamp"}
    scene.announce("lamp")
    wait_until(lambda: scene.things.asked["lamp"])
    scene.goodbye("lamp")
    scene.things.may_answer.set()
    wait_until(lambda: not scene.things.present["lamp"])
    scene.announce("other")
    wait_until(lambda: "other" in scene.ids())
    wait_until(lambda: not scene.schedule.asked_count)
    assert scene.ids() == {"other"}


def test_who_comes_back_after_a_goodbye_is_introduced(scene):
    """Also if it was being asked all the time."""
    scene.things.silent = {"lamp"}
    scene.announce("lamp")
    wait_until(lambda: scene.things.asked["lamp"])
    scene.goodbye("lamp")
    scene.announce("lamp")
    scene.things.silent = set()
    scene.things.may_answer.set()
    wait_until(lambda: scene.ids() == {"lamp"})
    assert scene.things.asked["lamp"] >= 2


def test_a_service_is_asked_by_one_worker_at_a_time(scene):
    """However often it announces itself."""
    for _ in range(20):
        scene.announce("lamp")
        wait_until(partial(scene.things.asked.__contains__, "lamp"))
    wait_until(lambda: scene.things.asked["lamp"] >= 3)
    assert scene.things.most_present == 1


def test_no_thread_is_left_of_those_that_wait_for_silent_things(silent_urls):
    """However long they might have waited."""
    store, schedule = OxigraphStore(), TurnSchedule()
    before = set(threading.enumerate())
    patient = HttpTransport(PATIENCE_SECONDS, reach=LOCAL)
    parts = Parts(Directory(store), patient, patient)
    locate = lambda name, _lane: silent_urls[int(name) % 3]  # noqa: E731
    with asking(Asker(parts, schedule, locate, INTERVAL_SECONDS), WORKERS):
        for number in range(12):
            schedule.sight(str(number))
        wait_until(lambda: schedule.asked_count >= 2)
    assert not set(threading.enumerate()) - before
    store.close()


def test_who_sends_its_headers_a_letter_at_a_time_is_cut_off():
    """No piece is late, and the answer would never begin."""
    store, schedule = OxigraphStore(), TurnSchedule()
    parts = Parts(Directory(store))
    ended = threading.Event()

    def trickle(server):
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not ended.wait(0.05):
                connection.sendall(b"a")
        ended.set()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=trickle, args=(server,))
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/td"
        asker = Asker(parts, schedule, lambda *_: url, INTERVAL_SECONDS)
        longest_seconds = dict.fromkeys(Lane, 1.0)
        with asking(asker, WORKERS, look_seconds=0.1, longest_seconds=longest_seconds):
            schedule.sight("lamp")
            assert ended.wait(PATIENCE_SECONDS)
        thread.join()
    store.close()
