"""The SPARQL endpoint: protocol, formats, and what it does not let happen."""

import threading
from contextlib import ExitStack
from io import BytesIO

import pytest
from rdflib import Graph
from rdflib.query import Result

from orchestrator_app.app import create_app
from orchestrator_app.directory.query_lanes import MOST_A_PLACE, Lanes
from orchestrator_app.settings import Settings

ALL = "SELECT ?title { ?s <https://www.w3.org/2019/wot/td#title> ?title } ORDER BY ?title"
CONSTRUCT = "CONSTRUCT { ?s <urn:t> ?o } { ?s <https://www.w3.org/2019/wot/td#title> ?o }"
RUNAWAY = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n ?o }"


@pytest.fixture
def lamps(client, thing):
    """A client of an orchestrator that knows two lamps."""
    for name in "ab":
        client.put(f"/things/urn:ex:{name}", json=thing(f"lamp {name}", id=f"urn:ex:{name}"))
    return client


def titles(response):
    """Return the titles in a JSON result."""
    return [row["title"]["value"] for row in response.json["results"]["bindings"]]


@pytest.mark.parametrize("path", ["/sparql", "/search/sparql"])
def test_a_query_comes_in_three_ways(lamps, path):
    """By GET, as a form, and as the body."""
    answers = [
        lamps.get(path, query_string={"query": ALL}),
        lamps.post(path, data={"query": ALL}),
        lamps.post(path, data=ALL, content_type="application/sparql-query"),
    ]
    assert [titles(answer) for answer in answers] == [["lamp a", "lamp b"]] * 3


PLAIN = "application/sparql-results+json, application/n-triples"
FORMATS = {"text/tab-separated-values": "tsv", "text/csv": "csv", "application/ld+json": "json-ld"}


def content(response):
    """Return what a response says, as another program reads it: rows, an answer, or triples.

    CSV tells no text from an IRI, so that values are compared as texts.
    """
    name = FORMATS.get(response.mimetype) or response.mimetype.rpartition("+")[2]
    if "sparql-results" not in response.mimetype and name not in ("csv", "tsv"):
        graph = Graph().parse(data=response.data, format=FORMATS.get(response.mimetype) or name)
        return sorted(graph)
    result = Result.parse(BytesIO(response.data), format=name)
    if result.type == "ASK":
        return [result.askAnswer]
    return [{str(name): str(value) for name, value in row.asdict().items()} for row in result]


@pytest.mark.parametrize(
    ("query", "media_type"),
    [
        (ALL, "application/sparql-results+json"),
        (ALL, "application/sparql-results+xml"),
        (ALL, "text/csv"),
        (ALL, "text/tab-separated-values"),
        ("ASK { ?s ?p ?o }", "application/sparql-results+json"),
        ("ASK { ?s ?p ?o }", "application/sparql-results+xml"),
        (CONSTRUCT, "text/turtle"),
        (CONSTRUCT, "application/n-triples"),
        (CONSTRUCT, "application/ld+json"),
        (CONSTRUCT, "application/rdf+xml"),
    ],
)
@pytest.mark.filterwarnings("ignore:ConjunctiveGraph:DeprecationWarning")  # in rdflib itself
def test_the_answer_has_the_asked_format(lamps, query, media_type):
    """Content negotiation over results and graphs; each format says the same."""
    headers = {"Accept": media_type}
    response = lamps.get("/sparql", query_string={"query": query}, headers=headers)
    assert (response.status_code, response.mimetype) == (200, media_type)
    plain = lamps.get("/sparql", query_string={"query": query}, headers={"Accept": PLAIN})
    assert content(response) == content(plain) != []


def test_a_format_that_does_not_fit_is_not_acceptable(lamps):
    """A table cannot come as Turtle."""
    headers = {"Accept": "text/turtle"}
    response = lamps.get("/sparql", query_string={"query": ALL}, headers=headers)
    assert response.status_code == 406


@pytest.mark.parametrize(
    ("query", "media_type"),
    [
        (ALL, "application/json"),
        ("ASK { ?s ?p ?o }", "application/json"),
        (CONSTRUCT, "application/ld+json"),
        ("DESCRIBE <urn:ex:a>", "application/ld+json"),
    ],
)
def test_a_search_answers_in_plain_types(lamps, query, media_type):
    """Where the client names none, JSON for tables and JSON-LD for graphs."""
    response = lamps.get("/search/sparql", query_string={"query": query})
    assert (response.status_code, response.mimetype) == (200, media_type)
    assert response.json


@pytest.mark.parametrize("query", ["DROP ALL", "nonsense", "LOAD <http://x.example/>"])
def test_a_search_is_a_query_and_nothing_else(lamps, query):
    """Updates are a 400 there."""
    assert lamps.get("/search/sparql", query_string={"query": query}).status_code == 400


def test_the_dataset_can_be_named(lamps):
    """Only the graphs that the protocol names are asked."""
    arguments = {"query": ALL, "default-graph-uri": "urn:ex:b"}
    assert titles(lamps.get("/sparql", query_string=arguments)) == ["lamp b"]
    named = {
        "query": ALL.replace("{ ?s", "{ GRAPH ?g { ?s").replace("?title }", "?title } }"),
        "named-graph-uri": "urn:ex:a",
    }
    assert titles(lamps.post("/sparql", data=named)) == ["lamp a"]


def test_a_later_query_sees_a_later_write(lamps):
    """The copy that is asked is as new as the store."""
    assert len(titles(lamps.get("/sparql", query_string={"query": ALL}))) == 2
    lamps.delete("/things/urn:ex:a")
    assert titles(lamps.get("/sparql", query_string={"query": ALL})) == ["lamp b"]


def test_the_bookkeeping_is_not_seen(lamps):
    """Neither JSON text nor registration are in the graph of strangers."""
    query = "ASK { GRAPH <urn:wasmiot:store> { ?s ?p ?o } }"
    assert lamps.get("/sparql", query_string={"query": query}).json["boolean"] is False


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("SELECT nonsense", 400),
        ("SELECT * { ?s ?p ?o", 400),
        ("DROP ALL", 403),
        ("SELECT * { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }", 403),
        ("SELECT * { ?s ?p ?o FILTER(" + "!" * 200_000 + "?o) }", 400),
    ],
    ids=["no-query", "unclosed", "update", "federated", "overflows-the-parser"],
)
def test_a_query_that_cannot_be_answered_is_named(lamps, query, status):
    """The endpoint says what is wrong, and answers the next query."""
    response = lamps.post("/sparql", data=query, content_type="application/sparql-query")
    assert (response.status_code, response.mimetype) == (status, "application/problem+json")
    assert response.json["detail"]
    assert len(titles(lamps.get("/sparql", query_string={"query": ALL}))) == 2


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"data": {"query": [ALL, ALL]}}, 400),
        ({"data": {"x": "y"}}, 400),
        ({"data": {"update": "DROP ALL"}}, 403),
        ({"data": "DROP ALL", "content_type": "application/sparql-update"}, 403),
        ({"data": ALL, "content_type": "text/plain"}, 415),
        ({"data": b"\xff", "content_type": "application/sparql-query"}, 400),
        ({"data": {"query": ALL, "default-graph-uri": "not an iri"}}, 400),
    ],
    ids=["two-queries", "none", "update-form", "update-body", "text", "not-utf-8", "bad-graph"],
)
def test_protocol_errors(lamps, options, status):
    """Each misuse of the protocol has its status."""
    assert lamps.post("/sparql", **options).status_code == status


def test_without_a_query_the_service_describes_itself(lamps):
    """GET without arguments gives the service description."""
    response = lamps.get("/sparql")
    assert response.mimetype == "text/turtle"
    assert "UnionDefaultGraph" in response.text


@pytest.fixture
def hurried(tmp_path, thing):
    """A client of an orchestrator with tight limits on queries."""
    settings = Settings(data_dir=tmp_path, query_timeout_seconds=1.5, query_result_bytes=2000)
    app = create_app(settings)
    client = app.test_client()
    for number in range(40):
        client.post("/things", json=thing(f"lamp {number}"))
    yield client
    app.extensions["wasmiot"].close()


def test_a_runaway_query_is_ended_and_others_go_on(hurried):
    """While one burns its time, another is answered; then it gets a 503."""
    late = []
    ask = hurried.application.test_client().get
    thread = threading.Thread(
        target=lambda: late.append(ask("/sparql", query_string={"query": RUNAWAY}))
    )
    thread.start()
    quick = hurried.get("/sparql", query_string={"query": "ASK { ?s ?p ?o }"})
    assert (quick.status_code, thread.is_alive()) == (200, True)
    thread.join()
    assert (late[0].status_code, late[0].json["title"]) == (503, "Query took too long")


def test_queries_that_never_end_starve_nobody(hurried):
    """With more of them than there are places, others are answered, and all are ended."""
    ask, ended = hurried.application.test_client, []
    quick, other = {"query": "ASK { ?s ?p ?o }"}, {"REMOTE_ADDR": "192.0.2.7"}
    threads = [
        threading.Thread(
            target=lambda: ended.append(ask().get("/sparql", query_string={"query": RUNAWAY}))
        )
        for _ in range(2 * Settings().query_workers)
    ]
    for thread in threads:
        thread.start()
    answered = [hurried.get("/sparql", query_string=quick, environ_base=other)]
    while any(thread.is_alive() for thread in threads):
        answered.append(hurried.get("/sparql", query_string=quick, environ_base=other))
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answered} == {200}
    assert len(answered) > 1
    assert {(r.status_code, r.headers["Retry-After"]) for r in ended} == {(503, "2")}


def test_a_slow_query_makes_room_until_too_many_are_slow():
    """Who changes lanes gives a quick place back; where the slow lane is full, none changes."""
    lanes = Lanes(1)
    with lanes.turn("", 0) as first:
        with lanes.turn("", 0) as none:
            assert none is None
        assert first.change_lanes()
        with lanes.turn("", 0) as second:
            assert second is not None
            assert not second.change_lanes()
    with lanes.turn("", 0) as third:
        assert third.change_lanes()
    assert third.change_lanes()  # its query has ended meanwhile


def test_one_client_leaves_a_place_to_the_next():
    """In both lanes, however many queries it has."""
    lanes = Lanes(3)
    with ExitStack() as stack:
        own = [stack.enter_context(lanes.turn("greedy", 0)) for _ in range(3)]
        assert [turn is not None for turn in own] == [True, True, False]
        other = stack.enter_context(lanes.turn("modest", 0))
        assert [turn.change_lanes() for turn in (*own[:2], other)] == [True, True, True]
        late = stack.enter_context(lanes.turn("greedy", 0))
        assert not late.change_lanes()
    with lanes.turn("greedy", 0) as again:
        assert again is not None


def test_a_client_with_too_many_queries_at_once_is_told_so_at_once(hurried):
    """The next is a 429 and does not wait; others are answered meanwhile."""
    environ = {"REMOTE_ADDR": "192.0.2.7"}
    query = {"query": "ASK { ?s ?p ?o }"}
    lanes = hurried.application.extensions["wasmiot"].queries._lanes
    with ExitStack() as stack:
        for _ in range(MOST_A_PLACE * Settings().query_workers):
            stack.enter_context(lanes.presence("192.0.2.7"))
        refused = hurried.get("/sparql", query_string=query, environ_base=environ)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "2")
        assert refused.json["title"] == "Too many queries at once"
        assert hurried.get("/sparql", query_string=query).status_code == 200
    again = hurried.get("/sparql", query_string=query, environ_base=environ)
    assert again.status_code == 200


@pytest.mark.parametrize("path", ["/sparql", "/search/sparql"])
@pytest.mark.parametrize("query", ["SELECT *", "CONSTRUCT { ?s ?p ?o } WHERE"])
def test_a_large_result_is_refused(hurried, path, query):
    """What is larger than the limit is a 422 that says how to ask for less."""
    everything = f"{query} {{ ?s ?p ?o }}"
    response = hurried.get(path, query_string={"query": everything})
    assert (response.status_code, response.mimetype) == (422, "application/problem+json")
    assert "LIMIT" in response.json["detail"]
    less = hurried.get(path, query_string={"query": f"{everything} LIMIT 1"})
    assert (less.status_code, bool(less.data)) == (200, True)


def test_the_store_in_memory_can_be_asked_too():
    """Without a data directory the copy is made all the same."""
    app = create_app(Settings())
    response = app.test_client().get("/sparql", query_string={"query": "ASK { <urn:x> ?p ?o }"})
    assert response.json["boolean"] is False
    app.extensions["wasmiot"].close()


NAMES = "SELECT ?name {clauses} {{ ?s <urn:ex:name> ?name }}"


@pytest.fixture
def shared_name(client, thing):
    """A client of an orchestrator where two descriptions state the same triple."""
    for name in "ab":
        device = {"id": "urn:ex:shared", "urn:ex:name": "one", "type": "boolean"}
        on = {**device, "forms": [{"href": "http://127.0.0.1/on"}]}
        client.put(f"/things/urn:ex:{name}", json=thing(id=f"urn:ex:{name}", properties={"on": on}))
    return client


@pytest.mark.parametrize(
    ("clauses", "arguments"),
    [
        ("", {}),
        ("FROM <urn:ex:a> FROM <urn:ex:b>", {}),
        ("", {"default-graph-uri": ["urn:ex:a", "urn:ex:b"]}),
    ],
    ids=["all-graphs", "named-in-the-query", "named-by-the-protocol"],
)
def test_what_two_documents_state_counts_once(shared_name, clauses, arguments):
    """The default graph is an RDF merge, a set of triples."""
    query = {"query": NAMES.format(clauses=clauses), **arguments}
    rows = shared_name.get("/sparql", query_string=query).json["results"]["bindings"]
    assert [row["name"]["value"] for row in rows] == ["one"]


def test_what_two_documents_state_holds_as_long_as_one_does(shared_name):
    """Removing one document leaves what the other says; removing both leaves nothing."""
    query = {"query": NAMES.format(clauses="")}
    counts = []
    for name in "ab":
        shared_name.delete(f"/things/urn:ex:{name}")
        counts.append(
            len(shared_name.get("/sparql", query_string=query).json["results"]["bindings"])
        )
    assert counts == [1, 0]


def test_graphs_can_be_looked_into_one_by_one(shared_name):
    """`GRAPH` names the document that says so, and named graphs can be chosen beside a merge."""
    inside = "{ GRAPH ?g { ?s <urn:ex:name> ?name } } ORDER BY ?g"
    clauses = "PREFIX ex: <urn:ex:> SELECT ?g FROM ex:a FROM <urn:ex:b> FROM NAMED ex:b"
    for query, graphs in ((f"SELECT ?g {inside}", ["a", "b"]), (f"{clauses} {inside}", ["b"])):
        answer = shared_name.get("/sparql", query_string={"query": query})
        found = [row["g"]["value"] for row in answer.json["results"]["bindings"]]
        assert found == [f"urn:ex:{name}" for name in graphs]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT DISTINCT ?g { GRAPH ?g { ?s ?p ?o } }",
        r"SELECT DISTINCT ?g { \u0047RAPH ?g { ?s ?p ?o } }",
        "SELECT ?p FROM <urn:wasmiot:store> { ?s ?p ?o }",
        "SELECT ?p FROM <urn:wasmiot:store> FROM <urn:ex:a> { ?s ?p ?o }",
        "SELECT ?p FROM NAMED <urn:wasmiot:store> { GRAPH ?g { ?s ?p ?o } }",
        "DESCRIBE <urn:wasmiot:store> <urn:ex:a>",
    ],
)
def test_no_way_of_writing_a_query_shows_the_bookkeeping(lamps, query):
    """Nothing reaches the texts that are kept beside the graphs."""
    assert "urn:wasmiot:store" not in lamps.get("/sparql", query_string={"query": query}).text
