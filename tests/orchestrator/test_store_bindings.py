"""Bound variables mean the same on every engine, also inside sub-selects and NOT EXISTS."""

from pathlib import Path

import pytest
from rdflib import Graph, Literal, URIRef

import orchestrator_app
from orchestrator_app.store import OxigraphStore
from orchestrator_app.store.substitution import PLACEHOLDER, substituted

SOLVER = Path(orchestrator_app.__file__).parent / "solver"
MODULE = "urn:wasmiot:module:m:1.0.0"
GRAPH = """
@prefix : <https://wetware.fi/2023/wasmiot/v1.0#> .
<{module}> a :Module ; :imports <urn:i:a>, <urn:i:b> ; :requiredMemoryBytes 10 .
<urn:p:both> a :CapabilityProfile ; :provides <urn:i:a>, <urn:i:b> .
<urn:p:one> a :CapabilityProfile ; :provides <urn:i:a> .
<urn:d:fits> :capabilityProfile <urn:p:both> ; :memoryBytes 20 .
<urn:d:small> :capabilityProfile <urn:p:both> ; :memoryBytes 5 .
<urn:d:lacks> :capabilityProfile <urn:p:one> ; :memoryBytes 20 .
"""


@pytest.fixture
def n_triples() -> bytes:
    """A module and three devices, of which one fits."""
    text = Graph().parse(data=GRAPH.format(module=MODULE), format="turtle").serialize(format="nt")
    return text.encode()


@pytest.mark.parametrize("name", ["candidates", "module"])
def test_the_solvers_queries_say_the_same_on_each_engine(
    path_store, make_document, n_triples, name
):
    """What is asked of the embedded store may be asked of any."""
    bound = {"module": URIRef(MODULE)}
    if name == "module":
        bound = {"prefix": Literal("urn:wasmiot:module:m:")}
    embedded = OxigraphStore()
    for each in (path_store, embedded):
        each.put(make_document("urn:ex:fleet", n_triples), kind="thing")
    query = (SOLVER / f"{name}.rq").read_text()
    found, wanted = (
        {frozenset(row.items()) for row in each.select(query, **bound)}
        for each in (path_store, embedded)
    )
    assert found == wanted
    assert found


def test_the_device_that_fits_is_found(path_store, make_document, n_triples):
    """The bound module reaches into the sub-select and its NOT EXISTS."""
    path_store.put(make_document("urn:ex:fleet", n_triples), kind="thing")
    rows = path_store.select((SOLVER / "candidates.rq").read_text(), module=URIRef(MODULE))
    assert [str(row["device"]) for row in rows] == ["urn:d:fits"]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("SELECT ?a ?b { ?a ?p ?b }", f'SELECT ("" AS ?{PLACEHOLDER}2) ?b {{ <urn:x> ?p ?b }}'),
        (
            "SELECT (COUNT(?a) AS ?n) { ?a ?p ?b }",
            "SELECT (COUNT(<urn:x>) AS ?n) { <urn:x> ?p ?b }",
        ),
        ("ASK { ?a ?p '?a' } # ?a", "ASK { <urn:x> ?p '?a' } # ?a"),
        ("ASK { <urn:?a> ?ab $a }", "ASK { <urn:?a> ?ab <urn:x> }"),
    ],
)
def test_variables_are_replaced_and_nothing_that_looks_like_one(query, wanted):
    """Strings, IRIs, comments and longer names stay as they are."""
    assert substituted(query, {"a": URIRef("urn:x")}) == wanted


def test_a_variable_that_the_query_assigns_cannot_be_bound():
    """Such a query would mean something else."""
    with pytest.raises(ValueError, match=r"\?a is bound"):
        substituted("SELECT ?a { BIND (1 AS ?a) }", {"a": URIRef("urn:x")})
