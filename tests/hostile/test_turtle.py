"""Ontologies, policies and shapes in Turtle that would cost much."""

from fractions import Fraction
from typing import Any

import pytest

from wasmiot_td.exact_numbers import exact
from wasmiot_td.turtle import TurtleError, read_turtle

pytestmark = pytest.mark.usefixtures("bounded")

TURTLE = {"Content-Type": "text/turtle"}
XSD = "http://www.w3.org/2001/XMLSchema#"
ENTITIES = "".join(f'<!ENTITY {chr(98 + i)} "{("&" + chr(97 + i) + ";") * 10}">' for i in range(9))
XML = f'<!DOCTYPE l [<!ENTITY a "aaaaaaaaaaaaaaaaaaaa">{ENTITIES}]><l>&j;</l>'
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

REFUSED = {
    "nested blank nodes": ("<urn:a> <urn:b> " + "[<urn:c> " * 50_000, "nested too deep"),
    "nested lists": ("<urn:a> <urn:b> " + "(" * 100_000 + ")" * 100_000 + ".", "nested too deep"),
    "a long number": ("<urn:a> <urn:b> " + "9" * 3_000_000 + " .", "digits"),
}
TAKEN = {
    "a number of a billion digits": f'<urn:a> <urn:b> "1E+900000000"^^<{XSD}decimal> .',
    "entities of entities": f"<urn:a> <urn:b> '''{XML}'''^^<{RDF}XMLLiteral> .",
    "a long text": f'<urn:a> <urn:b> "{"x" * 3_900_000}" .',
    "a long date": f'<urn:a> <urn:b> "{"1" * 1_000_000}"^^<{XSD}date> .',
}


@pytest.mark.parametrize("name", REFUSED)
def test_ontologies_that_are_refused(orchestrator: Any, name: str) -> None:
    """They say why, and the ontologies are what they were."""
    text, reason = REFUSED[name]
    answer = orchestrator.ask("PUT", "/ontologies/hostile", text.encode(), TURTLE)
    assert answer.status == 422
    assert reason in answer.problem["detail"]
    assert orchestrator.ask("GET", "/ontologies/hostile").status == 404


@pytest.mark.parametrize("name", TAKEN)
def test_literals_are_not_unfolded(orchestrator: Any, name: str) -> None:
    """What is odd and not large is kept as the text that it is."""
    answer = orchestrator.ask("PUT", "/ontologies/odd", TAKEN[name].encode(), TURTLE)
    assert answer.status == 201
    assert orchestrator.ask("DELETE", "/ontologies/odd").status == 204


def test_policies(orchestrator: Any) -> None:
    """A policy is small, and its numbers are numbers."""
    prefix = "@prefix sh: <http://www.w3.org/ns/shacl#> . [] a sh:NodeShape ; sh:targetNode <urn:a>"
    number = f'{prefix} ; sh:minInclusive "1E+900000000"^^<{XSD}decimal> .'
    assert orchestrator.ask("PUT", "/policies/x", number.encode(), TURTLE).status == 201
    assert orchestrator.ask("DELETE", "/policies/x").status == 204
    long = f'{prefix} ; sh:description "{"x" * 300_000}" .'
    answer = orchestrator.ask("PUT", "/policies/x", long.encode(), TURTLE)
    assert answer.status == 422
    assert "characters" in answer.problem["detail"]
    assert orchestrator.ask("GET", "/policies/x").status == 404


@pytest.mark.parametrize("text", ["1E999999999", "-1e-999999999", "9" * 500, "1_0", "nan", "1/3"])
def test_numbers_that_nobody_writes_out(text: str) -> None:
    """A device may say such a quantity; it is no number."""
    assert exact(text) is None


@pytest.mark.parametrize("text", ["1E308", "-0.5", "+.5e-3", " 7 "])
def test_numbers_are_exact(text: str) -> None:
    """All that a double can say is a number."""
    assert exact(text) == Fraction(text)


def test_too_many_triples() -> None:
    """A text is counted when it is read."""
    with pytest.raises(TurtleError, match="more than 1 triples"):
        read_turtle("<urn:a> <urn:b> 1, 2 .", most_characters=100, most_triples=1)
