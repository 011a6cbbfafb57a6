"""The bundled contexts: equal to the official ones, complete, and never fetched."""

import copy
import json
import os
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest

from wasmiot_td.contexts import (
    CONTEXT_NAMES,
    WASMIOT_PARTS,
    ContextRegistry,
    bundled_documents,
    served_contexts,
    wasmiot_context,
)
from wasmiot_td.errors import ContextNotAvailable, JsonLdError
from wasmiot_td.jsonld import expand
from wasmiot_td.namespaces import (
    DISCOVERY_CONTEXT,
    TD_1_0_CONTEXT,
    TD_CONTEXT,
    WASMIOT_CONTEXT,
)
from wasmiot_td.resources import resource_directory

BASE = "https://base.invalid/"
CORPUS = os.environ.get("WASMIOT_CORPUS")
needs_corpus = pytest.mark.skipif(not CORPUS, reason="WASMIOT_CORPUS names no folder of documents")

SMALL = {
    "@context": TD_CONTEXT,
    "title": "lamp",
    "titles": {"fi": "lamppu"},
    "securityDefinitions": {"basic_sc": {"scheme": "basic", "in": "header"}},
    "security": "basic_sc",
    "properties": {
        "status": {
            "type": "object",
            "unit": "om:degree",
            "properties": {"on": {"type": "boolean", "properties": {"deep": {"const": 1}}}},
            "forms": [{"href": "status", "op": ["readproperty"], "type": "text/plain"}],
        }
    },
    "actions": {
        "fade": {
            "input": {"oneOf": [{"type": "integer"}], "properties": {"to": {"minimum": 0}}},
            "forms": [{"href": "fade", "response": {"contentType": "text/plain"}}],
        }
    },
    "events": {"overheated": {"data": {"type": "null"}, "subscription": {"enum": ["a"]}}},
    "links": [{"rel": "item", "href": "x", "hreflang": "fi"}],
    "schemaDefinitions": {"error": {"type": "string"}},
    "uriVariables": {"step": {"type": "integer"}},
    "version": {"instance": "1", "model": "2"},
}


def documents() -> list[Any]:
    """Return the documents of the corpus that are JSON."""
    found = []
    for path in sorted(Path(CORPUS or ".").glob("*/*.json*")):
        try:
            found.append(json.loads(path.read_bytes()))
        except ValueError:
            continue
    return found


def under(document: Any, contexts: ContextRegistry) -> Any:
    """Return a document's expansion, or the reason why there is none."""
    try:
        return expand(document, contexts, base=BASE).nodes
    except JsonLdError as error:
        return str(error)


def read(path: Path) -> Any:
    """Return a JSON file's value."""
    return json.loads(path.read_bytes())


@needs_corpus
def test_own_contexts_expand_as_the_official_ones() -> None:
    """Every document of the corpus expands alike under the own and the official contexts."""
    folder = Path(str(CORPUS)) / "official"
    td = read(folder / "td-context-1.1.jsonld")
    official = (
        ContextRegistry()
        .with_document(TD_CONTEXT, td)
        .with_document(TD_1_0_CONTEXT, td)
        .with_document(DISCOVERY_CONTEXT, read(folder / "discovery-core.jsonld"))
    )
    found = documents()
    assert len(found) > 150
    for document in found:
        assert under(document, ContextRegistry()) == under(document, official)


def test_own_td_context_expands_as_another_published_copy() -> None:
    """It equals the copy in the package domus-tdd-api, which differs from W3C's in one term."""
    copied = published_copy("fixed-ctx.json")
    copied["@context"]["security"]["@type"] = "xsd:string"
    other = ContextRegistry().with_document(TD_CONTEXT, copied)
    for document in [SMALL, *(documents() if CORPUS else [])]:
        assert under(document, ContextRegistry()) == under(document, other)


def test_own_discovery_context_expands_as_another_published_copy() -> None:
    """A registration expands alike after the TD context."""
    copied = published_copy("fixed-discovery-ctx.json")
    document = {
        "@context": [TD_CONTEXT, DISCOVERY_CONTEXT],
        "@type": "ThingDirectory",
        "registration": {"created": "2026-01-01T00:00:00Z", "ttl": 60, "expires": "x"},
        "members": [{"id": "urn:x"}],
        "total": 1,
    }
    other = ContextRegistry().with_document(DISCOVERY_CONTEXT, copied)
    assert under(document, ContextRegistry()) == under(document, other)


def published_copy(name: str) -> Any:
    """Return a data file of domus-tdd-api, without importing that package."""
    try:
        path = distribution("domus-tdd-api").locate_file(f"tdd/data/{name}")
    except PackageNotFoundError:
        pytest.skip("the package domus-tdd-api is not installed")
    return read(Path(str(path)))


def test_discovery_datatypes_expand_without_the_td_context() -> None:
    """Unlike W3C's, the own discovery context needs no prefix from another one."""
    document = {"@context": DISCOVERY_CONTEXT, "total": 3}
    value = expand(document, base=BASE).nodes[0]
    assert value == {
        "https://www.w3.org/2022/wot/discovery-ontology#contains": [
            {"@type": "http://www.w3.org/2001/XMLSchema#integer", "@value": 3}
        ]
    }


def test_td_1_0_documents_are_read_with_the_terms_of_1_1() -> None:
    """The two contexts give one expansion."""
    old = {**SMALL, "@context": TD_1_0_CONTEXT}
    assert under(old, ContextRegistry()) == under(SMALL, ContextRegistry())


def test_bundled_documents_stand_on_their_own() -> None:
    """No reference to another document is left in what is served."""
    for document in served_contexts().values():
        assert not list(references(document["@context"]))


def references(context: Any) -> list[str]:
    """Return the IRIs that a context refers to."""
    if isinstance(context, str):
        return [context]
    if isinstance(context, list):
        return [iri for part in context for iri in references(part)]
    scoped = [d["@context"] for d in context.values() if isinstance(d, dict) and "@context" in d]
    return [iri for part in scoped for iri in references(part)]


def test_every_context_file_has_a_name_and_is_served() -> None:
    """The folder and the registry agree."""
    files = {p.name.split(".")[0] for p in resource_directory("ontology").glob("*.context.jsonld")}
    assert files == CONTEXT_NAMES.keys() - {"wasmiot"}
    assert served_contexts().keys() == CONTEXT_NAMES.keys()


def test_wasmiot_context_is_the_union_of_its_parts_without_contradiction() -> None:
    """No term means two things in two parts."""
    merged = wasmiot_context()["@context"]
    for part in WASMIOT_PARTS:
        for term, definition in bundled_documents()[CONTEXT_NAMES[part]]["@context"].items():
            assert merged[term] == definition, f"{term} in {part}"


def test_wasmiot_context_hides_no_td_term() -> None:
    """Named after the TD context, it leaves the terms of TD what they were."""
    td = [CONTEXT_NAMES[name] for name in ("td", "data_schema", "form", "security")]
    for iri in td:
        context = bundled_documents()[iri]["@context"]
        for term in context.keys() & wasmiot_context()["@context"].keys() - {"@version"}:
            own = wasmiot_context()["@context"][term]
            assert context[term] == (own["@id"] if isinstance(own, dict) else own), term


def test_what_a_registry_returns_is_the_callers() -> None:
    """Changing a returned document changes no other."""
    registry = ContextRegistry().with_document("urn:c", {"@context": {"a": "urn:a"}})
    for iri in ("urn:c", WASMIOT_CONTEXT):
        before = copy.deepcopy(registry.document(iri))
        registry.document(iri)["@context"].clear()
        assert registry.document(iri) == before


def test_unknown_context_is_not_available() -> None:
    """A context that is neither bundled nor local nor allowed raises, with its IRI."""
    with pytest.raises(ContextNotAvailable) as caught:
        ContextRegistry().document("https://example.org/context")
    assert caught.value.iri == "https://example.org/context"


def test_allowed_context_is_fetched_once_and_kept(tmp_path: Path) -> None:
    """A second registry with the same cache directory fetches nothing."""
    fetched = []

    def fetch(iri: str) -> bytes:
        fetched.append(iri)
        return b'{"@context": {"lamp": "urn:lamp"}}'

    for _ in range(2):
        registry = ContextRegistry().allowing(["https://example.org/c"], fetch, tmp_path / "cache")
        assert registry.document("https://example.org/c") == {"@context": {"lamp": "urn:lamp"}}
        assert registry.unavailable("https://example.org/c") == frozenset()
    assert fetched == ["https://example.org/c"]


@pytest.mark.parametrize("content", [b"<html>", b"[]", None], ids=["html", "array", "unreachable"])
def test_failed_fetch_is_not_available(content: bytes | None, tmp_path: Path) -> None:
    """What is fetched and is no context document is refused, and not kept."""

    def fetch(iri: str) -> bytes:
        if content is None:
            raise OSError(iri)
        return content

    registry = ContextRegistry().allowing(["https://example.org/c"], fetch, tmp_path)
    with pytest.raises(ContextNotAvailable):
        registry.document("https://example.org/c")
    assert not list(tmp_path.iterdir())


def test_registry_does_not_fetch_what_is_local() -> None:
    """A local document comes before an allowed fetch, and a bundled one too."""

    def fetch(iri: str) -> bytes:
        raise AssertionError(f"fetched {iri}")

    local = {"@context": {"x": "urn:x"}}
    registry = (
        ContextRegistry().allowing(["urn:c", TD_CONTEXT], fetch).with_document("urn:c", local)
    )
    assert registry.document("urn:c") == local
    assert registry.unavailable(TD_CONTEXT) == frozenset()


def test_failed_fetch_is_not_repeated_at_once() -> None:
    """A server that does not answer is not asked again for each document."""
    asked = []

    def fetch(iri: str) -> bytes:
        asked.append(iri)
        raise OSError(iri)

    registry = ContextRegistry().allowing(["urn:c"], fetch)
    for _ in range(3):
        assert registry.unavailable("urn:c") == {"urn:c"}
    assert asked == ["urn:c"]


def test_contexts_behind_a_context_are_needed_too() -> None:
    """A local document that refers to another, also from a term, needs that one."""
    scoped = {"term": {"@id": "urn:t", "@context": ["scoped", TD_CONTEXT]}}
    document = {"@context": ["https://example.org/next", scoped]}
    registry = ContextRegistry().with_document("https://example.org/c", document)
    assert registry.unavailable("https://example.org/c") == {
        "https://example.org/next",
        "https://example.org/scoped",
    }
    findings = expand({"@context": "https://example.org/c"}, registry, base=BASE).findings
    assert [finding.value for finding in findings] == [
        "https://example.org/next",
        "https://example.org/scoped",
    ]
