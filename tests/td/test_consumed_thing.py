"""Consumed Things: over sockets and without, by their forms and by the defaults."""

import json

import pytest
from lamp import JSON, Lamp

from wasmiot_td import defaults, uri_template
from wasmiot_td.consumed_thing import ConsumedThing, Transport
from wasmiot_td.errors import AffordanceNotFound, ThingProblem, ThingUnreachable
from wasmiot_td.models.action_status import ActionStatus


@pytest.fixture
def thing(reached: tuple[str, Transport]) -> ConsumedThing:
    """Return the lamp, consumed."""
    url, transport = reached
    return ConsumedThing.fetch(f"{url}td", transport)


def test_a_property_is_read_and_written(thing: ConsumedThing, lamp: Lamp) -> None:
    """Without `op` and methods, GET reads and PUT writes; a relative base is resolved."""
    assert thing.read_property("level") == 3
    thing.write_property("level", 8)
    assert lamp.level == 8
    assert lamp.seen[-1]["type"] == JSON


def test_a_file_is_read_as_bytes(thing: ConsumedThing) -> None:
    """What is neither JSON nor text comes as it is."""
    assert thing.read_property("photo") == b"\x89PNG"


def test_the_form_names_the_method(thing: ConsumedThing) -> None:
    """`htv:methodName` goes before the default."""
    assert thing.read_property("old") == "POST"


def test_uri_variables_fill_the_template(thing: ConsumedThing, lamp: Lamp) -> None:
    """Variables are escaped into path and query."""
    assert thing.read_property("at", room="living room", unit="°") == "here"
    assert lamp.seen[-1]["query"] == {"unit": ["°"]}


def test_a_uri_variable_may_be_called_name(thing: ConsumedThing) -> None:
    """The affordance's own name does not stand in its way."""
    assert thing.read_property("named", name="living room") == "here"


@pytest.mark.parametrize("variables", [{}, {"room": "x", "colour": "red"}])
def test_wrong_uri_variables_are_named(thing: ConsumedThing, variables: dict[str, str]) -> None:
    """One that is needed and missing, or given and unknown, is an error before any request."""
    with pytest.raises(AffordanceNotFound, match=r"room|colour"):
        thing.read_property("at", **variables)


@pytest.mark.parametrize("name", ["colour", "far", "watched"])
def test_what_cannot_be_read_is_an_error(thing: ConsumedThing, name: str) -> None:
    """No such property, no HTTP form, no form for the operation."""
    with pytest.raises(AffordanceNotFound, match=name):
        thing.read_property(name)


def test_a_read_only_property_is_not_written(thing: ConsumedThing) -> None:
    """The default operations are narrowed by `readOnly`."""
    with pytest.raises(AffordanceNotFound, match="writeproperty"):
        thing.write_property("old", 1)


def test_a_synchronous_action_gives_its_output(thing: ConsumedThing) -> None:
    """204 is no output; 200 is the output, even if it looks like a status."""
    assert thing.invoke_action("toggle") is None
    assert thing.invoke_action("state") == {"status": "completed", "room": "hall"}


def test_an_asynchronous_action_is_followed_to_its_end(thing: ConsumedThing, lamp: Lamp) -> None:
    """The status carries absolute URLs: of itself, of its file, of the next invocation."""
    pending = thing.invoke_action("fade", {"to": 1})
    assert isinstance(pending, ActionStatus)
    assert pending.href == f"{thing.base}fade/1"
    assert json.loads(lamp.seen[-1]["body"]) == {"to": 1}
    done = thing.wait_for_action(pending)
    assert (done.status, done.result_url) == ("completed", "http://n/2")
    assert done.output_url == f"{thing.base}fade/1/output"
    assert thing.fetch_output(done.output_url) == (b"pixels", "image/png")


def test_an_action_is_cancelled(thing: ConsumedThing, lamp: Lamp) -> None:
    """Cancelling deletes the invocation."""
    pending = thing.invoke_action("fade")
    thing.cancel_action(pending.href)
    assert lamp.seen[-1]["method"] == "DELETE"


def test_what_is_no_status_is_an_error(thing: ConsumedThing) -> None:
    """An answer that only looks like one does not keep anybody waiting."""
    for path in ("level", "photo", "toggle"):
        with pytest.raises(ThingProblem, match="no status of an action"):
            thing.query_action(path)


def test_waiting_ends(thing: ConsumedThing) -> None:
    """An invocation that does not end in time is reported with its last status."""
    pending = thing.invoke_action("fade")
    with pytest.raises(ThingUnreachable, match="is pending"):
        thing.wait_for_action(pending, timeout_seconds=-1)


def test_a_file_goes_to_the_form_of_its_type(thing: ConsumedThing, lamp: Lamp) -> None:
    """A body is sent as it is, by the form that takes its content type."""
    assert thing.invoke_action("classify", body=b"\x89PNG", content_type="image/png") == 7
    assert lamp.seen[-1]["body"] == b"\x89PNG"
    assert lamp.seen[-1]["type"] == "image/png"
    assert thing.invoke_action("classify", 3) == 5


def test_a_problem_is_an_error_with_its_details(thing: ConsumedThing) -> None:
    """Status and problem details reach the caller."""
    with pytest.raises(ThingProblem, match="filament") as caught:
        thing.invoke_action("break")
    assert caught.value.status == 503
    assert caught.value.problem["title"] == "Broken"


def test_an_error_that_is_no_problem_details_is_told(reached: tuple[str, Transport]) -> None:
    """The text of any other error serves as its detail."""
    url, transport = reached
    with pytest.raises(ThingProblem, match="404: nothing here"):
        ConsumedThing.fetch(f"{url}nowhere", transport)


@pytest.mark.parametrize(("path", "said"), [("list", "object"), ("photo", "not JSON")])
def test_a_description_must_be_a_json_object(
    reached: tuple[str, Transport], path: str, said: str
) -> None:
    """Anything else is refused by name."""
    url, transport = reached
    with pytest.raises(ThingProblem, match=said):
        ConsumedThing.fetch(f"{url}{path}", transport)


def test_defaults_are_resolved_without_being_written() -> None:
    """The copy says everything, and the description stays as it was."""
    td = Lamp().td()
    before = json.dumps(td)
    resolved = defaults.with_defaults(td)
    old = resolved["properties"]["old"]
    assert old["forms"][0]["op"] == ["readproperty"]
    assert old["forms"][0]["contentType"] == JSON
    assert (old["readOnly"], old["writeOnly"], old["observable"]) == (True, False, False)
    assert "synchronous" not in resolved["actions"]["break"]
    assert resolved["actions"]["break"]["safe"] is False
    assert json.dumps(td) == before


@pytest.mark.parametrize(
    ("template", "uri"),
    [
        ("{var}", "value"),
        ("{hello}", "Hello%20World%21"),
        ("{+path}/here", "/foo/bar/here"),
        ("X{#x,hello}", "X#1024,Hello%20World!"),
        ("{/var,x}", "/value/1024"),
        ("{;x,empty}", ";x=1024;empty"),
        ("{?x,undefined,y}", "?x=1024&y=768"),
        ("?fixed=yes{&x}", "?fixed=yes&x=1024"),
        ("map{.var}", "map.value"),
        ("{no such thing}", "{no such thing}"),
    ],
)
def test_uri_templates(template: str, uri: str) -> None:
    """Levels 1 to 3 of RFC 6570."""
    values = {"var": "value", "hello": "Hello World!", "path": "/foo/bar", "x": 1024, "y": 768}
    assert uri_template.expand(template, {**values, "empty": ""}) == uri
