"""Many descriptions in one request: each is kept or refused, and each is answered for."""

import json
from pathlib import Path

import pytest

from orchestrator_app.directory import many
from orchestrator_app.directory.things import Directory
from orchestrator_app.routes import bulk
from orchestrator_app.store import OxigraphStore, StoreUnavailableError
from wasmiot_td.errors import JsonSyntaxError

LINES = "application/jsonl"


def _lines(*documents) -> bytes:
    return b"\n".join(json.dumps(document).encode() for document in documents)


def _sent(client, data, content_type=LINES, **headers):
    return client.post("/bulk/things", data=data, content_type=content_type, headers=headers)


def test_each_line_is_answered_in_its_order(client, thing):
    """One with an id is put, one without gets one, and what is wrong is told as for one alone."""
    bad = {**thing(id="urn:ex:bad"), "security": "unknown"}
    data = _lines(thing(id="urn:ex:a"), bad, thing()) + b"\n\nno json\n"
    response = _sent(client, data)
    new, refused, anonymous, no_json = response.json
    assert response.status_code == 200
    assert new == {"status": 201, "id": "urn:ex:a"}
    assert refused == {
        "status": 400,
        "problem": client.put("/things/urn:ex:bad", json=bad).json,
    }
    assert (anonymous["status"], anonymous["id"][:9]) == (201, "urn:uuid:")
    assert (no_json["status"], no_json["problem"]["title"]) == (400, "Not JSON")
    assert {t["id"] for t in client.get("/things").json} == {"urn:ex:a", anonymous["id"]}


def test_what_is_there_is_replaced(client, thing):
    """The second time the status is that of a replacement, and listeners hear of what differs."""
    _sent(client, _lines(thing(id="urn:ex:a"), thing(id="urn:ex:b")))
    again = _sent(client, _lines(thing(id="urn:ex:a"), thing(id="urn:ex:b", title="other")))
    assert [result["status"] for result in again.json] == [204, 204]
    log = client.application.extensions["wasmiot"].events.latest()
    assert [(e.change.kind, e.change.id) for e in log] == [
        ("thing_created", "urn:ex:a"),
        ("thing_created", "urn:ex:b"),
        ("thing_updated", "urn:ex:b"),
    ]


def test_an_array_may_be_sent(client, thing):
    """Its items are answered like lines, and what one of them repeats is found."""
    twice = json.dumps(thing(id="urn:ex:b")).replace('"title"', '"title": "x", "title"')
    array = b"[%s\n ,%s]" % (_lines(thing(id="urn:ex:a")), twice.encode())
    good, repeated = _sent(client, array, "application/json").json
    assert good["status"] == 201
    assert repeated["problem"]["validationErrors"][0]["field"] == "/title"
    assert _sent(client, b" [ ] ", "application/json").json == []


@pytest.mark.parametrize("array", [b"{}", b"[{}", b"[{} {}]", b"[{},]", b"[{}] 1", b"[\xff]", b""])
def test_what_is_no_array_is_refused_as_a_whole(client, array):
    """Nobody can say which of its items were meant."""
    response = _sent(client, array, "application/json")
    assert (response.status_code, response.mimetype) == (400, "application/problem+json")


@pytest.mark.parametrize("item", [b"1" * 5000, b"NaN", b"null", b"[{}]", b'"\\ud800"'])
def test_an_item_that_is_no_description_is_refused_alone(client, thing, item):
    """Whatever JSON has beside objects, and what only Python takes for JSON."""
    array = b"[%s, %s]" % (item, _lines(thing(id="urn:ex:a")))
    assert [each["status"] for each in _sent(client, array, "application/json").json] == [400, 201]


def test_the_last_of_one_id_counts(client, thing):
    """The same Thing twice in one request is put twice."""
    titles = [f"title {i}" for i in range(3)]
    results = _sent(client, _lines(*(thing(id="urn:ex:a", title=t) for t in titles))).json
    assert [result["status"] for result in results] == [201, 204, 204]
    assert client.get("/things/urn:ex:a").json["title"] == "title 2"


def test_an_id_of_another_kind_is_refused_alone(client, thing, make_document):
    """It may not take over what is no Thing; its neighbours are kept."""
    store = client.application.extensions["wasmiot"].store
    store.put(make_document("urn:ex:other", b""), kind="module")
    results = _sent(client, _lines(thing(id="urn:ex:other"), thing(id="urn:ex:a"))).json
    assert [result["status"] for result in results] == [409, 201]


def test_an_error_of_the_orchestrator_is_of_one_alone(client, thing, monkeypatch, caplog):
    """What nobody has foreseen of one description is answered for that one, and logged."""
    read = many.read_description

    def read_or_fail(source, reach):
        if b"urn:ex:odd" in source:
            raise RuntimeError("unforeseen")
        return read(source, reach)

    monkeypatch.setattr(many, "read_description", read_or_fail)
    data = _lines(thing(id="urn:ex:a"), thing(id="urn:ex:odd"), thing(id="urn:ex:b"))
    assert [result["status"] for result in _sent(client, data).json] == [201, 500, 201]
    assert "unforeseen" in caplog.text


def test_what_came_before_a_failure_is_told(client, thing, monkeypatch):
    """The answer says which descriptions are kept, so that nobody sends those again."""
    monkeypatch.setattr(many, "AT_ONCE", 1)
    keep = Directory.keep

    def keep_or_fail(self, descriptions, introduced_by):
        if descriptions[0].id == "urn:ex:b":
            raise StoreUnavailableError("gone")
        return keep(self, descriptions, introduced_by)

    monkeypatch.setattr(Directory, "keep", keep_or_fail)
    response = _sent(client, _lines(*(thing(id=f"urn:ex:{name}") for name in "abc")))
    assert response.status_code == 503
    assert "status 503" in response.json["detail"]
    assert [result["status"] for result in response.json["results"]] == [201, 503]
    assert [each["id"] for each in client.get("/things").json] == ["urn:ex:a"]


def test_a_long_line_is_refused_and_the_next_is_read(client, thing, monkeypatch):
    """A description may be as long as one that is sent alone."""
    most = client.application.extensions["wasmiot"].settings.max_document_bytes
    data = b'"' + b"x" * (most + 100_000) + b'"\n' + _lines(thing(id="urn:ex:a"))
    long, short = _sent(client, data).json
    assert (long["status"], short["status"]) == (400, 201)
    assert f"at most {most} bytes" in long["problem"]["detail"]


def test_too_many_are_not_read(client, thing, monkeypatch):
    """Those before the limit are kept and answered for, the others are left."""
    monkeypatch.setattr(bulk, "MOST_THINGS", 2)
    response = _sent(client, _lines(*(thing(id=f"urn:ex:{i}") for i in range(4))))
    assert (response.status_code, response.mimetype) == (413, "application/problem+json")
    assert [result["id"] for result in response.json["results"]] == ["urn:ex:0", "urn:ex:1"]
    assert len(client.get("/things").json) == 2


def test_an_array_has_its_own_limit(client, monkeypatch):
    """It is held in memory whole; the answer names the form that is not."""
    monkeypatch.setattr(bulk, "MOST_ARRAY_BYTES", 10)
    response = _sent(client, b"[" + b" " * 20 + b"]", "application/json")
    assert (response.status_code, response.mimetype) == (413, "application/problem+json")
    assert LINES in response.json["detail"]


def test_what_is_done_is_not_refused_by_a_condition(client, thing):
    """`If-Match` is about what a request is for, which has no tag here, not about its answer."""
    response = _sent(client, _lines(thing(id="urn:ex:a")), **{"If-Match": '"x"'})
    assert [result["status"] for result in response.json] == [201]


def test_another_media_type_is_refused(client):
    """One Thing alone goes to `/things`."""
    response = _sent(client, b"{}", "application/td+json")
    assert (response.status_code, response.mimetype) == (415, "application/problem+json")


def test_processes_share_the_work(thing, tmp_path: Path, monkeypatch):
    """Beyond the first few, descriptions and refusals come from other processes, in order."""
    monkeypatch.setattr(many, "FEW", 5)
    store = OxigraphStore(tmp_path / "graph")
    sources = [json.dumps(thing(id=f"urn:ex:{i:03}")).encode() for i in range(120)]
    sources[60] = b"nonsense"
    results = many.register_many(
        Directory(store), sources, most_bytes=10_000, check=lambda _id: None, jobs=2
    )
    outcomes = list(results)
    assert isinstance(outcomes.pop(60), JsonSyntaxError)
    assert [kept[0].id for kept in outcomes] == [d.id for d in store.list("thing")]
    assert len(store.select("SELECT ?s { ?s <https://www.w3.org/2019/wot/td#title> ?t }")) == 119
    store.close()


def test_an_error_while_it_is_kept_is_of_one_alone(client, thing, monkeypatch, caplog):
    """What the store has not foreseen of one description does not undo those beside it."""
    store = client.application.extensions["wasmiot"].store
    put_many = store.put_many

    def put_or_fail(puts):
        if any(put.document.id == "urn:ex:odd" for put in puts):
            raise RuntimeError("unforeseen")
        return put_many(puts)

    monkeypatch.setattr(store, "put_many", put_or_fail)
    data = _lines(*(thing(id=f"urn:ex:{name}") for name in ("a", "odd", "b")))
    results = _sent(client, data).json
    assert [result["status"] for result in results] == [201, 500, 201]
    assert results[1]["problem"]["title"] == "Internal Server Error"
    assert "unforeseen" in caplog.text
    assert {each["id"] for each in client.get("/things").json} == {"urn:ex:a", "urn:ex:b"}


@pytest.mark.parametrize("name", ["check_every", "on_change", "on_registered"])
def test_an_error_of_who_looks_on_is_of_one_alone(client, thing, name, caplog):
    """Neither who checks descriptions nor who hears of them ends the request of many."""

    def look(*told):
        if "urn:ex:odd" in (told[0], getattr(told[0], "id", "")):
            raise RuntimeError("unforeseen")

    getattr(client.application.extensions["wasmiot"].directory, name)(look)
    data = _lines(*(thing(id=f"urn:ex:{name}") for name in ("a", "odd", "b")))
    assert [result["status"] for result in _sent(client, data).json] == [201, 500, 201]
    assert "in look" in caplog.text


@pytest.mark.parametrize(
    "expires", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "2030-13-01T00:00:00Z"]
)
def test_an_expiry_that_cannot_be_kept_is_refused_alone(client, thing, expires):
    """Its neighbours are kept, and it is answered as if it had come alone."""
    odd = thing(id="urn:ex:odd", registration={"expires": expires})
    results = _sent(client, _lines(thing(id="urn:ex:a"), odd, thing(id="urn:ex:b"))).json
    assert [result["status"] for result in results] == [201, 400, 201]
    assert results[1]["problem"] == client.put("/things/urn:ex:odd", json=odd).json
    assert results[1]["problem"]["validationErrors"][0]["field"] == "/registration/expires"
