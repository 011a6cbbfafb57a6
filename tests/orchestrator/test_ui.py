"""What the pages decide: fields from schemas, drawings from documents, who may post."""

import json
from pathlib import Path

import pytest

from orchestrator_app.ui import page as page_module
from orchestrator_app.ui.affordances import affordances_of, is_of
from orchestrator_app.ui.composition import choices_of, manifest_of
from orchestrator_app.ui.documented_queries import documented_queries
from orchestrator_app.ui.input_fields import FieldError, fields_of, value_of
from orchestrator_app.ui.pictures import for_browsers
from orchestrator_app.ui.results import shown
from orchestrator_app.ui.sending import given_of, input_of
from orchestrator_app.ui.topology import topology

OBJECT = {
    "type": "object",
    "properties": {
        "count": {"type": "integer", "minimum": 1},
        "is_loud": {"type": "boolean"},
        "words": {"type": "array"},
        "note": {"type": "string"},
    },
    "required": ["count"],
}


def test_an_object_has_a_field_for_each_member():
    """Their kinds follow the types."""
    kinds = {f.name: (f.kind, f.is_required) for f in fields_of(OBJECT)}
    assert kinds == {
        "count": ("number", True),
        "is_loud": ("choice", False),
        "words": ("json", False),
        "note": ("text", False),
    }


def test_what_is_typed_becomes_a_value():
    """Empty fields that nobody needs are left out."""
    texts = {"count": "3", "is_loud": "true", "words": '["a"]', "note": ""}
    value = value_of(fields_of(OBJECT), texts, OBJECT)
    assert value == {"count": 3, "is_loud": True, "words": ["a"]}


def test_a_choice_keeps_the_type_of_its_values():
    """An enumeration of numbers gives numbers."""
    schema = {"enum": [1, 2]}
    assert value_of(fields_of(schema), {"": "2"}, schema) == 2


def test_what_is_no_number_is_refused():
    """The field is named."""
    with pytest.raises(FieldError, match="count is a number"):
        value_of(fields_of(OBJECT), {"count": "many"}, OBJECT)


def test_one_file_is_sent_as_it_is():
    """In the media type of its schema."""
    schema = {"type": "string", "contentMediaType": "image/png"}
    given = input_of(schema, {}, {"": (b"png", "application/octet-stream")})
    assert (given.body, given.content_type) == (b"png", "image/png")


def test_several_files_are_sent_as_parts():
    """With the plain members beside them."""
    members = {"left": {"type": "string", "contentMediaType": "image/png"}, "n": {"type": "number"}}
    given = input_of({"properties": members}, {"n": "4"}, {"left": (b"png", "")})
    assert given.content_type.startswith("multipart/form-data; boundary=")
    assert b'name="left"' in given.body
    assert b'name="n"\r\n\r\n4' in given.body


def test_several_sources_are_given_their_own():
    """Each file goes to the step that it is named for."""
    image = {"type": "string", "contentMediaType": "image/png"}
    schema = {"type": "object", "properties": {"left": image, "count": {"type": "integer"}}}
    given = given_of(schema, {"count": "2"}, {"left": (b"png", "")}, True)
    assert (given.parts["left"].body, given.parts["count"].value) == (b"png", 2)


def test_a_picture_that_browsers_do_not_know_is_converted():
    """A portable graymap is seen as PNG; what only says that it is one, is no picture."""
    picture = for_browsers(b"P5 2 1 255\n\x00\xff", "image/x-portable-graymap")
    assert picture is not None
    assert picture[0].startswith(b"\x89PNG")
    assert for_browsers(b"nonsense", "image/x-portable-graymap") is None


def test_a_huge_picture_is_not_drawn():
    """A small file that claims to be huge costs nothing."""
    assert for_browsers(b"P5 60000 60000 255\n\x00", "image/x-portable-graymap") is None


def test_results_say_what_they_are():
    """Values, pictures, files and nothing are shown apart."""
    kinds = [shown(v, t).kind for v, t in ((3, ""), (None, ""), (b"x", "application/zip"))]
    assert kinds == ["value", "nothing", "bytes"]


def test_the_drawing_follows_the_installations():
    """Steps stand on devices, edges follow feeds, and a lost device is drawn as gone."""
    first = {"id": "urn:i:1", "actions": {"a": {"wasmiot:feeds": [{"id": "urn:i:2#/actions/b"}]}}}
    second = {"id": "urn:i:2", "actions": {"b": {}}}
    deployment = {"id": "urn:wasmiot:deployment:d", "title": "D"}
    drawing = topology(
        [{"id": "urn:d:1", "title": "one", "@type": ["Thing", "wasmiot:Supervisor"]}],
        [{"device": "urn:d:1", "isHealthy": True, "health": {"cpuLoad": 0.5}}],
        [(deployment, "deployed", {"urn:d:1": first, "urn:d:2": second})],
    )
    assert [(d["id"], d["health"]) for d in drawing["devices"]] == [
        ("urn:d:1", "healthy"),
        ("urn:d:2", "gone"),
    ]
    assert drawing["edges"] == [{"source": "urn:i:1#/actions/a", "target": "urn:i:2#/actions/b"}]
    assert [(s["name"], s["installation"]) for s in drawing["steps"]] == [
        ("a", "urn:i:1"),
        ("b", "urn:i:2"),
    ]


def test_devices_are_in_the_order_of_their_names():
    """Not in that of their ids, which say nothing to people."""
    things = [{"id": f"urn:{n}", "title": title} for n, title in enumerate(("b", "C", "a"))]
    assert [d["title"] for d in topology(things, [], [])["devices"]] == ["a", "b", "C"]


@pytest.mark.parametrize(
    ("time", "shown_as"),
    [
        ("2026-11-22T10:22:15.757Z", "2026-11-22 10:22:15 UTC"),
        ("2026-11-22T10:22:15+00:00", "2026-11-22 10:22:15 UTC"),
        ("soon", "soon"),
    ],
)
def test_times_are_written_for_people(time, shown_as):
    """To the second, with their zone; what is no time is left as it is."""
    assert page_module.moment(time) == shown_as


def test_a_composition_becomes_a_manifest():
    """Functions and affordances alike are steps; what is no choice is left out."""
    module = {"id": "urn:wasmiot:module:m:1.0.0", "actions": {"run": {"wasmiot:entrypoint": "f"}}}
    lamp = {"id": "urn:lamp", "title": "lamp", "actions": {"toggle": {}}}
    choices = choices_of([module], [lamp])
    chosen = [choices[0].value, "", "nonsense", choices[1].value]
    manifest = manifest_of("x", chosen, ["urn:d"], choices)
    assert manifest["sequence"] == [
        {"module": "m:1.0.0", "entrypoint": "f", "device": "urn:d"},
        {"thing": "urn:lamp", "affordance": "toggle"},
    ]


def test_addresses_of_a_thing_are_those_it_names():
    """Its base and its forms; nothing else is fetched for a person."""
    td = {"base": "http://a/", "actions": {"x": {"forms": [{"href": "http://b/x"}]}}}
    assert [is_of(td, u) for u in ("http://a/1", "http://b/2", "http://c/", "file:///x")] == [
        True,
        True,
        False,
        False,
    ]


def test_affordances_say_what_can_be_done():
    """By the operations of their forms."""
    forms = [{"href": "x"}, {"href": "y", "op": ["observeproperty"], "subprotocol": "sse"}]
    found = affordances_of({"properties": {"p": {"readOnly": True, "forms": forms}}})
    assert found["properties"][0].can == {"readproperty"}


def test_the_menu_holds_the_documented_questions():
    """Ten of them, each with the prefixes that it uses."""
    queries = documented_queries()
    assert len(queries) >= 10
    assert all("SELECT" in q.query and "PREFIX" in q.query for q in queries)


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://elsewhere.example"}]
)
def test_other_sites_cannot_post(client, headers):
    """What a person's browser sends for another site is refused."""
    response = client.post("/ui/compose", data={"name": "x"}, headers=headers)
    assert response.status_code == 403


def test_an_address_elsewhere_is_not_fetched(client, thing):
    """A page looks at invocations of the Thing it shows, and at nothing else."""
    client.put("/things/urn:ex:a", json=thing(id="urn:ex:a", base="http://127.0.0.1:1/"))
    response = client.get("/ui/thing/status?id=urn:ex:a&href=http://169.254.169.254/latest")
    assert response.status_code == 403
    assert "is elsewhere" in response.text


def test_without_the_libraries_the_pages_say_so(client, monkeypatch, tmp_path: Path):
    """They work without drawing and editor."""
    monkeypatch.setattr(page_module, "VENDORED", tmp_path)
    assert "make web" in client.get("/").text
    query = client.get("/ui/query").text
    assert "make web" in query
    assert '<form action="/sparql" method="get"' in query


def test_titles_are_escaped(client, thing):
    """A title is text, on every page that shows it."""
    client.put("/things/urn:ex:a", json=thing("<script>x</script>", id="urn:ex:a"))
    for path in ("/", "/ui/thing?id=urn:ex:a", "/ui/log"):
        assert "<script>x" not in client.get(path).text


def test_the_topology_is_json(client, thing):
    """For the drawing."""
    client.put("/things/urn:ex:a", json=thing("lamp", id="urn:ex:a"))
    drawing = json.loads(client.get("/ui/topology").text)
    assert [d["title"] for d in drawing["devices"]] == ["lamp"]
    assert drawing["hidden"] == 0
