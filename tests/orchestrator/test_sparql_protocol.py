"""The query operation of the SPARQL 1.1 Protocol, case by case.

Source: SPARQL 1.1 Protocol, clauses 2.1 (query operation) and 2.2 (update operation, refused).
"""

import pytest
from rdflib import RDF, Graph, Namespace, URIRef
from rdflib.compare import isomorphic

from orchestrator_app.app import create_app
from orchestrator_app.settings import Settings

SD = Namespace("http://www.w3.org/ns/sparql-service-description#")
NAME = "<urn:ex:name>"
SELECT = f"SELECT ?n {{ ?s {NAME} ?n }}"
ASK = f"ASK {{ ?s {NAME} ?n }}"
CONSTRUCT = f"CONSTRUCT {{ ?s {NAME} ?n }} WHERE {{ ?s {NAME} ?n }}"
DESCRIBE = "DESCRIBE <urn:ex:sa>"
IN_GRAPH = f"SELECT ?n {{ GRAPH ?g {{ ?s {NAME} ?n }} }}"
BOTH = f"SELECT ?n {{ {{ ?s {NAME} ?n }} UNION {{ GRAPH ?g {{ ?s {NAME} ?n }} }} }}"
A, B = "urn:ex:a", "urn:ex:b"
QUERY_TYPE, FORM = "application/sparql-query", "application/x-www-form-urlencoded"
IS_FORM = {"content_type": FORM}
JSON, XML = "application/sparql-results+json", "application/sparql-results+xml"


TD = {
    "@context": ["https://www.w3.org/2022/wot/td/v1.1"],
    "title": "lamp",
    "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
    "security": ["nosec_sc"],
}


@pytest.fixture(scope="module")
def endpoint():
    """A client of an orchestrator with two documents, each naming a switch after itself."""
    app = create_app(Settings())
    client = app.test_client()
    for name in "ab":
        switch = {"id": f"urn:ex:s{name}", "urn:ex:name": name, "type": "boolean"}
        on = {**switch, "forms": [{"href": "http://127.0.0.1/on"}]}
        document = {**TD, "id": f"urn:ex:{name}", "properties": {"on": on}}
        assert client.put(f"/things/urn:ex:{name}", json=document).status_code == 201
    yield client
    app.extensions["wasmiot"].close()


def get(query=None, **arguments):
    """Return a query by GET; names of arguments have underscores for hyphens."""
    named = {name.replace("_", "-"): value for name, value in arguments.items()}
    return {"method": "GET", "query_string": {**({"query": query} if query else {}), **named}}


def form(query=None, **arguments):
    """Return a query by POST of a form."""
    return {"method": "POST", "data": get(query, **arguments)["query_string"]}


def direct(query, content_type=QUERY_TYPE, **arguments):
    """Return a query by POST of its text."""
    arguments = get(**arguments)["query_string"]
    return {
        "method": "POST",
        "data": query,
        "content_type": content_type,
        "query_string": arguments,
    }


SHAPES = pytest.mark.parametrize("shape", [get, form, direct])


@SHAPES
@pytest.mark.parametrize(
    ("query", "arguments", "names"),
    [
        (SELECT, {}, ["a", "b"]),
        (IN_GRAPH, {}, ["a", "b"]),
        (SELECT, {"default_graph_uri": A}, ["a"]),
        (SELECT, {"default_graph_uri": [A, B]}, ["a", "b"]),
        (SELECT, {"default_graph_uri": "urn:ex:nothing"}, []),
        (IN_GRAPH, {"default_graph_uri": A}, []),
        (IN_GRAPH, {"named_graph_uri": B}, ["b"]),
        (IN_GRAPH, {"named_graph_uri": [A, B]}, ["a", "b"]),
        (SELECT, {"named_graph_uri": A}, []),
        (BOTH, {"default_graph_uri": A, "named_graph_uri": B}, ["a", "b"]),
        (BOTH, {"default_graph_uri": [A, B], "named_graph_uri": B}, ["a", "b", "b"]),
        (SELECT.replace("{", f"FROM <{B}> {{", 1), {}, ["b"]),
        (SELECT.replace("{", f"FROM <{B}> {{", 1), {"default_graph_uri": A}, ["a"]),
        (IN_GRAPH.replace("{", f"FROM NAMED <{B}> {{", 1), {}, ["b"]),
        (IN_GRAPH.replace("{", f"FROM NAMED <{B}> {{", 1), {"named_graph_uri": A}, ["a"]),
    ],
)
def test_the_dataset(endpoint, shape, query, arguments, names):
    """The protocol's graphs win over the query's, and these over the merge of all documents."""
    response = endpoint.open("/sparql", **shape(query, **arguments))
    assert (response.status_code, response.mimetype) == (200, JSON)
    rows = response.json["results"]["bindings"]
    assert sorted(row["n"]["value"] for row in rows) == names


@SHAPES
@pytest.mark.parametrize(
    ("query", "accept", "media_type"),
    [
        (SELECT, None, JSON),
        (SELECT, "*/*", JSON),
        (SELECT, XML, XML),
        (SELECT, f"text/html, {XML};q=0.5, text/csv;q=0.9", "text/csv"),
        (SELECT, "text/tab-separated-values", "text/tab-separated-values"),
        (SELECT, "application/*", JSON),
        (SELECT, f"{XML}; charset=utf-8", XML),
        (SELECT, f"{JSON}; charset=utf-8;q=0.2, text/csv;header=present", "text/csv"),
        (CONSTRUCT, "application/n-triples;charset=utf-8", "application/n-triples"),
        (ASK, None, JSON),
        (ASK, XML, XML),
        (CONSTRUCT, None, "text/turtle"),
        (CONSTRUCT, "application/n-triples", "application/n-triples"),
        (CONSTRUCT, f"{XML}, application/ld+json;q=0.1", "application/ld+json"),
        (DESCRIBE, "application/rdf+xml", "application/rdf+xml"),
        (DESCRIBE, "text/turtle;q=0.2, application/n-triples", "application/n-triples"),
    ],
)
def test_the_result_format(endpoint, shape, query, accept, media_type):
    """Content negotiation chooses among what such a result can be."""
    headers = {"Accept": accept} if accept else {}
    response = endpoint.open("/sparql", **shape(query), headers=headers)
    assert (response.status_code, response.mimetype) == (200, media_type)
    assert "Accept" in response.headers["Vary"]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (get("SELECT ?n {"), 400),
        (get(query=[SELECT, SELECT]), 400),
        (form(query=[SELECT, ASK]), 400),
        ({"method": "POST", "content_type": FORM}, 400),
        (form(default_graph_uri=A), 400),
        (direct(""), 400),
        (direct("\ufeff?"), 400),
        (direct(SELECT.encode("utf-16")), 400),
        (direct(b"ASK { ?s ?p '\xff' }"), 400),
        ({"method": "GET", "query_string": "query=ASK%7B%3Fs+%3Fp+%22%FF%22%7D"}, 400),
        ({"method": "POST", "data": b"query=ASK%7B%3Fs+%3Fp+%22%FF%22%7D", **IS_FORM}, 400),
        ({"method": "POST", "data": b"query=ASK{?s ?p '\xff'}", **IS_FORM}, 400),
        (
            {"method": "POST", "data": b"query=ASK%7B%7D&default-graph-uri=%ED%A0%80", **IS_FORM},
            400,
        ),
        ({**direct(ASK), "query_string": "default-graph-uri=urn:%C3"}, 400),
        (get(SELECT, default_graph_uri="not an iri"), 400),
        (get(SELECT, named_graph_uri="<>"), 400),
        (direct(SELECT, "text/plain"), 415),
        (direct(SELECT, "application/json"), 415),
        ({"method": "POST"}, 415),
        (direct("CLEAR ALL", "application/sparql-update"), 403),
        (form(update="CLEAR ALL"), 403),
        (get(update="CLEAR ALL"), 403),
        (form(SELECT, update="CLEAR ALL"), 403),
        (form("INSERT DATA { <urn:s> <urn:p> 1 }"), 403),
        (direct("PREFIX insert: <urn:x> LOAD <http://127.0.0.1:1/>"), 403),
        (get("SELECT * { SERVICE SILENT ?x { ?s ?p ?o } }"), 403),
        ({**get(SELECT), "headers": {"Accept": "image/png"}}, 406),
        ({**get(CONSTRUCT), "headers": {"Accept": "text/csv"}}, 406),
        ({"method": "PUT", "data": SELECT}, 405),
        ({"method": "DELETE"}, 405),
    ],
)
def test_a_bad_request_is_a_problem(endpoint, request_, status):
    """Each misuse has its status, and is explained; the graph is as it was."""
    response = endpoint.open("/sparql", **request_)
    assert (response.status_code, response.mimetype) == (status, "application/problem+json")
    assert response.json["detail"]
    assert endpoint.open("/sparql", **get(ASK)).json["boolean"] is True


@pytest.mark.parametrize("charset", ["", "; charset=utf-8", "; charset=UTF-8"])
@pytest.mark.parametrize("kind", [QUERY_TYPE, FORM])
def test_queries_are_utf_8(endpoint, kind, charset):
    """Letters beyond ASCII arrive, whether or not the charset is said."""
    query = 'SELECT ("h\u00e4\u6f22\U0001f600" AS ?n) {}'
    body = query if kind == QUERY_TYPE else {"query": query}
    response = endpoint.post("/sparql", data=body, content_type=kind + charset)
    assert response.json["results"]["bindings"][0]["n"]["value"] == "h\u00e4\u6f22\U0001f600"


def test_another_charset_is_refused(endpoint):
    """A body that says it is in Latin-1 is not read as something else."""
    for body, kind in ((ASK, QUERY_TYPE), ({"query": ASK}, FORM)):
        response = endpoint.post("/sparql", data=body, content_type=f"{kind}; charset=latin-1")
        assert (response.status_code, "UTF-8" in response.json["detail"]) == (415, True)


def test_head_answers_like_get(endpoint):
    """HEAD gives the headers of a query's answer without the answer."""
    options = get(SELECT)
    answer, head = (
        endpoint.open("/sparql", **options),
        endpoint.open("/sparql", **options | {"method": "HEAD"}),
    )
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Type"] == answer.headers["Content-Type"]


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph")  # by rdflib's own reader of JSON-LD
@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "text/turtle"),
        ("text/html, */*;q=0.8", "text/turtle"),
        ("application/rdf+xml", "application/rdf+xml"),
        ("text/turtle;q=0.2, application/ld+json; charset=utf-8", "application/ld+json"),
        ("application/n-triples", "application/n-triples"),
    ],
)
def test_the_service_describes_itself_in_each_form(endpoint, accept, media_type):
    """The same graph in whichever form a client likes, and caches are told that it depends."""
    response = endpoint.get("/sparql", headers={"Accept": accept} if accept else {})
    assert (response.status_code, response.mimetype) == (200, media_type)
    assert response.headers["Vary"] == "Accept"
    known = Graph().parse(data=endpoint.get("/sparql").data, format="turtle")
    assert isomorphic(Graph().parse(data=response.data, format=media_type), known)


@pytest.mark.parametrize("path", ["/sparql", "/search/sparql"])
def test_pages_of_other_sites_may_ask(endpoint, path):
    """A browser is let send each kind of query, and read each answer, errors too."""
    preflight = endpoint.options(
        path,
        headers={
            "Origin": "http://yasgui.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
    )
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert preflight.headers["Access-Control-Allow-Headers"] == "Accept, Content-Type"
    requests = [
        get(ASK),
        form(ASK),
        direct(ASK),
        get("ASK {"),
        direct("CLEAR ALL"),
        direct("", "x/y"),
    ]
    answers = [endpoint.open(path, **request) for request in (*requests, {"method": "DELETE"})]
    statuses = [200, 200, 200, 400, 400 if path != "/sparql" else 403, 415, 405]
    assert [answer.status_code for answer in answers] == statuses
    for answer in (preflight, *answers):
        assert answer.headers.getlist("Access-Control-Allow-Origin") == ["*"]
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_pages_of_other_sites_read_nothing_else(endpoint):
    """The rest of the orchestrator is closed to them, as it was."""
    for path in ("/things", "/search/jsonpath?query=$", "/modules", "/sparql/", "/"):
        for answer in (endpoint.get(path), endpoint.options(path)):
            assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_service_description_is_what_the_service_does(endpoint):
    """GET without a query gives RDF about the endpoint (SPARQL 1.1 Service Description)."""
    response = endpoint.get("/sparql")
    graph = Graph().parse(data=response.data, format="turtle")
    (service,) = graph.subjects(RDF.type, SD.Service)
    assert str(graph.value(service, SD.endpoint)).endswith("/sparql")
    assert graph.value(service, SD.supportedLanguage) == SD.SPARQL11Query
    assert (service, SD.feature, SD.UnionDefaultGraph) in graph
    formats = {str(f).rpartition("/")[2] for f in graph.objects(service, SD.resultFormat)}
    assert {"SPARQL_Results_JSON", "SPARQL_Results_CSV", "Turtle", "JSON-LD"} <= formats
    assert URIRef(f"{SD}BasicFederatedQuery") not in set(graph.objects(service, SD.feature))
