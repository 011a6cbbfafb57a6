"""The directory service: registering, reading, changing, pages, refusals; over each store."""

import json
from urllib.parse import quote

import pytest
from jsonschema import Draft7Validator

from orchestrator_app.app import create_app
from orchestrator_app.settings import Settings

LAMP = "/things/urn:ex:lamp"
BASE = Settings().base_url


@pytest.fixture
def app(app_over_each_store):
    """An orchestrator that knows nothing yet."""
    return app_over_each_store


def test_an_anonymous_description_gets_an_id(client, thing):
    """POST answers 201 with the URL, and the description says its new id."""
    response = client.post("/things", json=thing())
    assert response.status_code == 201
    read = client.get(response.headers["Location"])
    assert read.json["id"].startswith("urn:uuid:")
    assert read.json["registration"]["wasmiot:introducedBy"] == "http"


@pytest.mark.parametrize("has_both", [True, False], ids=["both", "old-alone"])
def test_consumers_of_td_1_0_find_the_context_that_they_know(client, thing, has_both):
    """It stays the first, the one of TD 1.1 is the second, in one description and in the list."""
    old, new = "https://www.w3.org/2019/wot/td/v1", "https://www.w3.org/2022/wot/td/v1.1"
    document = thing(id="urn:ex:lamp") | {"@context": [old, new] if has_both else old}
    assert client.put("/things/urn:ex:lamp", json=document).status_code == 201
    for served in (client.get("/things/urn:ex:lamp").json, client.get("/things").json[0]):
        assert served["@context"][:2] == [old, new]
        assert client.put("/things/urn:ex:lamp", json=served).status_code == 204


def test_a_description_with_an_id_is_not_posted(client, thing):
    """It names its own place: the answer says to put it there, and nothing is stored."""
    response = client.post("/things", json=thing(id="urn:ex:lamp"))
    assert (response.status_code, response.mimetype) == (400, "application/problem+json")
    [error] = response.json["validationErrors"]
    assert error["field"] == "/id"
    assert "PUT to /things/urn:ex:lamp" in error["description"]
    assert client.get("/things").json == []


def test_a_description_with_an_id_is_put_and_replaced(client, thing):
    """The first PUT creates, the second replaces, and there is one Thing."""
    document = thing(id="urn:ex:lamp")
    assert client.put(LAMP, json=document).status_code == 201
    assert client.put(LAMP, json={**document, "title": "light"}).status_code == 204
    assert [t["title"] for t in client.get("/things").json] == ["light"]


def test_a_thing_is_created_read_changed_listed_and_deleted(client, thing):
    """Each method sees what the one before it did."""
    document = thing(id="urn:ex:lamp")
    assert client.put(LAMP, json=document).status_code == 201
    assert client.get(LAMP).json["title"] == "lamp"
    assert client.put(LAMP, json={**document, "title": "light"}).status_code == 204
    assert client.get(LAMP).json["title"] == "light"
    assert [each["id"] for each in client.get("/things").json] == ["urn:ex:lamp"]
    assert client.delete(LAMP).status_code == 204
    assert (client.get(LAMP).status_code, client.get("/things").json) == (404, [])


def test_the_id_of_the_path_must_be_the_documents(client, thing):
    """A description cannot be put at another's place."""
    response = client.put(LAMP, json=thing(id="urn:ex:other"))
    assert (response.status_code, response.mimetype) == (400, "application/problem+json")
    assert response.json["validationErrors"][0]["field"] == "/id"
    assert client.get("/things").json == []


@pytest.mark.parametrize("name", ["http://example.com//a?b=c#d", "urn:ex:ä", "urn:ex:100%25"])
def test_any_iri_can_be_an_id(client, thing, name):
    """Percent-encoded in the path, an id comes back as it is."""
    location = client.put(f"/things/{quote(name)}", json=thing(id=name)).headers["Location"]
    assert client.get(location).json["id"] == name


def test_a_merge_patch_is_checked_after_the_merge(client, thing):
    """A change is kept; one that breaks the description is refused and nothing is changed."""
    client.put(LAMP, json=thing(id="urn:ex:lamp", description="old"))
    patch = {"content_type": "application/merge-patch+json"}
    assert (
        client.patch(LAMP, data='{"title": "b", "description": null}', **patch).status_code == 204
    )
    assert client.patch(LAMP, data='{"security": null}', **patch).status_code == 400
    document = client.get(LAMP).json
    assert (document["title"], "description" in document) == ("b", False)
    assert document["security"] == ["nosec_sc"]


def test_a_deleted_thing_is_gone(client, thing):
    """After DELETE the Thing is unknown to every method."""
    client.put(LAMP, json=thing(id="urn:ex:lamp"))
    assert client.delete(LAMP).status_code == 204
    patch = {"data": "{}", "content_type": "application/merge-patch+json"}
    answers = [client.get(LAMP), client.delete(LAMP), client.patch(LAMP, **patch)]
    assert {a.status_code for a in answers} == {404}


def test_pages_follow_each_other_by_their_links(client, thing):
    """The next links lead through all Things in the order of their ids."""
    for name in "cab":
        client.put(f"/things/urn:ex:{name}", json=thing(id=f"urn:ex:{name}"))
    first = client.get("/things?limit=2")
    assert [t["id"] for t in first.json] == ["urn:ex:a", "urn:ex:b"]
    assert "<offset" not in first.headers["Link"]
    second = client.get("/things?offset=2&limit=2")
    assert f'<{BASE}things?offset=2&limit=2>; rel="next"' in first.headers["Link"]
    assert [t["id"] for t in second.json] == ["urn:ex:c"]
    assert 'rel="next"' not in second.headers["Link"]
    assert 'rel="canonical"; etag=' in second.headers["Link"]


def test_a_collection_says_how_many_there_are(client, thing):
    """The verbose format counts the Things and names the next page."""
    for name in "ab":
        client.put(f"/things/urn:ex:{name}", json=thing(id=f"urn:ex:{name}"))
    response = client.get("/things?format=collection&limit=1")
    collection = response.json
    assert (collection["total"], len(collection["members"])) == (2, 1)
    assert (collection["@type"], collection["@id"]) == ("ThingCollection", f"{BASE}things")
    assert collection["@context"] == "https://www.w3.org/2022/wot/discovery"
    assert f'<{collection["next"]}>; rel="next"' in response.headers["Link"]
    assert f'<{BASE}things>; rel="canonical"; etag=' in response.headers["Link"]


def test_the_pages_of_a_collection_lead_to_all(client, thing):
    """Who follows `next` to the end has read each Thing once."""
    for name in "abcde":
        client.put(f"/things/urn:ex:{name}", json=thing(id=f"urn:ex:{name}"))
    url, pages = "/things?format=collection&limit=2", []
    while url:
        pages.append(client.get(url).json)
        url = pages[-1].get("next")
    assert [len(page["members"]) for page in pages] == [2, 2, 1]
    listed = client.get("/things").json
    assert [member for page in pages for member in page["members"]] == listed


def test_links_lead_where_clients_reach_the_directory(thing):
    """Behind a gateway that gives it a path of its own, each link of a page has that path."""
    app = create_app(Settings(public_url="http://gw.example/dir/"))
    client = app.test_client()
    client.put("/things/urn:ex:a", json=thing(id="urn:ex:a"))
    client.put("/things/urn:ex:b", json=thing(id="urn:ex:b"))
    page = client.get("/things?limit=1&format=collection")
    links = page.headers["Link"]
    app.extensions["wasmiot"].close()
    next_url = "http://gw.example/dir/things?offset=1&limit=1&format=collection"
    assert (page.json["@id"], page.json["next"]) == ("http://gw.example/dir/things", next_url)
    assert f'<{next_url}>; rel="next"' in links
    assert '<http://gw.example/dir/things>; rel="canonical"' in links


@pytest.mark.parametrize("arguments", ["limit=0", "limit=-1", "limit=x", "offset=x", "format=x"])
def test_bad_arguments_are_named(client, arguments):
    """A query argument that cannot be used is a 400 with its name."""
    response = client.get(f"/things?{arguments}")
    assert response.status_code == 400
    assert arguments.partition("=")[0] in response.json["detail"]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"title": "x",}', "line 1 column 15"),
        (b"[]", "object"),
        (b"\xff", "UTF-8"),
        (b'{"@context": "https://www.w3.org/2022/wot/td/v1.1"}', "'title' is missing"),
        (b'{"title": "a", "title": "b"}', "/title"),
    ],
    ids=["trailing-comma", "an-array", "not-utf-8", "nothing-in-it", "repeated-member"],
)
def test_what_is_no_description_is_refused_with_its_place(client, body, place):
    """Each fault is a 400 that says what and where, and nothing is stored."""
    response = client.post("/things", data=body, content_type="application/td+json")
    assert (response.status_code, response.mimetype) == (400, "application/problem+json")
    assert place in response.text
    assert client.get("/things").json == []


def test_ids_of_the_orchestrator_cannot_be_taken(client, thing):
    """A stranger's Thing cannot pass for a module or for the store itself."""
    for name in ("urn:wasmiot:module:camera:1.0.0", "urn:wasmiot:store"):
        assert client.put(f"/things/{name}", json=thing(id=name)).status_code == 400
    assert client.get("/things").json == []


def test_the_registration_counts_from_the_last_write(client, thing):
    """A relative expiry wins over an absolute one, and a broken one is refused."""
    registration = {"ttl": 60, "expires": "2001-01-01T00:00:00Z"}
    client.put(LAMP, json=thing(id="urn:ex:lamp", registration=registration))
    kept = client.get(LAMP).json["registration"]
    assert (kept["ttl"], kept["expires"] > kept["modified"]) == (60, True)
    bad = thing(id="urn:ex:lamp", registration={"ttl": -1})
    assert client.put(LAMP, json=bad).json["validationErrors"][0]["field"] == "/registration/ttl"


def test_an_enriched_description_can_be_sent_back(client, thing):
    """What the directory gives, it takes again."""
    client.put(LAMP, json=thing(id="urn:ex:lamp"))
    assert client.put(LAMP, json=client.get(LAMP).json).status_code == 204


def test_devices_with_the_same_interfaces_share_a_profile(app, client, supervisor):
    """Two devices, one set of interfaces, one profile node; another set is another node."""
    for name, provides in {"a": ["x.f", "y.g"], "b": ["y.g", "x.f"], "c": ["x.f"]}.items():
        client.put(f"/things/urn:ex:{name}", json=supervisor(name, *provides))
    query = (
        "PREFIX w: <https://wetware.fi/2023/wasmiot/v1.0#> "
        "SELECT ?d ?p { ?d w:capabilityProfile ?p . ?p a w:CapabilityProfile } ORDER BY ?d"
    )
    first, second, third = [str(row["p"]) for row in app.extensions["wasmiot"].store.select(query)]
    assert first == second != third


def test_no_description_lends_others_its_capabilities(client, supervisor):
    """A description that names a profile is refused."""
    document = supervisor("a", "x.f")
    document["wasmiot:capabilityProfile"] = "urn:wasmiot:capability-profile:000000000000"
    assert client.put("/things/urn:ex:a", json=document).status_code == 400


def test_what_the_directory_serves_passes_the_official_schemas(client, supervisor, corpus):
    """An enriched description is valid by the schemas of the TD and of Discovery."""
    client.put("/things/urn:ex:a", json=supervisor("a", "x.f"))
    document = client.get("/things/urn:ex:a").json
    for name in ("td-json-schema-validation", "td-discovery-extensions-json-schema"):
        schema = json.loads((corpus / "official" / f"{name}.json").read_text())
        assert list(Draft7Validator(schema).iter_errors(document)) == []


def test_no_description_speaks_of_another_device(client, supervisor):
    """A claim about somebody else's memory is refused, a mere reference is not."""
    document = supervisor("a", "x.f")
    device = {"id": "urn:ex:b", "wasmiot:memoryBytes": 10**12}
    lamp = {"type": "boolean", "forms": [{"href": "http://127.0.0.1/x"}]}
    described = {**document, "properties": {"on": {**lamp, **device}}}
    response = client.put("/things/urn:ex:a", json=described)
    assert (response.status_code, "urn:ex:b" in response.text) == (400, True)
    lamp["wasmiot:dependsOn"] = [{"id": "urn:ex:b", "type": "wasmiot:Supervisor"}]
    described["properties"] = {"on": lamp}
    assert client.put("/things/urn:ex:a", json=described).status_code == 201


def test_its_own_description_is_a_directorys(client):
    """The well-known description has the types and the property that clients look for."""
    document = client.get("/.well-known/wot")
    assert document.mimetype == "application/td+json"
    assert set(document.json["@type"]) == {"Thing", "ThingDirectory", "wasmiot:Orchestrator"}
    assert "things" in document.json["properties"]
