"""Introduced Things are asked again: what changed is registered, what is silent expires."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask, request

from orchestrator_app.directory import refresh
from orchestrator_app.directory.asking import Asker
from orchestrator_app.directory.things import Directory
from orchestrator_app.directory.turn_schedule import TurnSchedule
from orchestrator_app.directory.turns import Lane
from orchestrator_app.store import OxigraphStore
from wasmiot_td.consumed_thing import Transport
from wasmiot_td.wsgi_transport import WsgiTransport

URL = "http://lamp.example/td"
INTERVAL_SECONDS = 10.0


@dataclass
class Lamp:
    """A Thing on another host, with a description that can change."""

    document: dict
    is_on: bool = True
    answers: list = field(default_factory=list)

    def app(self):
        """Return the Thing as an application."""
        app = Flask("lamp")

        @app.get("/td")
        def description():
            if not self.is_on:
                return "", 500
            response = app.response_class(json.dumps(self.document))
            response.set_etag(str(hash(json.dumps(self.document))))
            response.make_conditional(request)
            self.answers.append(response.status_code)
            return response

        return app


@dataclass(frozen=True)
class Parts:
    """What introduction needs."""

    directory: Directory
    transport: Transport

    @property
    def brief_transport(self) -> Transport:
        """Nobody waits here."""
        return self.transport


@dataclass
class Scene:
    """A directory, a lamp, and a clock that is set by hand."""

    lamp: Lamp
    parts: Parts
    asker: Asker
    clock: list
    apps: dict
    urls: dict
    documents: dict = field(default_factory=dict)

    def sight(self, name, url):
        """Have a Thing announced."""
        self.urls[name] = url
        self.asker.schedule.sight(name)
        self.work()

    def goodbye(self, name):
        """Have a Thing say goodbye."""
        self.asker.schedule.drop(name)
        self.work()

    def work(self):
        """Take every turn that is due."""
        schedule = self.asker.schedule
        while self.asker.heed():
            pass
        while turns := [t for lane in Lane if (t := schedule.take(lane, waits=False))]:
            for turn in turns:
                self.asker.ask(turn)

    def ids(self):
        """Return the ids of what is registered."""
        return {thing.id for thing in self.parts.directory.page()}

    def later(self):
        """Let it become time to ask again."""
        self.clock[0] += INTERVAL_SECONDS
        self.work()

    def title(self):
        """Return the title that is registered, None if nothing is."""
        thing = self.parts.directory.get("urn:ex:lamp")
        return thing and thing.document["title"]


@pytest.fixture
def scene(thing):
    """A lamp that was introduced."""
    clock, store, urls = [0.0], OxigraphStore(), {}
    start = datetime(2026, 1, 1, tzinfo=UTC)
    lamp = Lamp(thing("lamp", id="urn:ex:lamp"))
    directory = Directory(store, now=lambda: start + timedelta(seconds=clock[0]))
    apps = {"http://lamp.example": lamp.app()}
    transport = WsgiTransport(apps)
    parts = Parts(directory, transport)
    schedule = TurnSchedule(now=lambda: clock[0])
    locate = lambda name, _lane: urls[name]  # noqa: E731
    asker = Asker(parts, schedule, locate, INTERVAL_SECONDS, now=lambda: clock[0])
    made = Scene(lamp, parts, asker, clock, apps, urls)
    made.sight("lamp", URL)
    yield made
    store.close()


def test_a_changed_description_is_fetched(scene):
    """The ETag tells; the registration goes on counting from the last answer."""
    scene.later()
    scene.lamp.document["title"] = "light"
    scene.later()
    assert scene.lamp.answers == [200, 304, 200]
    assert scene.title() == "light"
    assert scene.parts.directory.get("urn:ex:lamp").registration["ttl"] == 3 * INTERVAL_SECONDS


def test_what_is_introduced_several_times_is_one_thing(scene):
    """Two services lead to one description, one of them by another URL, and one says so twice."""
    scene.apps["http://other.example"] = scene.lamp.app()
    for _ in range(2):
        scene.sight("second", "http://other.example/td")
    scene.sight("third", URL)
    assert scene.ids() == {"urn:ex:lamp"}
    assert len(scene.lamp.answers) == 4
    scene.later()
    assert scene.ids() == {"urn:ex:lamp"}


def test_nobody_is_asked_before_it_is_due(scene):
    """A round in between asks nothing."""
    scene.work()
    assert scene.lamp.answers == [200]


def test_a_thing_that_vanishes_expires_and_may_come_back(scene):
    """Silence for three intervals ends the registration; the next answer is a new one."""
    scene.lamp.is_on = False
    for _ in range(3):
        scene.later()
    assert (scene.parts.directory.purge(), scene.title()) == (1, None)
    scene.lamp.is_on = True
    scene.later()
    assert scene.title() == "lamp"


def test_answers_keep_a_registration_alive(scene):
    """A Thing that does not change is renewed by its 304."""
    for _ in range(5):
        scene.later()
    assert (scene.parts.directory.purge(), scene.title()) == (0, "lamp")
    assert scene.lamp.answers == [200, 304, 304, 304, 304, 304]


def test_a_thing_that_takes_another_id_is_one_thing(scene):
    """The old id does not stay behind."""
    scene.lamp.document["id"] = "urn:ex:other"
    scene.later()
    assert [t.id for t in scene.parts.directory.page()] == ["urn:ex:other"]


def test_who_registers_over_http_is_left_alone(scene, thing):
    """From then on that registration counts, and a goodbye does not end it."""
    scene.parts.directory.register(thing("by hand", id="urn:ex:lamp"))
    scene.later()
    scene.goodbye("lamp")
    assert (scene.lamp.answers, scene.title()) == ([200], "by hand")


def test_a_thing_that_does_not_answer_yet_is_asked_later(scene):
    """The first try fails, and another follows."""
    scene.lamp.is_on = False
    scene.sight("another", URL)
    scene.lamp.is_on = True
    scene.goodbye("lamp")
    assert scene.title() is None
    scene.later()
    assert scene.title() == "lamp"


def link_to(*hrefs):
    """Return a Thing Link."""
    return {
        "@context": [
            "https://www.w3.org/2022/wot/td/v1.1",
            "https://www.w3.org/2022/wot/discovery",
        ],
        "@type": "ThingLink",
        "id": "urn:ex:link",
        "title": "link",
        "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
        "security": ["nosec_sc"],
        "links": [
            {"rel": "describedby", "href": href, "type": "application/td+json"} for href in hrefs
        ],
    }


@pytest.fixture
def linked(scene, thing):
    """A scene in which two Things and two Thing Links, which link to each other, stand around."""
    scene.documents = {
        "a": thing("a", id="urn:ex:a"),
        "b": thing("b", id="urn:ex:b"),
        "first": link_to("a", "/second"),
        "second": link_to("b", "first", "ftp://elsewhere/td", "missing"),
    }
    app = Flask("others")
    app.add_url_rule("/<name>", view_func=lambda name: scene.documents[name], endpoint="td")
    scene.apps["http://others.example"] = app
    scene.goodbye("lamp")
    return scene


def test_a_thing_link_leads_to_what_it_links_to(linked):
    """Once each, also where links lead in a circle; the link itself is no Thing."""
    linked.sight("link", "http://others.example/first")
    linked.later()
    assert linked.ids() == {"urn:ex:a", "urn:ex:b"}


def test_links_are_followed_up_to_a_number(linked, thing, monkeypatch):
    """One announcement does not fill the directory."""
    monkeypatch.setattr(refresh, "MOST_LINKS", 3)
    names = [f"t{number}" for number in range(9)]
    linked.documents |= {name: thing(name, id=f"urn:ex:{name}") for name in names}
    linked.documents["first"] = link_to(*names)
    linked.sight("link", "http://others.example/first")
    assert len(linked.ids()) == 3


def test_what_is_no_longer_linked_goes_and_what_is_new_comes(linked):
    """A round asks the link again."""
    linked.sight("link", "http://others.example/first")
    linked.documents["first"] = link_to("b")
    linked.later()
    assert linked.ids() == {"urn:ex:b"}


def test_a_goodbye_of_a_link_is_one_of_what_it_linked_to(linked):
    """Nobody else has announced it."""
    linked.sight("link", "http://others.example/first")
    linked.goodbye("link")
    linked.later()
    assert linked.ids() == set()


def test_a_link_that_comes_back_brings_at_once_what_it_links_to(linked):
    """Nobody waits until they would have been asked again."""
    for _ in range(2):
        linked.sight("link", "http://others.example/first")
        assert linked.ids() == {"urn:ex:a", "urn:ex:b"}
        linked.goodbye("link")
        assert linked.ids() == set()


def test_an_anonymous_thing_keeps_the_id_it_was_given(scene):
    """Asking it again makes no second Thing."""
    del scene.lamp.document["id"]
    scene.sight("other", URL)
    before = {t.id for t in scene.parts.directory.page()}
    scene.later()
    assert {t.id for t in scene.parts.directory.page()} == before


@pytest.mark.parametrize("types", ["ThingDirectory", ["Thing", "discovery:ThingDirectory"]])
def test_a_directory_is_left_alone_however_it_was_announced(scene, types):
    """Nothing in its announcement need say what it is; its description does."""
    scene.lamp.document["@type"] = types
    scene.sight("directory", URL)
    scene.later()
    assert scene.ids() == set()
    del scene.lamp.document["@type"]
    scene.later()
    assert scene.ids() == {"urn:ex:lamp"}


@pytest.mark.parametrize("types", [5, None, {"a": 1}, [[], 5, None]])
def test_types_that_are_none_are_no_reason_to_fall(scene, types):
    """The description is refused as any that is not valid, and the next round goes on."""
    scene.lamp.document |= {"@type": types, "id": "urn:ex:odd"}
    scene.sight("odd", URL)
    scene.later()
    assert scene.ids() == {"urn:ex:lamp"}


def test_a_thing_that_becomes_a_directory_goes(scene):
    """It was introduced as a Thing, and is no longer known as one."""
    scene.lamp.document["@type"] = "ThingDirectory"
    scene.later()
    assert scene.ids() == set()


def test_a_registration_is_held_while_nobody_has_time_to_ask(scene):
    """It does not run out; from its turn on it is the Thing's own business."""
    for _ in range(4):
        scene.clock[0] += INTERVAL_SECONDS
        scene.asker.hold()
    assert (scene.parts.directory.purge(), scene.title()) == (0, "lamp")
    scene.lamp.is_on = False
    for _ in range(4):
        scene.later()
        scene.asker.hold()
    assert (scene.parts.directory.purge(), scene.title()) == (1, None)


def test_who_answers_where_it_was_stays_though_its_name_leads_nowhere(scene):
    """It announced something, and who asks what hears nothing; later it is found elsewhere."""
    scene.apps["http://other.example"] = scene.lamp.app()
    del scene.urls["lamp"]
    scene.asker.schedule.sight("lamp")
    for _ in range(5):
        scene.later()
    assert (scene.parts.directory.purge(), scene.title()) == (0, "lamp")
    scene.urls["lamp"] = "http://other.example/td"
    scene.later()
    del scene.apps["http://lamp.example"]
    for _ in range(5):
        scene.later()
    assert (scene.parts.directory.purge(), scene.title()) == (0, "lamp")


def test_a_service_that_is_no_longer_for_us_goes(scene):
    """It announced another fleet, say; and comes back as any other."""
    scene.sight("lamp", None)
    assert scene.ids() == set()
    scene.sight("lamp", URL)
    assert scene.ids() == {"urn:ex:lamp"}
