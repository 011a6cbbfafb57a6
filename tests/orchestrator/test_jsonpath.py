"""Search by JSONPath (RFC 9535) over the descriptions of all Things."""

import pytest

from orchestrator_app.app import create_app
from orchestrator_app.settings import Settings


def find(client, query):
    """Return what a query selects."""
    response = client.get("/search/jsonpath", query_string={"query": query})
    assert (response.status_code, response.mimetype) == (200, "application/json")
    return response.json


def lost_workers(client):
    """Return how many processes that answer queries have died."""
    lines = client.get("/metrics").text.splitlines()
    return next(line for line in lines if line.startswith("wasmiot_query_workers_lost"))


@pytest.fixture(scope="module")
def lamps():
    """A client of an orchestrator that knows two lamps, and has tight limits."""
    app = create_app(Settings(query_timeout_seconds=2.0, query_result_bytes=1500))
    client = app.test_client()
    for name in ("one", "two"):
        on = {"type": "boolean", "forms": [{"href": f"http://{name}.example/on"}]}
        document = {
            "@context": ["https://www.w3.org/2022/wot/td/v1.1"],
            "id": f"urn:ex:{name}",
            "title": name,
            "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
            "security": ["nosec_sc"],
            "properties": {"on": on},
        }
        client.put(f"/things/urn:ex:{name}", json=document)
    yield client
    app.extensions["wasmiot"].close()


@pytest.mark.parametrize(
    ("query", "selected"),
    [
        ("$[*].title", ["one", "two"]),
        ("$[?@.title=='two'].id", ["urn:ex:two"]),
        (
            "$[?@.properties.on].properties.on.forms[0].href",
            [f"http://{n}.example/on" for n in ("one", "two")],
        ),
        ("$[?search(@.title, 'o$')]['title']", ["two"]),
        ("$[?@.title=='three']", []),
        ("$[0].registration['wasmiot:introducedBy']", ["http"]),
    ],
)
def test_a_query_selects_parts_of_descriptions(lamps, query, selected):
    """The answer is the array of what is selected, in its order."""
    assert find(lamps, query) == selected


def test_an_anonymous_thing_is_found_by_the_id_it_was_given(client, thing):
    """A search tells of that id, as a list and a reading do."""
    location = client.post("/things", json=thing()).headers["Location"]
    [found] = find(client, "$[0].id")
    assert found.startswith("urn:uuid:")
    assert location.endswith(f"/things/{found}")


def test_what_is_found_is_as_new_as_the_directory(client, thing):
    """A later search sees a later write."""
    client.put("/things/urn:ex:lamp", json=thing(id="urn:ex:lamp"))
    assert find(client, "$[*].title") == ["lamp"]
    client.delete("/things/urn:ex:lamp")
    assert find(client, "$[*].title") == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("$[", 400),
        ("title", 400),
        ("$[?@.title=='x'", 400),
        ("$" + "[?(" * 5000, 400),
        ("$..*", 422),
        ("$" + "..*" * 500, 200),
        ("$[?search(@.title, '(((((o|o)+)+)+)+)+x')]", 200),
        ("$..[?count($..[?count($..[?count($..[?count($..*)>0])>0])>0])>0]", 503),
    ],
    ids=["empty", "unclosed", "no-path", "open-filter", "deep", "large", "long", "regex", "slow"],
)
def test_a_query_that_cannot_be_answered_is_a_problem(lamps, query, status):
    """It is bounded in time and in size, and the next query is answered."""
    response = lamps.get("/search/jsonpath", query_string={"query": query})
    assert response.status_code == status
    assert status == 200 or response.mimetype == "application/problem+json"
    assert find(lamps, "$[0].title") == ["one"]


@pytest.mark.parametrize("query", ["", "$[?@.n==1e999]", "$[?@.n<1e400]", "$[1e2]"])
def test_what_is_no_path_is_told_as_such_and_ends_no_worker(lamps, query):
    """Errors of Python inside the library are neither a lack of memory nor of SPARQL."""
    find(lamps, "$")
    lost = lost_workers(lamps)
    answer = lamps.get("/search/jsonpath", query_string={"query": query})
    assert (answer.status_code, answer.get_json()["title"]) == (400, "Not a JSONPath query")
    assert answer.get_json()["detail"] != ""
    assert lost_workers(lamps) == lost


def test_one_query_is_expected(lamps):
    """None, or two, are a 400."""
    assert lamps.get("/search/jsonpath").status_code == 400
    assert lamps.get("/search/jsonpath?query=$&query=$").status_code == 400
