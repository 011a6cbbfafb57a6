"""Every document that a part of the system emits is a good one by the standard's own measure."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests
from local_system import System
from pyld import jsonld

from wasmiot_td.namespaces import CANONICAL_CONTEXT, TD_CONTEXT
from wasmiot_td.thing_description import load

CORPUS = os.environ.get("WASMIOT_CORPUS")
needs_corpus = pytest.mark.skipif(CORPUS is None, reason="WASMIOT_CORPUS is not set")
TD_SCHEMA, TM_SCHEMA = "td-json-schema-validation.json", "tm-json-schema-validation.json"
PARTS = ("orchestrator", "things", "deployment", "devices", "installations", "modules")
OTHERS = ("manifests", "solution")

Document = dict[str, Any]


def emitted(system: System, part: str) -> list[Document]:
    """Return all documents that one part of the system emits, as an outsider gets them."""
    get = system.orchestrator.request
    listed = {"things", "modules", "manifests"}
    if part in listed:
        return list(get("GET", part).json())
    single = {
        "orchestrator": ".well-known/wot",
        "deployment": "deployments/digit-reader",
        "solution": "manifests/digit-reader/solution",
    }
    if part in single:
        return [get("GET", single[part]).json()]
    devices = [_get(f"{url}.well-known/wot") for url in _supervisor_urls(system)]
    return devices if part == "devices" else list(_installations(devices))


def _supervisor_urls(system: System) -> list[str]:
    return [s.url for s in system.fleet.servers if s.arguments[0] == "supervisor_app"]


def _get(url: str) -> Document:
    response = requests.get(url, timeout=10)
    response.raise_for_status()
    return dict(response.json())


def _installations(devices: list[Document]) -> Iterator[Document]:
    for device in devices:
        for link in device.get("links", []):
            if link.get("rel") == "item":
                yield _get(requests.compat.urljoin(device["base"], link["href"]))


def official(name: str) -> Document:
    """Return a document of the W3C."""
    return dict(json.loads((Path(CORPUS or "") / "official" / name).read_text()))


@needs_corpus
@pytest.mark.parametrize("part", PARTS)
def test_emitted_descriptions_are_valid_by_the_official_schema(running: System, part: str) -> None:
    """Each TD, and each Thing Model, passes the JSON Schema of the W3C."""
    documents = emitted(running, part)
    assert documents
    schema = official(TM_SCHEMA if part == "modules" else TD_SCHEMA)
    validator = jsonschema.Draft7Validator(schema)
    faults = [f"{e.json_path}: {e.message}" for d in documents for e in validator.iter_errors(d)]
    assert faults == []


@pytest.mark.parametrize("part", [*PARTS, *OTHERS])
def test_emitted_documents_load_without_any_finding(running: System, part: str) -> None:
    """Each document passes the project's own checks and shapes, without a warning."""
    reports = [load(document, strict=True).report for document in emitted(running, part)]
    assert [str(finding) for report in reports for finding in report.findings] == []


@pytest.mark.parametrize("part", [*PARTS, *OTHERS])
def test_emitted_documents_are_in_the_canonical_context(running: System, part: str) -> None:
    """TD 1.1 first, wasmiot second, and the document is its own canonical form."""
    for document in emitted(running, part):
        assert tuple(document["@context"][:2]) == tuple(CANONICAL_CONTEXT)
        assert load(document).document == document


@needs_corpus
@pytest.mark.parametrize("part", [*PARTS, *OTHERS])
def test_expansion_with_the_official_context_loses_nothing(running: System, part: str) -> None:
    """With the W3C's own context and the served one, no member is dropped or left relative."""
    for document in emitted(running, part):
        dropped: list[str | None] = []
        nodes = jsonld.expand(
            document,
            {"documentLoader": served_contexts(running), "base": "https://base.invalid/"},
            on_property_dropped=dropped.append,
        )
        assert dropped == []
        assert [key for key in keys_of(nodes) if ":" not in key and not key.startswith("@")] == []


def served_contexts(system: System) -> Any:
    """Return a loader that knows the W3C's TD context, and what the orchestrator serves."""

    def load_context(iri: str, options: Any) -> Document:
        if iri == TD_CONTEXT:
            document = official("td-context-1.1.jsonld")
        else:
            name = {CANONICAL_CONTEXT[1]: "wasmiot"}.get(iri, "discovery")
            document = system.orchestrator.request("GET", f"contexts/{name}").json()
        return {"contextUrl": None, "documentUrl": iri, "document": document}

    return load_context


def keys_of(value: Any) -> Iterator[str]:
    """Yield every key of an expanded document."""
    if isinstance(value, list):
        for item in value:
            yield from keys_of(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from keys_of(item)
