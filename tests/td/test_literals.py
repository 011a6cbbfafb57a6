"""Of the many ways to write a literal, the one that a Thing Description is written in."""

import json
from typing import Any

import pytest
from pyld import jsonld as pyld
from rdflib import XSD

from wasmiot_td.jsonld import document_base, expand
from wasmiot_td.literals import as_expected, coerced_datatypes
from wasmiot_td.namespaces import CANONICAL_CONTEXT, JSONSCHEMA, TD
from wasmiot_td.thing_description import load

MINIMUM = str(JSONSCHEMA["minimum"])
SECURITY = str(TD["hasSecurityConfiguration"])
LAMP: dict[str, Any] = {
    "@context": list(CANONICAL_CONTEXT),
    "id": "urn:x:1",
    "title": "lamp",
    "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
    "security": "nosec_sc",
    "schemaDefinitions": {"0": {"type": "string"}},
    "wasmiot:memoryBytes": 1024,
    "properties": {
        "level": {
            "type": "number",
            "minimum": 0.5,
            "maximum": 100,
            "readOnly": False,
            "forms": [{"href": "http://lamp.example/level"}],
        }
    },
}


@pytest.mark.parametrize(
    ("predicate", "written", "expected"),
    [
        (MINIMUM, {"@value": "0.5", "@type": str(XSD.double)}, {"@value": 0.5}),
        (MINIMUM, {"@value": "7", "@type": str(XSD.integer)}, {"@value": 7}),
        (MINIMUM, {"@value": "007", "@type": str(XSD.integer)}, None),
        (MINIMUM, {"@value": "7", "@type": str(XSD.decimal)}, None),
        (MINIMUM, {"@value": "true", "@type": str(XSD.boolean)}, {"@value": True}),
        (MINIMUM, {"@value": 5.0}, None),
        (MINIMUM, {"@value": "x", "@language": "fi"}, None),
        (MINIMUM, {"@value": {"a": 1}, "@type": "@json"}, None),
        (SECURITY, {"@value": "a"}, {"@value": "a", "@type": str(XSD.string)}),
        ("urn:p", {"@value": "a", "@type": str(XSD.string)}, {"@value": "a"}),
        ("urn:p", {"@value": "5", "@type": str(XSD.integer), "@index": "i"}, {"@value": 5}),
    ],
)
def test_a_literal_gets_the_form_that_the_contexts_expect(
    predicate: str, written: dict[str, Any], expected: dict[str, Any] | None
) -> None:
    """Where that is the very same literal; all else stays as it was written."""
    index = {"@index": written["@index"]} if "@index" in written else {}
    (found,) = as_expected([{predicate: [written]}])[0][predicate]
    assert found == ({**index, **expected} if expected else written)


def test_literals_in_lists_belong_to_the_property() -> None:
    """A list is no property of its own."""
    tree = [{MINIMUM: [{"@list": [{"@value": "7", "@type": str(XSD.integer)}]}]}]
    assert as_expected(tree) == [{MINIMUM: [{"@list": [{"@value": 7}]}]}]


def test_only_the_canonical_context_coerces() -> None:
    """What a context says that is not compacted to is of no account."""
    assert coerced_datatypes()[SECURITY] == {str(XSD.string)}
    assert "http://www.w3.org/2011/http#methodName" not in coerced_datatypes()


@pytest.mark.parametrize("native", [True, False])
def test_json_ld_made_from_rdf_becomes_a_thing_description(native: bool) -> None:
    """JSON-LD's own way out of RDF writes flat nodes, typed values and no names."""
    base = document_base(LAMP["id"])
    quads = pyld.to_rdf(expand(LAMP, base=base).nodes, {"base": base})
    loaded = load(json.dumps(pyld.from_rdf(quads, {"useNativeTypes": native})))
    assert loaded.document == LAMP
    assert loaded.report.findings == ()
    assert sorted(loaded.n_triples.splitlines()) == sorted(load(LAMP).n_triples.splitlines())
