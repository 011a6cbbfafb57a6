"""The canonical form is a Thing Description again, and means what the input meant."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pyld import jsonld as pyld

from wasmiot_td import canonical
from wasmiot_td.contexts import default_registry
from wasmiot_td.errors import DocumentError
from wasmiot_td.jsonld import document_base, expand
from wasmiot_td.namespaces import CANONICAL_CONTEXT, TD_1_0_CONTEXT, TD_CONTEXT
from wasmiot_td.td_form import restored
from wasmiot_td.thing_description import LoadedDocument, load

OTHER_PREFIXES = {
    "w": "https://www.w3.org/2019/wot/td#",
    "j": "https://www.w3.org/2019/wot/json-schema#",
    "h": "https://www.w3.org/2019/wot/hypermedia#",
    "s": "https://www.w3.org/2019/wot/security#",
}
BASE = "https://base.example/"

LAMP: dict[str, Any] = {
    "@context": [TD_CONTEXT, {"saref": "https://w3id.org/saref#"}],
    "@type": "saref:LightSwitch",
    "id": "urn:x:lamp",
    "title": "lamp",
    "titles": {"fi": "lamppu"},
    "securityDefinitions": {
        "basic_sc": {"scheme": "basic", "in": "header"},
        "key_sc": {"scheme": "apikey", "in": "query", "name": "key"},
        "both": {"scheme": "combo", "allOf": ["basic_sc", "key_sc"]},
    },
    "security": ["both"],
    "schemaDefinitions": {"error": {"type": "string"}},
    "properties": {
        "level": {
            "@type": "saref:LightSwitch",
            "type": "integer",
            "enum": [1],
            "minimum": 0,
            "multipleOf": 0.5,
            "readOnly": False,
            "saref:note": {"@value": "2026-01-31", "@type": "xsd:date"},
            "forms": [
                {
                    "href": "https://l.example/level",
                    "op": ["readproperty"],
                    "security": "basic_sc",
                    "additionalResponses": [{"success": False, "schema": "error"}],
                }
            ],
        }
    },
    "actions": {},
    "events": {
        "hot": {
            "data": {"type": "object", "properties": {"c": {"type": "number"}}, "required": ["c"]},
            "forms": [{"href": "https://l.example/hot", "subprotocol": "sse"}],
        }
    },
    "links": [{"href": "https://l.example/doc", "rel": "help", "type": "text/html"}],
}


def _load_context(iri: str, _options: Any) -> dict[str, Any]:
    return {"contextUrl": None, "documentUrl": iri, "document": default_registry().document(iri)}


def dataset(document: Any, base: str) -> str:
    """Return the canonical RDF dataset of a document, by pyld alone; the base is replaced."""
    options = {"base": base, "documentLoader": _load_context}
    expanded = json.dumps(pyld.expand(document, options))
    same = json.loads(re.sub(r"https://[0-9a-f]{32}\.invalid/", BASE, expanded))
    options = {"algorithm": "URDNA2015", "format": "application/n-quads", "base": BASE}
    text: str = pyld.normalize(same, options)
    return text


def forms_of(document: dict[str, Any], base: str) -> Iterator[tuple[str, Any]]:
    """Yield the same document in other JSON-LD forms."""
    nodes = expand(document, base=base).nodes
    options = {"base": base, "skipExpansion": True}
    yield "expanded", nodes
    yield "with other prefixes", pyld.compact(nodes, OTHER_PREFIXES, dict(options))
    yield "flattened", pyld.flatten(nodes, None, {"base": base})
    yield "flattened, with other prefixes", pyld.flatten(nodes, OTHER_PREFIXES, {"base": base})


def members(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every member below the contexts."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name != "@context":
                yield f"{path}/{name}"
                yield from members(item, f"{path}/{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from members(item, f"{path}/{index}")


def is_whole(loaded: LoadedDocument) -> bool:
    """Return whether all of the document's contexts and terms could be read."""
    return not any(
        "not available" in finding.message or "not in the graph" in finding.message
        for finding in loaded.report.warnings
    )


def base_of(source: Any) -> str:
    """Return some base for a document."""
    return document_base(source.get("id", "anonymous"))


def test_no_member_of_the_corpus_is_lost(corpus: Any) -> None:
    """Every member of every valid document is in its canonical form, in the same place."""
    for document in corpus.valid():
        kept = set(members(load(document.source).document))
        lost = {path for path in members(document.json) if path != "/@id"} - kept
        assert not lost, document.name


def test_the_canonical_form_is_valid_by_the_official_schema(corpus: Any) -> None:
    """Wherever the input was; formats are not asserted, as in the indexes."""
    schemas = {True: corpus.schema("tm"), False: corpus.schema("td")}
    for document in corpus.valid():
        canonical = load(document.source).document
        errors = [error.message for error in schemas[document.is_model].iter_errors(canonical)]
        assert errors == [], document.name


def test_the_canonical_form_keeps_the_graph(corpus: Any) -> None:
    """Before and after are the same RDF dataset, by pyld alone."""
    for document in corpus.valid():
        loaded = load(document.source)
        if is_whole(loaded):
            base = base_of(document.json)
            assert dataset(loaded.document, base) == dataset(document.json, base), document.name


def test_the_fast_path_gives_what_the_slow_one_gives(
    corpus: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is plain that the context changes nothing, a comparison finds that it does not."""
    documents = corpus.valid()
    fast = [load(document.source) for document in documents]
    monkeypatch.setattr(canonical, "_keeps_meaning", lambda _: False)
    for document, expected in zip(documents, fast, strict=True):
        assert load(document.source) == expected, document.name


def test_every_json_ld_form_becomes_the_same_thing_description(corpus: Any) -> None:
    """Expanded, in other prefixes, flattened: same graph, valid by the schema, a fixed point."""
    schemas = {True: corpus.schema("tm"), False: corpus.schema("td")}
    for document in corpus.valid()[::4]:
        if not is_whole(load(document.source)):
            continue
        base = base_of(document.json)
        expected = dataset(document.json, base)
        for form, source in forms_of(document.json, base):
            loaded = load(json.dumps(source))
            place = (document.name, form)
            assert dataset(loaded.document, base) == expected, place
            assert schemas[document.is_model].is_valid(loaded.document), place
            assert load(loaded.dumps()).document == loaded.document, place


@pytest.mark.parametrize("index", range(4))
def test_every_form_of_a_small_thing_keeps_its_graph(index: int) -> None:
    """The same without a corpus."""
    form, source = list(forms_of(LAMP, base_of(LAMP)))[index]
    loaded = load(json.dumps(source))
    assert dataset(loaded.document, base_of(LAMP)) == dataset(LAMP, base_of(LAMP)), form


@pytest.mark.parametrize(
    "base", ["https://l.example/things/1", "file:///things/1.td.json", "urn:x:lamp", "urn:y"]
)
def test_whatever_base_a_thing_was_expanded_with_its_names_are_names(base: str) -> None:
    """Names of security definitions are references, which each base turns into other IRIs."""
    options = {"base": base, "documentLoader": _load_context}
    loaded = load(pyld.expand(LAMP, options))
    assert loaded.document["securityDefinitions"].keys() == LAMP["securityDefinitions"].keys()
    assert loaded.document["properties"]["level"]["forms"][0]["security"] == "basic_sc"
    assert dataset(loaded.document, BASE) == dataset(LAMP, BASE)


def test_the_form_of_a_thing_description_is_restored() -> None:
    """What compaction breaks is mended: classes apart, arrays, empty maps, numbers, names."""
    loaded = load(json.dumps(expand(LAMP, base=base_of(LAMP)).nodes)).document
    level = loaded["properties"]["level"]
    assert (level["@type"], level["type"]) == ("saref:LightSwitch", "integer")
    assert (level["enum"], level["multipleOf"], level["readOnly"]) == ([1], 0.5, False)
    assert level["forms"][0]["op"] == ["readproperty"]
    assert level["forms"][0]["security"] == "basic_sc"
    assert loaded["actions"] == {}
    assert loaded["securityDefinitions"].keys() == LAMP["securityDefinitions"].keys()
    assert loaded["schemaDefinitions"] == LAMP["schemaDefinitions"]
    assert loaded["titles"] == LAMP["titles"]


def test_what_bare_compaction_makes_of_a_thing_is_mended() -> None:
    """It merges `type` and `@type`, calls empty maps by their property, unpacks arrays."""
    base = base_of(LAMP)
    options = {"base": base, "skipExpansion": True, "documentLoader": _load_context}
    bare = pyld.compact(expand(LAMP, base=base).nodes, LAMP["@context"], options)
    assert isinstance(bare["properties"]["level"]["type"], list)
    loaded = load(bare)
    level = loaded.document["properties"]["level"]
    assert (level["@type"], level["type"]) == ("saref:LightSwitch", "integer")
    assert dataset(loaded.document, base) == dataset(LAMP, base)


@pytest.mark.parametrize("types", [["string", "null"], ["saref:LightSwitch"], ["string", 5]])
def test_several_types_of_a_schema_are_still_a_fault(types: list[Any]) -> None:
    """A schema has one type (TD 1.1, clause 5.3.2.1), and no class is written as one."""
    with pytest.raises(DocumentError):
        load({**LAMP, "properties": {"p": {"type": types, "forms": [{"href": "x"}]}}})


def test_what_is_said_of_a_node_in_several_places_is_said_once() -> None:
    """A node that comes up again and again is gathered, without repetitions."""
    (node,) = expand(LAMP, base=base_of(LAMP)).nodes
    parts = [{"@id": node["@id"], name: value} for name, value in node.items() if name != "@id"]
    loaded = load([*parts, *parts])
    assert dataset(loaded.document, base_of(LAMP)) == dataset(LAMP, base_of(LAMP))


def test_own_prefixes_are_kept_and_those_of_td_are_not() -> None:
    """A document in other prefixes keeps those of its extensions."""
    nodes = expand(LAMP, base=base_of(LAMP)).nodes
    context = {**OTHER_PREFIXES, "saref": "https://w3id.org/saref#"}
    source = pyld.compact(nodes, context, {"base": base_of(LAMP), "skipExpansion": True})
    loaded = load(json.dumps(source)).document
    assert loaded["@context"] == [*CANONICAL_CONTEXT, {"saref": "https://w3id.org/saref#"}]
    assert loaded["@type"] == "saref:LightSwitch"


EXAMPLE = {"ex": "https://ex.example/"}


@pytest.mark.parametrize(
    ("context", "older", "rest"),
    [
        (TD_CONTEXT, [], []),
        (TD_1_0_CONTEXT, [TD_1_0_CONTEXT], []),
        ([TD_1_0_CONTEXT, TD_CONTEXT], [TD_1_0_CONTEXT], []),
        ([TD_CONTEXT, TD_1_0_CONTEXT], [TD_1_0_CONTEXT], []),
        ([TD_1_0_CONTEXT, *CANONICAL_CONTEXT, EXAMPLE], [TD_1_0_CONTEXT], [EXAMPLE]),
        ([EXAMPLE, TD_CONTEXT], [], [EXAMPLE]),
        ([TD_CONTEXT, {"@language": "fi"}], [], [{"@language": "fi"}]),
        ([TD_CONTEXT, {}], [], []),
    ],
)
def test_a_td_context_of_any_kind_becomes_the_canonical_one(
    context: Any, older: list[Any], rest: list[Any]
) -> None:
    """TD 1.1 and wasmiot, then the own; first TD 1.0 where it is named, for its consumers."""
    source = {**LAMP, "@context": context, "@type": "Thing"}
    source["properties"] = {}
    loaded = load(source).document
    assert loaded["@context"] == [*older, *CANONICAL_CONTEXT, *rest]
    assert dataset(loaded, BASE) == dataset(source, BASE)
    assert load(loaded).document == loaded


def test_a_prefix_that_only_the_canonical_context_knows_keeps_its_meaning() -> None:
    """An undefined prefix is the scheme of an IRI; a change of context would change the graph."""
    source = {**LAMP, "@context": TD_CONTEXT, "sosa:observes": "x", "@type": "Thing"}
    source["properties"] = {}
    loaded = load(source).document
    assert dataset(loaded, BASE) == dataset(source, BASE)
    assert loaded["sosa:observes"] == "x"


def test_values_in_json_ld_spelling_become_plain() -> None:
    """A Thing in a TD context that spells its title as a value object is read as JSON-LD."""
    source = {**LAMP, "title": {"@value": "lamp", "@language": "en"}}
    loaded = load(source).document
    assert loaded["title"] == "lamp"
    assert dataset(loaded, base_of(LAMP)) == dataset(LAMP, base_of(LAMP))


def test_an_extension_scheme_and_its_class_stand_apart() -> None:
    """Of several classes of a security scheme the known one is its scheme."""
    compacted = {"securityDefinitions": {"a": {"scheme": ["ex:Own", "basic"]}}}
    expected = {"@type": "ex:Own", "scheme": "basic"}
    assert restored(compacted)["securityDefinitions"]["a"] == expected


DIGEST = "sha256:" + "a" * 64
MANIFEST: dict[str, Any] = {
    "@context": [*CANONICAL_CONTEXT],
    "id": "urn:x:manifest",
    "@type": "wasmiot:Manifest",
    "name": "digit-reader",
    "sequence": [
        {"module": "camera", "entrypoint": "takeImage", "device": "urn:x:device"},
        {"module": "digits", "entrypoint": "classify"},
    ],
}
MODULE: dict[str, Any] = {
    "@context": [*CANONICAL_CONTEXT],
    "id": "urn:x:module",
    "@type": ["tm:ThingModel", "wasmiot:Module"],
    "title": "digits",
    "version": {"model": "1.0.0"},
    "wasmiot:digest": DIGEST,
    "wasmiot:imports": ["wasi_snapshot_preview1"],
    "wasmiot:exports": ["classify"],
    "actions": {
        "classify": {
            "wasmiot:entrypoint": "classify",
            "wasmiot:mount": [{"path": "image.pgm", "stage": "execution", "required": True}],
            "wasmiot:dataFile": [{"path": "w.bin", "digest": DIGEST, "byteLength": 9700}],
            "wasmiot:dependsOn": [{"id": "urn:x:camera#/actions/takeImage"}],
            "output": {"type": "integer", "minimum": 0, "maximum": 9},
        }
    },
}


@pytest.mark.parametrize("document", [MANIFEST, MODULE])
def test_own_documents_come_back_exactly(document: dict[str, Any]) -> None:
    """A manifest or a module, given expanded or flattened, is the same JSON and graph again."""
    base = document_base(document["id"])
    loaded = load(document)
    assert loaded.document == document
    nodes = expand(document, base=base).nodes
    for source in (nodes, pyld.flatten(nodes, None, {"base": base})):
        again = load(json.dumps(source))
        assert (again.document, again.n_triples) == (document, loaded.n_triples)
