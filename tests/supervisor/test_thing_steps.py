"""Steps that other Things do, whoever made them."""

import threading
import time

import pytest
from flask import Flask, Response, request

from wasmiot_td.consumed_thing import WsgiTransport
from wasmiot_td.errors import ThingUnreachable

INTEGER = {"type": "integer"}
TEXT = {"type": "string"}
PICTURE = {"type": "string", "contentMediaType": "image/png"}
STATIC = {
    "@context": "https://www.w3.org/2022/wot/td/v1.1",
    "id": "urn:dev:lamp",
    "title": "Lamp of another maker",
    "base": "http://lamp/",
    "security": "none",
    "securityDefinitions": {"none": {"scheme": "nosec"}},
    "properties": {
        "level": {**INTEGER, "forms": [{"href": "level"}]},
        "room": {
            **TEXT,
            "uriVariables": {"floor": INTEGER},
            "forms": [{"href": "room{?floor}"}],
        },
        "picture": {"readOnly": True, "forms": [{"href": "picture", "contentType": "image/png"}]},
    },
    "actions": {
        "toggle": {"forms": [{"href": "toggle"}], "synchronous": True},
        "fade": {
            "input": {"type": "object", "properties": {"to": INTEGER, "seconds": INTEGER}},
            "output": INTEGER,
            "synchronous": False,
            "forms": [{"href": "fade"}],
        },
        "show": {
            "input": PICTURE,
            "output": TEXT,
            "forms": [{"href": "show", "contentType": "image/png"}],
        },
    },
}


class Lamp:
    """A Thing of another maker, with a record of what it was asked."""

    def __init__(self):
        self.asked, self.value, self.statuses = [], 7, ["running", "completed"]
        self.fails, self.cancelled, self.is_slow = 0, threading.Event(), False
        self.ids = []
        self.app = Flask("lamp")
        self.app.add_url_rule(
            "/<path:path>", view_func=self.answer, methods=["GET", "PUT", "POST", "DELETE"]
        )

    def answer(self, path):
        """Answer any request."""
        if path == "td":
            return STATIC
        key = request.headers.get("Idempotency-Key")
        self.asked.append((request.method, request.full_path.strip("?"), request.data, key))
        self.ids.append(request.headers.get("X-Request-Id"))
        if self.fails:
            self.fails -= 1
            return Response(status=503)
        return getattr(self, path.partition("/")[0])()

    def level(self):
        """Be read and written."""
        if request.method == "PUT":
            self.value = request.json
            return Response(status=204)
        return Response(str(self.value), content_type="application/json")

    def toggle(self):
        """Toggle."""
        return Response(status=204)

    def room(self):
        """Name a room."""
        return Response(f'"floor {request.args["floor"]}"', content_type="application/json")

    def picture(self):
        """Show what the lamp sees."""
        return Response(b"\x89PNG", content_type="image/png")

    def show(self):
        """Take a picture."""
        return Response(f'"{len(request.data)} bytes"', content_type="application/json")

    def fade(self):
        """Be asked for a fade, asked how it goes, and told to stop."""
        if request.method == "POST":
            return {"status": "pending", "href": "fade/1"}, 201, {"Location": "/fade/1"}
        if request.method == "DELETE":
            self.cancelled.set()
            return Response(status=204)
        status = "running" if self.is_slow else self.statuses.pop(0)
        ends = {"completed": {"output": 42}, "failed": {"error": {"title": "Bulb broken"}}}
        return {"status": status, **ends.get(status, {})}


@pytest.fixture
def lamp():
    """A lamp."""
    return Lamp()


@pytest.fixture
def apps(lamp):
    """The applications by address."""
    return {"http://lamp/": lamp.app}


@pytest.fixture
def hub(make_device, apps):
    """A device beside the lamp."""
    device = make_device(
        WsgiTransport(apps), name="hub", public_url="http://hub/", follow_seconds=5
    )
    apps["http://hub/"] = device.app
    return device


def use(affordance, op, **members):
    """Return an action that uses the lamp."""
    target = {"id": "urn:dev:lamp", "thing": "http://lamp/td", "affordance": affordance, "op": op}
    return {"wasmiot:uses": target, **members}


def put(device, **actions):
    """Install actions without any module."""
    document = {
        "@context": [STATIC["@context"], "https://wetware.fi/2023/wasmiot/v1.0"],
        "title": "chain",
        "actions": actions,
    }
    response = device.client.put("/deployments/d", json=document)
    assert response.status_code == 201, response.text


def test_property_is_read(hub):
    """A step reads a property of a Thing that knows nothing of modules."""
    put(hub, step=use("level", "readproperty", output=INTEGER))
    assert hub.invoke("d", "step")["output"] == 7


@pytest.mark.parametrize("is_synchronous", [True, False])
def test_the_id_of_the_request_goes_along(hub, lamp, is_synchronous):
    """The Thing behind a step learns the id of the request, whether the caller waits or not."""
    put(hub, step=use("toggle", "invokeaction", synchronous=is_synchronous))
    headers = {"X-Request-Id": "r1", "Prefer": "wait=5"}
    assert hub.client.post("/deployments/d/actions/step", headers=headers).status_code < 300
    assert lamp.ids == ["r1"]


def test_property_is_read_with_a_variable(hub):
    """A constant fills the variable of a form."""
    arguments = {"wasmiot:arguments": {"floor": 3}}
    put(hub, step=use("room", "readproperty", output=TEXT, **arguments))
    assert hub.invoke("d", "step")["output"] == "floor 3"


def test_property_is_written(hub, lamp):
    """A step writes what it is given."""
    put(hub, step=use("level", "writeproperty", input=INTEGER))
    assert hub.invoke("d", "step", json=5)["status"] == "completed"
    assert lamp.value == 5


def test_constant_is_written(hub, lamp):
    """A single constant is the value of a property that is no object."""
    put(hub, step=use("level", "writeproperty", input=INTEGER, **{"wasmiot:arguments": {"v": 3}}))
    assert hub.invoke("d", "step")["status"] == "completed"
    assert lamp.value == 3


def test_action_is_invoked(hub, lamp):
    """An action without input is invoked without any, whatever came."""
    put(hub, step=use("toggle", "invokeaction"))
    assert hub.invoke("d", "step", json=[1, 2])["status"] == "completed"
    assert lamp.asked[0][:3] == ("POST", "/toggle", b"")


def test_action_is_followed_to_its_end(hub, lamp):
    """An action that goes on is asked about until it has ended; its output goes on."""
    feeds = {"wasmiot:feeds": [{"id": "urn:x", "thing": "http://hub/deployments/d/td"}]}
    feeds["wasmiot:feeds"][0]["affordance"] = "after"
    step = use("fade", "invokeaction", input=STATIC["actions"]["fade"]["input"], output=INTEGER)
    arguments = {"wasmiot:arguments": {"seconds": 2}}
    after = use("level", "writeproperty", input=INTEGER)
    put(hub, step={**step, **feeds, **arguments}, after=after)
    status = hub.invoke("d", "step", json={"to": 9})
    assert status["output"] == 42
    assert lamp.asked[0][2] == b'{"to": 9, "seconds": 2}'
    assert hub.ended(status["resultUrl"])["status"] == "completed"
    assert lamp.value == 42


def test_steps_of_the_same_device(make_device, apps):
    """A step that uses an action of its own device does not stand in that one's way."""
    hub = make_device(WsgiTransport(apps), public_url="http://hub/", workers=1, follow_seconds=5)
    apps["http://hub/"] = hub.app
    own = {"thing": "http://hub/deployments/d/td", "op": "invokeaction"}
    put(
        hub,
        outer={"wasmiot:uses": {**own, "affordance": "middle"}, "output": INTEGER},
        middle={"wasmiot:uses": {**own, "affordance": "inner"}, "output": INTEGER},
        inner=use("level", "readproperty", output=INTEGER),
    )
    assert hub.invoke("d", "outer")["output"] == 7


def test_action_that_fails(hub, lamp):
    """An action that fails fails the step, with what the Thing said."""
    lamp.statuses = ["failed"]
    put(hub, step=use("fade", "invokeaction"))
    error = hub.invoke("d", "step")["error"]
    assert (error["status"], error["cause"]) == (502, {"title": "Bulb broken"})


def test_action_that_does_not_end(make_device, apps, lamp):
    """An action that takes too long is cancelled where it runs, and fails the step."""
    lamp.is_slow = True
    hub = make_device(WsgiTransport(apps), follow_seconds=0.05)
    put(hub, step=use("fade", "invokeaction"))
    assert hub.invoke("d", "step")["error"]["status"] == 504
    assert lamp.cancelled.is_set()


def test_cancel_goes_on_to_the_thing(hub, lamp):
    """Who cancels the step cancels the action behind it."""
    lamp.is_slow = True
    put(hub, step=use("fade", "invokeaction"))
    href = hub.client.post("/deployments/d/actions/step").json["href"]
    while not any(path.startswith("/fade/1") for _, path, *_ in lamp.asked):
        time.sleep(0.005)
    hub.client.delete(href)
    assert hub.ended(href)["error"]["trap"] == "cancelled"
    assert lamp.cancelled.is_set()


def test_files(hub):
    """A step gets a file of one affordance, and gives it to the next."""
    feeds = {"id": "urn:x", "thing": "http://hub/deployments/d/td", "affordance": "show"}
    look = use("picture", "readproperty", output=PICTURE, **{"wasmiot:feeds": [feeds]})
    put(hub, look=look, show=use("show", "invokeaction", input=PICTURE, output=TEXT))
    status = hub.invoke("d", "look")
    answer = hub.client.get(status["outputUrl"])
    assert (answer.data, answer.content_type) == (b"\x89PNG", "image/png")
    assert hub.ended(status["resultUrl"])["output"] == "4 bytes"


def test_execution_is_named_to_the_thing(hub, lamp):
    """Each step of an execution is one call to the Thing: its key is the step's own."""
    put(hub, a=use("toggle", "invokeaction"), b=use("toggle", "invokeaction"))
    for name in ("a", "b", "a"):
        hub.invoke("d", name, headers={"Idempotency-Key": '"k"'})
    keys = [key for *_, key in lamp.asked]
    assert (len(keys), len(set(keys))) == (2, 2)


@pytest.mark.parametrize(
    ("affordance", "op", "status"),
    [("toggle", "invokeaction", "completed"), ("room", "readproperty", "completed")],
)
def test_refusal_that_passes(hub, lamp, affordance, op, status):
    """A Thing that is busy for a moment is asked again."""
    lamp.fails = 2
    put(hub, step=use(affordance, op, **{"wasmiot:arguments": {"floor": 1}}))
    assert hub.invoke("d", "step")["status"] == status


def test_action_is_not_repeated_in_doubt(make_device, apps, lamp):
    """An action that may have been done is not done again, unless it says that it may be."""
    tried = []

    class Broken(WsgiTransport):
        def open(self, method, url, **request):
            if method == "POST":
                tried.append(url)
                raise ThingUnreachable("the answer never came", url)
            return super().open(method, url, **request)

    hub = make_device(Broken(apps))
    put(hub, step=use("toggle", "invokeaction"))
    assert hub.invoke("d", "step")["error"]["status"] == 502
    assert len(tried) == 1


def test_description_from_disk(make_device, apps, lamp, tmp_path):
    """A Thing is used by the copy of its description when the description's URL is silent."""
    place = {"data_dir": tmp_path / "kept", "public_url": "http://hub/"}
    first = make_device(WsgiTransport(apps), **place)
    target = {"id": "urn:dev:lamp", "thing": "http://directory/lamp", "affordance": "level"}
    directory = Flask("directory")
    directory.add_url_rule("/lamp", view_func=lambda: STATIC)
    apps["http://directory/"] = directory
    put(first, step={"wasmiot:uses": {**target, "op": "readproperty"}, "output": INTEGER})
    while not list((tmp_path / "kept" / "descriptions").glob("*.json")):
        time.sleep(0.005)
    del apps["http://directory/"]
    assert first.invoke("d", "step")["output"] == 7
    again = make_device(WsgiTransport(apps), **place)
    assert again.invoke("d", "step")["output"] == 7


def test_description_that_is_outdated(hub, lamp, apps):
    """A Thing that has moved is found by its new description."""
    directory = Flask("directory")
    current = dict(STATIC)
    directory.add_url_rule("/lamp", view_func=lambda: current)
    apps["http://directory/"] = directory
    target = {"id": "urn:dev:lamp", "thing": "http://directory/lamp", "affordance": "level"}
    put(hub, step={"wasmiot:uses": {**target, "op": "readproperty"}, "output": INTEGER})
    assert hub.invoke("d", "step")["output"] == 7
    moved = {"level": {**INTEGER, "forms": [{"href": "http://lamp/room?floor=1"}]}}
    old = Flask("old")
    current["base"], current["properties"] = "http://lamp/", moved
    apps["http://lamp/level"] = old
    assert hub.invoke("d", "step")["output"] == "floor 1"


def test_copies_go_with_their_installation(hub):
    """What nothing refers to any more is not kept."""
    put(hub, step=use("level", "readproperty"))
    hub.invoke("d", "step")
    kept = hub.settings.data_dir / "descriptions"
    while not list(kept.glob("*.json")):
        time.sleep(0.005)
    hub.client.delete("/deployments/d")
    assert list(kept.glob("*.json")) == []


@pytest.mark.parametrize(
    "uses",
    [
        {"id": "urn:dev:lamp", "affordance": "level", "op": "readproperty"},
        {"id": "urn:dev:lamp", "thing": "http://lamp/td", "op": "readproperty"},
    ],
    ids=["no address", "no affordance"],
)
def test_use_that_cannot_be(hub, uses):
    """What cannot be used as it stands is refused when it is put."""
    document = {"@context": [STATIC["@context"]], "title": "t"}
    document["@context"].append("https://wetware.fi/2023/wasmiot/v1.0")
    action = {"wasmiot:uses": uses}
    response = hub.client.put("/deployments/d", json={**document, "actions": {"a": action}})
    assert response.json["validationErrors"][0]["field"] == "/actions/a/wasmiot:uses"
