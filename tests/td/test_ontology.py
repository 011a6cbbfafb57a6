"""The ontology: each term that is used is defined, each term that is defined is documented."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rdflib import OWL, RDF, RDFS, Graph, URIRef

from wasmiot_td.access.roles import ROLE_WORDS
from wasmiot_td.contexts import wasmiot_context
from wasmiot_td.namespaces import WASMIOT, WASMIOT_CONTEXT
from wasmiot_td.resources import resource_directory

NAMES = (
    "affordance",
    "module",
    "supervisor",
    "deployment",
    "manifest",
    "solution",
    "decision",
    "signature",
)
ROOT = Path(__file__).parents[2]
KINDS = {OWL.Class, OWL.ObjectProperty, OWL.DatatypeProperty, OWL.NamedIndividual}
DESIGNED = (
    "Supervisor Orchestrator Module Manifest Step Deployment Installation Solution Candidate "
    "Rejection Score HostInterface Mount Trigger entrypoint dependsOn feeds module device "
    "deployment revision imports exports mount path stage digest binary dataFile stateful "
    "provides capabilityProfile memoryBytes cpuCores architecture cpuLoad memoryLoad zone "
    "sequence requires prefers trigger every cron"
)
ALIGNED = (
    "http://www.w3.org/ns/sosa/",
    "http://www.w3.org/ns/ssn/",
    "https://w3id.org/saref#",
    "http://qudt.org/",
    "http://www.w3.org/ns/prov#",
)


def ontology() -> Graph:
    """Return all of the ontology."""
    graph = Graph()
    for name in NAMES:
        graph.parse(resource_directory("ontology") / f"{name}.ttl")
    return graph


def defined() -> set[str]:
    """Return the names of the terms that the ontology defines."""
    graph = ontology()
    subjects = {term for kind in KINDS for term in graph.subjects(RDF.type, kind)}
    return {str(term).removeprefix(str(WASMIOT)) for term in subjects}


def names_in(context: Any) -> Iterator[str]:
    """Return the names of the wasmiot terms that a context maps to."""
    text = json.dumps(context)
    yield from re.findall(r'"wasmiot:([A-Za-z]+)"', text)


def test_every_designed_term_is_defined() -> None:
    """The terms that the project set out to mint are there."""
    assert set(DESIGNED.split()) <= defined()


def test_every_term_of_the_contexts_is_defined() -> None:
    """No JSON member is mapped to a term that means nothing."""
    assert set(names_in(wasmiot_context())) <= defined()


def test_every_defined_property_can_be_written_in_json() -> None:
    """No property is defined that no context maps to."""
    graph = ontology()
    properties = {
        str(term).removeprefix(str(WASMIOT))
        for kind in (OWL.ObjectProperty, OWL.DatatypeProperty)
        for term in graph.subjects(RDF.type, kind)
    }
    assert properties <= set(names_in(wasmiot_context()))


@pytest.mark.parametrize("folder", ["shapes", "wasmiot_td", "orchestrator_app", "supervisor_app"])
def test_every_term_used_in_code_and_shapes_is_defined(folder: str) -> None:
    """Shapes, queries and code name no wasmiot term that the ontology lacks."""
    pattern = re.compile(
        r'(?<![:\w])wasmiot:([A-Za-z]+)(?![\w:])|\bWASMIOT(?:\.([A-Za-z]+)|\["(\w+)"\])'
    )
    used = {
        next(filter(None, groups)): path.relative_to(ROOT)
        for suffix in ("py", "ttl", "rq", "sparql", "html")
        for path in sorted((ROOT / folder).rglob(f"*.{suffix}"))
        for groups in pattern.findall(path.read_text())
    }
    scopes = set(ROLE_WORDS)  # scopes of OAuth 2 look like terms
    known = defined() | scopes
    assert {name: str(path) for name, path in used.items() if name not in known} == {}


def test_every_term_is_documented() -> None:
    """Each has one label, one comment that is a sentence, and says what defines it."""
    graph = ontology()
    for name in sorted(defined()):
        term = WASMIOT[name]
        assert len(list(graph.objects(term, RDFS.label))) == 1, name
        assert len(list(graph.objects(term, RDFS.comment))) == 1, name
        assert str(graph.value(term, RDFS.comment)).endswith("."), name
        assert graph.value(term, RDFS.isDefinedBy) == URIRef(WASMIOT_CONTEXT), name


def test_every_term_is_defined_in_one_file() -> None:
    """A term has one home."""
    homes: dict[Any, str] = {}
    for name in NAMES:
        graph = Graph().parse(resource_directory("ontology") / f"{name}.ttl")
        for term in set(graph.subjects(RDFS.label)):
            assert homes.setdefault(term, name) == name


def test_domains_and_ranges_name_classes_that_exist() -> None:
    """A domain or range of this vocabulary is one of its classes."""
    graph = ontology()
    for predicate in (RDFS.domain, RDFS.range):
        for term in graph.objects(None, predicate):
            if str(term).startswith(str(WASMIOT)):
                assert (term, RDF.type, OWL.Class) in graph


def test_datatypes_agree_with_the_contexts() -> None:
    """A property's datatype in the JSON-LD context is its range in the ontology."""
    graph = ontology()
    for name, datatype in typed_terms(wasmiot_context()["@context"]):
        stated = graph.value(WASMIOT[name], RDFS.range)
        assert str(stated).rpartition("#")[2] == datatype.removeprefix("xsd:"), name


def typed_terms(context: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Return the wasmiot terms of a context that have an XSD datatype."""
    for key, definition in context.items():
        if not isinstance(definition, dict):
            continue
        name = definition.get("@id", key)
        if name.startswith("wasmiot:") and definition.get("@type", "").startswith("xsd:"):
            yield name.removeprefix("wasmiot:"), definition["@type"]
        yield from typed_terms(definition.get("@context", {}))


@pytest.mark.parametrize("vocabulary", ALIGNED)
def test_ontology_is_aligned(vocabulary: str) -> None:
    """Terms are tied to the vocabularies that a reader may know already."""
    objects = [str(term) for term in ontology().objects()]
    assert any(term.startswith(vocabulary) for term in objects)


def test_each_vocabulary_has_its_context() -> None:
    """One name, several places."""
    for name in NAMES:
        assert (resource_directory("ontology") / f"{name}.context.jsonld").is_file()
