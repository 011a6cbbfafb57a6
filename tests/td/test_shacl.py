"""The shapes: what they find in a graph alone, without the checks of the JSON."""

import copy
import random
from typing import Any

import pyshacl
import pytest
from rdflib import RDF, SH, Graph, URIRef

from wasmiot_td import shacl, shacl_compiled
from wasmiot_td.document_kind import root_types
from wasmiot_td.errors import JsonLdError
from wasmiot_td.jsonld import document_base, expand
from wasmiot_td.n_triples import triples
from wasmiot_td.namespaces import CANONICAL_CONTEXT, TD
from wasmiot_td.report import Finding, Severity
from wasmiot_td.resources import resource_directory
from wasmiot_td.shacl import SHAPES_OF_KIND, explain, shapes_graph, validate

ID = "urn:x:1"
FORM = {"href": "https://l.example/x"}
DIGEST = "sha256:" + "a" * 64


def thing(**members: Any) -> dict[str, Any]:
    """Return a Thing that every shape accepts, but for the given members."""
    document = {
        "@context": [*CANONICAL_CONTEXT],
        "id": ID,
        "title": "a thing",
        "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
        "security": ["nosec_sc"],
        **members,
    }
    return {name: value for name, value in document.items() if value is not None}


def manifest(**members: Any) -> dict[str, Any]:
    """Return a manifest that every shape accepts, but for the given members."""
    step = {"module": "m", "entrypoint": "f"}
    document = {"name": "n", "sequence": [step], **members}
    return {"@context": [*CANONICAL_CONTEXT], "id": ID, "@type": "wasmiot:Manifest", **document}


def module(**members: Any) -> dict[str, Any]:
    """Return a module that every shape accepts, but for the given members."""
    document = {"title": "m", "wasmiot:digest": DIGEST, **members}
    types = ["tm:ThingModel", "wasmiot:Module"]
    return {"@context": [*CANONICAL_CONTEXT], "id": ID, "@type": types, **document}


def graph_of(document: dict[str, Any]) -> bytes:
    """Return the graph of a document."""
    return triples(expand(document, base=document_base(ID)), ID).n_triples


def found(document: dict[str, Any]) -> dict[str, Finding]:
    """Return what the shapes find, by pointer."""
    findings = validate(graph_of(document), ID, root_types(document))
    return {finding.pointer: finding for finding in findings}


@pytest.mark.parametrize("document", [thing(), manifest(), module()])
def test_good_documents_conform(document: dict[str, Any]) -> None:
    """Nothing is found where nothing is wrong."""
    assert found(document) == {}


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        (thing(title=None), ""),
        (thing(security=None), ""),
        (thing(securityDefinitions=None), ""),
        (thing(version={"model": "1"}), "/version"),
        (thing(properties={"p": {"type": "string"}}), "/properties/p"),
        (thing(actions={"a/b": {"forms": []}}), "/actions/a~1b"),
        (thing(events={"e": {}}), "/events/e"),
        (thing(events={"e": {"forms": [{"op": "subscribeevent"}]}}), "/events/e/forms/0"),
        (thing(properties={"p": {"forms": [{**FORM, "op": "invokeaction"}]}}), "/properties/p"),
        (
            thing(actions={"a": {"forms": [{**FORM, "response": {}}]}}),
            "/actions/a/forms/0/response",
        ),
        (thing(forms=[FORM]), "/forms/0"),
        (thing(links=[{"rel": "help"}]), "/links/0"),
        (thing(securityDefinitions={"s": {}}), "/securityDefinitions/s"),
        (
            thing(securityDefinitions={"s": {"scheme": "basic", "in": "shoe"}}),
            "/securityDefinitions/s",
        ),
        (thing(securityDefinitions={"s": {"scheme": "combo"}}), "/securityDefinitions/s"),
        (thing(properties={"p": {"minimum": "low", "forms": [FORM]}}), "/properties/p"),
        (
            thing(actions={"a": {"input": {"items": {"multipleOf": 0}}, "forms": [FORM]}}),
            "/actions/a/input/items",
        ),
        (module(**{"wasmiot:digest": "sha256:12"}), ""),
        (module(title=None), ""),
        (module(**{"wasmiot:requiredMemoryBytes": -1}), ""),
        (
            module(actions={"a": {"wasmiot:mount": [{"path": "../x", "stage": "output"}]}}),
            "/actions/a/wasmiot:mount/0",
        ),
        (
            module(actions={"a": {"wasmiot:mount": [{"path": "x", "stage": "later"}]}}),
            "/actions/a/wasmiot:mount/0",
        ),
        (
            module(actions={"a": {"wasmiot:dataFile": [{"path": "x"}]}}),
            "/actions/a/wasmiot:dataFile/0",
        ),
        (thing(**{"@type": "wasmiot:Supervisor", "wasmiot:memoryBytes": -5}), ""),
        (thing(**{"@type": "wasmiot:Installation", "wasmiot:revision": "x"}), ""),
        (thing(**{"@type": "wasmiot:Installation", "wasmiot:grant": ["no token"]}), ""),
        (manifest(name=" "), ""),
        (manifest(sequence=[]), ""),
        (manifest(sequence=[{"module": "m"}]), "/sequence/0"),
    ],
)
def test_each_fault_is_found_at_its_pointer(document: dict[str, Any], pointer: str) -> None:
    """A result of SHACL is a finding at a JSON pointer, with a message."""
    finding = found(document)[pointer]
    assert finding.severity is Severity.VIOLATION
    assert finding.message
    assert finding.source.startswith("http")


def test_a_wrong_date_is_a_warning() -> None:
    """The official schema leaves formats open, so a date that is none rejects nothing."""
    assert found(thing(created="yesterday"))[""].severity is Severity.WARNING


def test_a_node_with_an_iri_of_its_own_is_found_by_its_owner() -> None:
    """Its pointer cannot be read from the IRI, so the finding is where it hangs."""
    assert "" in found(thing(properties={"p": {"id": "urn:y", "type": "string"}}))


def test_terms_where_no_context_gives_them_meaning_are_not_checked() -> None:
    """Under uriVariables and schemaDefinitions `properties` expands to property affordances."""
    nested = {"type": "object", "properties": {"x": {"type": "string"}}}
    document = thing(schemaDefinitions={"error": nested}, uriVariables={"u": nested})
    assert found(document) == {}


@pytest.mark.parametrize("kind", sorted(SHAPES_OF_KIND))
def test_the_shapes_of_each_kind_are_parsed_and_explained(kind: str) -> None:
    """Every property shape that can fail on its own has a message."""
    shapes = shapes_graph(SHAPES_OF_KIND[kind])
    for shape in set(shapes.subjects(SH.minCount)) - set(shapes.subjects(SH.node)):
        if (None, SH.xone, None) not in shapes or (None, SH.property, shape) not in shapes:
            assert shapes.value(shape, SH.message) or _is_inside_xone(shapes, shape)


def _is_inside_xone(shapes: Graph, shape: Any) -> bool:
    owners = shapes.subjects(SH.property, shape)
    return any((None, RDF.first, owner) in shapes for owner in owners)


def test_every_shapes_file_is_used() -> None:
    """No file in shapes/ is left out."""
    files = {path.stem for path in resource_directory("shapes").glob("*.ttl")}
    assert files == {name for names in SHAPES_OF_KIND.values() for name in names}


def _without_a_member(document: Any, rng: random.Random) -> Any:
    """Return a document without one of its members, or with another value there."""
    mutant = copy.deepcopy(document)
    owner = mutant
    while True:
        key = rng.choice(list(owner) if isinstance(owner, dict) else range(len(owner)))
        inner = owner[key]
        if not isinstance(inner, (dict, list)) or not inner or rng.random() < 0.3:
            break
        owner = inner
    if rng.random() < 0.5:
        del owner[key]
    else:
        owner[key] = rng.choice([1, -1, "x", True, [], {}, ["x"], [{}]])
    return mutant


def test_the_compiled_engine_has_the_verdict_of_pyshacl(corpus: Any) -> None:
    """On the whole corpus and on mutants of it both engines agree whether a graph conforms."""
    rng = random.Random(1)
    originals = [d.json for d in corpus.documents() if "brokenjson" not in d.name]
    mutants = [_without_a_member(rng.choice(originals), rng) for _ in range(150)]
    verdicts = set()
    for source in [*originals, *mutants]:
        types = root_types(source)
        try:
            n_triples = triples(expand(source, base=document_base(ID)), ID).n_triples
        except JsonLdError:
            continue
        found = bool(validate(n_triples, ID, types)), bool(explain(n_triples, ID, types))
        verdicts.add(found)
    assert verdicts == {(True, True), (False, False)}


class _Panic(BaseException):
    """What the engine raises when an assertion of its own fails."""

    __module__ = "pyo3_runtime"


class _Failing:
    """An engine whose assertions fail."""

    class PreparedValidator:
        """Shapes that nothing can be checked with."""

        def __init__(self, shapes: bytes) -> None: ...

        def validate_algebra(self, n_triples: bytes, **options: Any) -> Any:
            """Fail as a library in Rust does."""
            raise _Panic


@pytest.mark.parametrize("engine", [None, _Failing()], ids=["missing", "failing"])
def test_without_the_compiled_engine_pyshacl_answers(monkeypatch: Any, engine: Any) -> None:
    """An engine that is not there, or fails, changes no verdict."""
    monkeypatch.setattr(shacl_compiled, "_engine", lambda: engine)
    shacl._compiled.cache_clear()
    try:
        right = f'<{ID}> <{TD.title}> "lamp" .\n'.encode()
        wrong = f"<{ID}> <{TD.hasForm}> <{ID}#f> .\n".encode()
        verdicts = [bool(validate(text, ID, ["Thing"])) for text in (right, wrong)]
    finally:
        shacl._compiled.cache_clear()
    assert verdicts == [bool(explain(text, ID, ["Thing"])) for text in (right, wrong)]
    assert True in verdicts


def test_the_cached_shapes_judge_like_pyshacl_itself(corpus: Any) -> None:
    """Shapes built once give the verdict of `pyshacl.validate` on every tenth document."""
    shapes = shapes_graph(SHAPES_OF_KIND["Thing"])
    for document in [d for d in corpus.documents() if "brokenjson" not in d.name][::10]:
        source = document.json
        if document.is_model or "id" not in source or "@context" not in source:
            continue
        n_triples = triples(expand(source, base=document_base("x")), source["id"]).n_triples
        graph = Graph().parse(data=n_triples, format="nt")
        graph.add((URIRef(source["id"]), RDF.type, TD.Thing))
        _, report, _ = pyshacl.validate(graph, shacl_graph=shapes)
        expected = len(list(report.objects(None, SH.result)))
        assert len(validate(n_triples, source["id"], ())) == expected, document.name
