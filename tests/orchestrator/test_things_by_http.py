"""Things as resources of HTTP: conditions, methods, types; over each kind of store."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestrator_app.routes import things

LAMP = "/things/urn:ex:lamp"


@pytest.fixture
def app(app_over_each_store):
    """An orchestrator that knows nothing yet."""
    return app_over_each_store


def test_head_answers_like_get_without_a_body(client, thing):
    """HEAD gives the same headers as GET."""
    client.put(LAMP, json=thing(id="urn:ex:lamp"))
    head, get = client.head(LAMP), client.get(LAMP)
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["ETag"] == get.headers["ETag"]


def test_preconditions_protect_from_lost_updates(client, thing):
    """Who names an outdated ETag does not overwrite."""
    document = thing(id="urn:ex:lamp")
    assert client.put(LAMP, json=document, headers={"If-Match": '"x"'}).status_code == 412
    assert client.put(LAMP, json=document, headers={"If-None-Match": "*"}).status_code == 201
    assert client.put(LAMP, json=document, headers={"If-None-Match": "*"}).status_code == 412
    tag = client.get(LAMP).headers["ETag"]
    assert client.get(LAMP, headers={"If-None-Match": tag}).status_code == 304
    other = client.get(LAMP, headers={"If-Match": '"x"'})
    assert (other.status_code, other.mimetype) == (412, "application/problem+json")
    assert client.delete(LAMP, headers={"If-Match": '"x"'}).status_code == 412
    assert client.delete(LAMP, headers={"If-Match": tag}).status_code == 204


@pytest.mark.parametrize("path", [LAMP, "/things", "/things?limit=1", "/.well-known/wot"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_star_matches_whatever_there_is(client, thing, path, method):
    """`If-Match: *` is true of what is there, a tag of that alone, and a weak tag of nothing."""
    client.put(LAMP, json=thing(id="urn:ex:lamp"))
    tag = client.get(path).headers["ETag"]
    outcomes = {"*": 200, tag: 200, f'"x", {tag}': 200, f"W/{tag}": 412, '"x"': 412}
    for condition, status in outcomes.items():
        answer = client.open(path, method=method, headers={"If-Match": condition})
        assert answer.status_code == status, condition
    both = {"If-Match": "*", "If-None-Match": tag}
    assert client.open(path, method=method, headers=both).status_code == 304


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_weak_tag_of_what_is_there_protects_it(client, thing, method):
    """`If-None-Match` compares weakly; what the condition leaves alone is as it was."""
    document = thing(id="urn:ex:lamp")
    client.put(LAMP, json=document)
    kept = client.get(LAMP)
    kind = {"content_type": things.MERGE_PATCH} if method == "PATCH" else {}
    for tag in (
        kept.headers["ETag"],
        f"W/{kept.headers['ETag']}",
        f'"x", W/{kept.headers["ETag"]}',
    ):
        headers = {"If-None-Match": tag}
        changed = client.open(
            LAMP, method=method, json={**document, "title": "x"}, headers=headers, **kind
        )
        assert (changed.status_code, changed.mimetype) == (412, "application/problem+json")
    assert client.get(LAMP).data == kept.data
    other = {"If-None-Match": 'W/"x"'}
    assert client.open(LAMP, method=method, json=document, headers=other, **kind).status_code == 204


@pytest.mark.parametrize(
    ("method", "statuses"), [("PUT", [204, 412]), ("PATCH", [204, 412]), ("CREATE", [201, 412])]
)
def test_of_two_who_change_the_same_at_once_one_is_told(
    app, client, thing, monkeypatch, method, statuses
):
    """Both know the same version, and both are held until nothing but the write is left."""
    document = thing(id="urn:ex:lamp")
    condition = {"If-None-Match": "*"}
    if method != "CREATE":
        client.put(LAMP, json=document)
        condition = {"If-Match": client.get(LAMP).headers["ETag"]}
    together, read = threading.Barrier(2), things.body

    def read_together() -> bytes:
        text = read()
        together.wait(20)
        return text

    def change(title: str) -> int:
        options = {"json": {**document, "title": title}, "headers": condition}
        if method == "PATCH":
            options |= {"content_type": things.MERGE_PATCH}
        verb = "PATCH" if method == "PATCH" else "PUT"
        return app.test_client().open(LAMP, method=verb, **options).status_code

    monkeypatch.setattr(things, "body", read_together)
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(change, ["a", "b"])) == statuses


def test_the_patches_that_are_taken_are_named(client, thing):
    """To who asks by OPTIONS, and to who sent another one."""
    client.put(LAMP, json=thing(id="urn:ex:lamp"))
    for answer in (client.options(LAMP), client.patch(LAMP, json={})):
        assert answer.headers["Accept-Patch"] == things.MERGE_PATCH
    assert "Accept-Patch" not in client.get(LAMP).headers
    assert "Accept-Patch" not in client.options("/things").headers


def test_what_has_no_body_has_no_type(client, thing):
    """An answer of nothing but headers does not say that it is a page."""
    patch = {"json": {}, "content_type": things.MERGE_PATCH}
    answers = [
        client.put(LAMP, json=thing(id="urn:ex:lamp")),
        client.post("/things", json=thing()),
        client.put(LAMP, json=thing(id="urn:ex:lamp")),
        client.patch(LAMP, **patch),
        client.options(LAMP),
        client.delete(LAMP),
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 204, 204, 200, 204]
    assert not [answer for answer in answers if "Content-Type" in answer.headers]
    assert client.head("/things").headers["Content-Type"] == "application/ld+json"


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("kind", "is_taken"), [("application/td+json", True), ("text/plain", False)]
)
def test_a_description_comes_as_what_it_is(client, thing, method, kind, is_taken):
    """Announced as a description it is taken, new and again; announced as something else, a 415."""
    document, path = (thing(), "/things") if method == "POST" else (thing(id="urn:ex:lamp"), LAMP)
    options = {"data": json.dumps(document), "content_type": kind}
    statuses = [client.open(path, method=method, **options).status_code for _ in range(2)]
    assert statuses == ([201, 201 if method == "POST" else 204] if is_taken else [415, 415])
    n_known = 0 if not is_taken else 2 if method == "POST" else 1
    assert len(client.get("/things").json) == n_known


def test_what_is_not_there_is_a_problem(client):
    """An unknown path is a problem, and a method that a path has not names those it has."""
    assert client.get("/nothing").mimetype == "application/problem+json"
    assert "GET" in client.post("/healthz").headers["Allow"]
