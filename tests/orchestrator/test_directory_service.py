"""What W3C WoT Discovery says of every endpoint of a directory, clause by clause."""

import uuid

import pytest

LAMP = "/things/urn:ex:lamp"
DISCOVERY = "https://www.w3.org/2022/wot/discovery"
PATCH = {"content_type": "application/merge-patch+json"}
ENDPOINTS = [
    "/.well-known/wot",
    "/things",
    "/things?limit=1&format=collection",
    LAMP,
    "/search/jsonpath?query=$",
    "/search/sparql?query=ASK+{}",
    "/sparql",
    "/events",
    "/events/thing_created",
]


@pytest.fixture
def known(client, thing):
    """A client of a directory that knows a lamp."""
    client.put(LAMP, json=thing(id="urn:ex:lamp"))
    return client


@pytest.mark.parametrize("path", ENDPOINTS)
def test_head_is_answered_wherever_get_is(known, path):
    """The same status and headers, without a body; nobody starts to listen by it."""
    get = known.get(path)
    get.close()
    for _ in range(20):
        head = known.head(path)
        head.close()
        assert (head.status_code, head.data) == (200, b"")
        for name in ("Content-Type", "ETag", "Link", "Vary", "Cache-Control"):
            assert head.headers.get(name) == get.headers.get(name), name


@pytest.mark.parametrize("path", ENDPOINTS)
def test_the_media_type_is_one_of_discoverys(known, path):
    """A description is `application/td+json`, a list of them `application/ld+json`."""
    response = known.get(path)
    expected = {
        "/.well-known/wot": "application/td+json",
        LAMP: "application/td+json",
        "/things": "application/ld+json",
        "/things?limit=1&format=collection": "application/ld+json",
        "/sparql": "text/turtle",
    }
    kind = "text/event-stream" if path.startswith("/events") else "application/json"
    assert response.mimetype == expected.get(path, kind)
    response.close()


def test_a_local_identifier_is_a_random_uuid(client, thing):
    """Version 4, as a URN, and another one for each Thing; lists say it too."""
    for _ in range(2):
        client.post("/things", json=thing())
    ids = [listed["id"] for listed in client.get("/things").json]
    assert len(set(ids)) == 2
    assert {uuid.UUID(name.removeprefix("urn:uuid:")).version for name in ids} == {4}


@pytest.mark.parametrize(
    "path", [LAMP, "/things", "/things?format=collection", "/search/jsonpath?query=$"]
)
def test_enriched_descriptions_name_the_discovery_context(known, path):
    """Wherever a description has registration information, its context has the terms."""
    found = known.get(path).json
    if isinstance(found, dict):
        found = found.get("members", found)
    while isinstance(found, list):
        found = found[0]
    assert DISCOVERY in found["@context"]
    assert {"created", "modified"} <= found["registration"].keys()


def test_lists_are_in_the_order_of_code_points(client, thing):
    """Capitals before small letters, and what is beyond the first 65,536 at the end."""
    names = ["urn:ex:\U00010400", "urn:ex:a", "urn:ex:\ufa0e", "urn:ex:Z", "urn:ex:\u00e4"]
    for name in names:
        assert client.put(f"/things/{name}", json=thing(id=name)).status_code == 201
    assert [listed["id"] for listed in client.get("/things").json] == sorted(names)


def test_the_canonical_link_tells_of_every_change(known, thing):
    """Its etag is the state of the collection: equal while nothing changes."""
    first, again = (known.get("/things?limit=1").headers["Link"] for _ in range(2))
    known.post("/things", json=thing("other"))
    later = known.get("/things?limit=1").headers["Link"]
    assert first == again
    assert first.rpartition("etag")[2] != later.rpartition("etag")[2]
    assert '/things>; rel="canonical"' in later


def canonical_tag(client, page="limit=1"):
    """Return the state of the collection that a page tells."""
    return client.get(f"/things?{page}").headers["Link"].rpartition("etag=")[2]


def test_the_canonical_link_tells_of_things_alone(known, thing):
    """Neither another document nor the same description sent again is another state."""
    before = canonical_tag(known)
    known.put("/ontologies/other", data="<urn:a> <urn:b> <urn:c> .", content_type="text/turtle")
    assert known.put(LAMP, json=known.get(LAMP).json).status_code == 204
    assert canonical_tag(known) == before
    tags = {before}
    for request in (
        lambda: known.put("/things/urn:ex:b", json=thing(id="urn:ex:b")),
        lambda: known.put("/things/urn:ex:b", json=thing("another", id="urn:ex:b")),
        lambda: known.delete("/things/urn:ex:b"),
    ):
        assert request().status_code in (201, 204)
        tags.add(canonical_tag(known))
    assert len(tags) == 4
    assert canonical_tag(known, "limit=5&offset=9") in tags


def test_a_list_that_has_not_changed_is_not_sent_again(known, thing):
    """A 304 for who names the list's ETag."""
    tag = {"If-None-Match": known.get("/things").headers["ETag"]}
    assert known.get("/things", headers=tag).status_code == 304
    known.post("/things", json=thing("other"))
    assert known.get("/things", headers=tag).status_code == 200


def test_a_patch_with_an_outdated_tag_is_refused(known):
    """Two who patch the same version: the second is told."""
    tag = {"If-Match": known.get(LAMP).headers["ETag"]}
    assert known.patch(LAMP, data='{"title": "a"}', headers=tag, **PATCH).status_code == 204
    refused = known.patch(LAMP, data='{"title": "b"}', headers=tag, **PATCH)
    assert (refused.status_code, refused.mimetype) == (412, "application/problem+json")
    assert known.get(LAMP).json["title"] == "a"


@pytest.mark.parametrize("kind", ["application/json", "application/td+json", "text/plain"])
def test_a_patch_is_a_merge_patch(known, kind):
    """Any other content type is a 415."""
    assert known.patch(LAMP, data='{"title": "x"}', content_type=kind).status_code == 415


def test_a_patch_cannot_change_the_id(known):
    """The Thing stays where it is."""
    response = known.patch(LAMP, data='{"id": "urn:ex:other"}', **PATCH)
    assert response.status_code == 400
    assert [listed["id"] for listed in known.get("/things").json] == ["urn:ex:lamp"]


def test_validation_errors_have_fields_and_descriptions(client, thing):
    """All of them at once, in UTF-8, each with its place."""
    document = thing("l\u00e4mp", properties={"\u00e4": {"type": "number", "forms": []}})
    del document["security"]
    response = client.post("/things", json=document)
    errors = response.json["validationErrors"]
    assert response.status_code == 400
    assert all(error.keys() == {"field", "description"} for error in errors)
    assert len({error["field"] for error in errors}) > 1
    assert "/properties/\u00e4" in response.data.decode("utf-8")


def test_an_empty_patch_renews_over_http(client, thing):
    """204; the description is as it was, and was modified now."""
    client.put(LAMP, json=thing(id="urn:ex:lamp", registration={"ttl": 1000}))
    before = client.get(LAMP).json
    assert client.patch(LAMP, data="{}", **PATCH).status_code == 204
    after = client.get(LAMP).json
    assert after["registration"]["expires"] >= before["registration"]["expires"]
    assert after["registration"]["created"] == before["registration"]["created"]
    assert {**after, "registration": 0} == {**before, "registration": 0}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/things/urn:ex:nobody", 404),
        ("DELETE", "/things/urn:ex:nobody", 404),
        ("POST", LAMP, 405),
        ("DELETE", "/things", 405),
        ("PUT", "/things", 405),
        ("GET", "/events/nothing", 404),
        ("GET", "/search/xpath?query=/", 501),
        ("GET", "/search/jsonpath", 400),
        ("GET", "/search/sparql", 400),
    ],
)
def test_every_error_is_a_problem(known, method, path, status):
    """With the status in the body too, in UTF-8."""
    response = known.open(path, method=method)
    assert (response.status_code, response.mimetype) == (status, "application/problem+json")
    assert response.json["status"] == status
    response.data.decode("utf-8")
