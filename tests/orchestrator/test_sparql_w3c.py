"""W3C's tests of the SPARQL 1.1 Protocol, by their names, as far as a read-only endpoint can pass.

The seven that send an update which is to succeed (`update_*`) do not apply: it is refused.
Source: the SPARQL 1.1 test suite, `data-sparql11/protocol/manifest`.
"""

from urllib.parse import quote

import pytest
from rdflib import Graph, Literal, URIRef

from orchestrator_app.app import create_app
from orchestrator_app.settings import Settings

DATA = [f"http://kasei.us/2009/09/sparql/data/data{number}.rdf" for number in range(4)]
DIRECT, FORM = "application/sparql-query", "application/x-www-form-urlencoded"
UPDATE = "application/sparql-update"
TABLES = ("json", "xml", "csv", "tab-separated-values")
IN_BOTH = f"ASK {{ <{DATA[1]}> a ?type . <{DATA[2]}> a ?type . }}"
IN_GRAPHS = f"GRAPH ?g1 {{ <{DATA[1]}> a ?type }} GRAPH ?g2 {{ <{DATA[2]}> a ?type }}"
FULL = f"ASK {{ <{DATA[3]}> a ?type {IN_GRAPHS} }}"
NOTHING = {"default-graph-uri": DATA[0]}
DEFAULTS, NAMED = {"default-graph-uri": DATA[1:3]}, {"named-graph-uri": DATA[1:3]}
CONFLICT = "WITH <http://example/a> DELETE { ?s ?p 'Bill' } INSERT { ?s ?p 'W' } WHERE { ?s ?p ?o }"


def direct(text, content_type=DIRECT, **arguments):
    """Return a request with a text as its body; without a content type where that is None."""
    return {"method": "POST", "data": text, "content_type": content_type} | arguments


@pytest.fixture(scope="module")
def endpoint():
    """A client of an orchestrator with W3C's three graphs, each a description of that id."""
    app = create_app(Settings())
    client = app.test_client()
    for graph in DATA[1:]:
        document = {
            "@context": ["https://www.w3.org/2022/wot/td/v1.1"],
            "@type": "Thing",
            "id": graph,
            "title": "data",
            "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
            "security": ["nosec_sc"],
        }
        assert client.put(f"/things/{quote(graph, safe='')}", json=document).status_code == 201
    yield client
    app.extensions["wasmiot"].close()


TRUE = {
    "query_post_form": direct("query=ASK%20%7B%7D", FORM, query_string=NOTHING),
    "query_dataset_default_graphs_get": {"query_string": {"query": IN_BOTH} | DEFAULTS},
    "query_dataset_default_graphs_post": direct(IN_BOTH, query_string=DEFAULTS),
    "query_dataset_named_graphs_post": direct(f"ASK {{ {IN_GRAPHS} }}", query_string=NAMED),
    "query_dataset_named_graphs_get": {"query_string": {"query": f"ASK {{ {IN_GRAPHS} }}"} | NAMED},
    "query_dataset_full": direct(FULL, query_string=NAMED | {"default-graph-uri": DATA[3]}),
    "query_multiple_dataset": direct(f"ASK FROM <{DATA[3]}> {{ {IN_GRAPHS} }}", query_string=NAMED),
    "query_get": {"query_string": {"query": "ASK {}"} | NOTHING},
    "query_post_direct": direct("ASK {}"),
    "query_content_type_ask": direct("ASK {}", query_string=NOTHING),
}


@pytest.mark.parametrize("name", TRUE)
def test_a_question_that_is_true(endpoint, name):
    """Each is answered `true`, in a format for that.

    As it is printed, `query_multiple_dataset` has `%26` for the `&` between its two arguments, and
    so names one graph that nobody has; here it names both, as its title says.
    """
    response = endpoint.open("/sparql", **TRUE[name])
    assert (response.status_code, response.mimetype) == (200, "application/sparql-results+json")
    assert response.json["boolean"] is True


def test_query_content_type_select(endpoint):
    """A table comes in a format of tables."""
    select = direct("SELECT (1 AS ?value) {}", query_string=NOTHING)
    response = endpoint.open("/sparql", **select)
    assert (response.status_code, response.mimetype.rpartition("+")[2] in TABLES) == (200, True)
    assert [row["value"]["value"] for row in response.json["results"]["bindings"]] == ["1"]


def test_query_content_type_describe(endpoint):
    """A description comes as RDF, also where there is nothing to say."""
    describe = direct("DESCRIBE <http://example.org/>", query_string=NOTHING)
    response = endpoint.open("/sparql", **describe)
    assert (response.status_code, response.mimetype) == (200, "text/turtle")
    assert len(Graph().parse(data=response.data, format="turtle")) == 0


@pytest.mark.parametrize("path", ["/sparql", "/search/sparql"])
def test_query_content_type_construct(endpoint, path):
    """Relative IRIs in a query begin with where it was sent."""
    query = direct("CONSTRUCT { <s> <p> 1 } WHERE {}", query_string=NOTHING)
    response = endpoint.open(path, **query, headers={"Accept": "text/turtle"})
    assert (response.status_code, response.mimetype) == (200, "text/turtle")
    [triple] = Graph().parse(data=response.data, format="turtle")
    url = endpoint.application.extensions["wasmiot"].settings.base_url + path[1:]
    folder = url.rpartition("/")[0]
    assert triple == (URIRef(f"{folder}/s"), URIRef(f"{folder}/p"), Literal(1))


REFUSED = {
    "bad_query_method": {"method": "PUT", "content_type": FORM, "query_string": "query=ASK%20{}"},
    "bad_multiple_queries": {"query_string": {"query": ["ASK {}", "SELECT * {}"]}},
    "bad_query_wrong_media_type": direct("ASK {}", "text/plain"),
    "bad_query_missing_form_type": direct("query=ASK%20%7B%7D", None),
    "bad_query_missing_direct_type": direct("ASK {}", None),
    "bad_query_non_utf8": direct("ASK {}".encode("utf-16"), f"{DIRECT}; charset=UTF-16"),
    "bad_query_syntax": {"query_string": {"query": "ASK {"}},
    "bad_update_get": {"query_string": {"update": "CLEAR ALL"}},
    "bad_multiple_updates": direct("update=CLEAR%20NAMED&update=CLEAR%20DEFAULT", FORM),
    "bad_update_wrong_media_type": direct("CLEAR NAMED", "text/plain"),
    "bad_update_missing_form_type": direct("update=CLEAR%20NAMED", None),
    "bad_update_non_utf8": direct("CLEAR NAMED".encode("utf-16"), f"{UPDATE}; charset=UTF-16"),
    "bad_update_syntax": direct("update=CLEAR%20XYZ", FORM),
    "bad_update_dataset_conflict": direct(
        CONFLICT, UPDATE, query_string={"using-named-graph-uri": "http://example/people"}
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_request(endpoint, name):
    """Each is the client's fault, is explained, and changes nothing."""
    response = endpoint.open("/sparql", **REFUSED[name])
    assert (response.status_code // 100, response.mimetype) == (4, "application/problem+json")
    assert endpoint.open("/sparql", **TRUE["query_dataset_full"]).json["boolean"] is True


@pytest.mark.parametrize("clauses", ["FROM <data1.rdf>", "FROM <data1.rdf> FROM <data2.rdf>"])
def test_a_relative_graph_is_found(endpoint, clauses):
    """One clause FROM is read by the engine, two by this program: both mind the base."""
    query = f"BASE <{DATA[3]}> ASK {clauses} {{ <data1.rdf> a ?type }}"
    assert endpoint.open("/sparql", **direct(query)).json["boolean"] is True
