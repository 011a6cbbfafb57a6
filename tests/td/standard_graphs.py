"""Documents of this project, and the graph that the standard makes of any document."""

from typing import Any

import pytest
from pyld import jsonld as pyld

from wasmiot_td.contexts import ContextRegistry
from wasmiot_td.expansion import document_base
from wasmiot_td.iri import name_prefix, well_formed
from wasmiot_td.jsonld import expand
from wasmiot_td.n_triples import triples, with_blank_nodes
from wasmiot_td.namespaces import CANONICAL_CONTEXT

CONTEXT = list(CANONICAL_CONTEXT)
ID = "urn:x:1"

CAMERA = {
    "@context": CONTEXT,
    "@type": ["Thing", "wasmiot:Supervisor", "wasmiot:Installation"],
    "id": ID,
    "title": "camera",
    "wasmiot:provides": ["camera.takeImage", "wasi_snapshot_preview1"],
    "wasmiot:memoryBytes": 67108864,
    "wasmiot:device": "urn:uuid:1",
    "wasmiot:module": [{"id": "urn:m", "name": "camera", "binary": "http://o.example/p"}],
}
AFFORDANCE = {
    "wasmiot:module": "urn:m",
    "wasmiot:entrypoint": "takeImage",
    "wasmiot:mount": [{"path": "image.pgm", "stage": "output", "required": True}],
    "wasmiot:dataFile": [{"path": "w.bin", "href": "http://o.example/w", "byteLength": 9700}],
    "wasmiot:dependsOn": [{"id": "urn:y#/actions/a", "type": "saref:TemperatureSensor"}],
    "wasmiot:feeds": [
        {"id": "urn:z#/actions/b", "affordance": "b", "alternatives": ["urn:v", "urn:w"]}
    ],
    "forms": [{"href": "a", "op": ["invokeaction"], "htv:methodName": "POST"}],
}
MODULE = {
    "@context": CONTEXT,
    "@type": ["tm:ThingModel", "wasmiot:Module"],
    "id": ID,
    "title": "digits",
    "version": {"model": "1.0.0"},
    "wasmiot:digest": "sha256:ab",
    "wasmiot:imports": ["wasi_snapshot_preview1"],
    "wasmiot:exports": ["classify", "memory"],
    "wasmiot:requiredMemoryBytes": 2097152,
    "wasmiot:dataFile": [{"path": "weights.bin", "mediaType": "application/octet-stream"}],
    "actions": {"classify": AFFORDANCE},
}
MANIFEST = {
    "@context": CONTEXT,
    "@type": "wasmiot:Manifest",
    "id": ID,
    "name": "digit-reader",
    "sequence": [
        {"module": "camera", "entrypoint": "takeImage", "requires": {"interfaces": ["camera.x"]}},
        {"module": "digits", "entrypoint": "classify", "device": "urn:uuid:1"},
    ],
    "trigger": {"every": "PT1M"},
}
SOLUTION = {
    "@context": CONTEXT,
    "@type": ["wasmiot:Solution", "prov:Entity"],
    "id": ID,
    "manifest": "urn:manifest",
    "generatedAtTime": "2026-01-01T00:00:00Z",
    "placements": [
        {
            "step": 0,
            "module": "urn:m",
            "device": "urn:uuid:1",
            "candidates": [{"device": "urn:d", "scores": [{"name": "memory", "value": 2.5}]}],
            "rejections": [{"device": "urn:e", "filter": "interfaces", "reason": "no camera"}],
        }
    ],
}
DOCUMENTS = {
    "installation with a property": {**CAMERA, "properties": {"p": AFFORDANCE}},
    "installation with an action": {**CAMERA, "actions": {"a": AFFORDANCE}},
    "module": MODULE,
    "manifest": MANIFEST,
    "solution": SOLUTION,
}


def graph_of(document: Any, document_id: str = ID, registry: ContextRegistry | None = None) -> str:
    """Return the N-Triples of a document, which must give rise to no finding."""
    expansion = expand(document, registry, base=document_base(document_id))
    written = triples(expansion, document_id)
    assert (expansion.findings, written.findings) == ((), ())
    return written.n_triples.decode()


def standard_graph(expanded: Any, base: str, document_id: str = ID) -> str:
    """Return the N-Triples that pyld makes of an expanded document, its IRIs made well-formed.

    What is relative to the document is read as relative to its id.
    """
    dataset = pyld.to_rdf(expanded, {"base": base})
    lines = []
    for triple in dataset.get("@default", []):
        for place in ("subject", "predicate", "object"):
            term = triple[place]
            if term["type"] == "IRI":
                iri = term["value"]
                if iri.startswith(base) and iri != document_id:
                    iri = name_prefix(document_id) + iri.removeprefix(base)
                term["value"] = well_formed(iri)
        if all(triple[place]["value"] is not None for place in ("subject", "object")):
            lines.append(pyld.JsonLdProcessor.to_nquad(triple))
    return "".join(lines)


def canonical(n_triples: bytes | str) -> Any:
    """Return a graph with its blank nodes named by their place in it (RDFC-1.0)."""
    oxigraph = pytest.importorskip("pyoxigraph")
    dataset = oxigraph.Dataset(oxigraph.parse(n_triples, oxigraph.RdfFormat.N_TRIPLES))
    dataset.canonicalize(oxigraph.CanonicalizationAlgorithm.RDFC_1_0)
    return dataset


def assert_standard(document: Any) -> None:
    """Compare a document's graph with pyld's, but for the name of a root without id."""
    own_id = document.get("id") or document.get("@id")
    document_id = own_id or ID
    if well_formed(document_id) != document_id:
        return
    base = document_base(document_id)
    expansion = expand(document, base=base)
    written = triples(expansion, document_id)
    blank = with_blank_nodes(written.n_triples, document_id)
    if own_id is None:
        blank = blank.replace(f"<{ID}>".encode(), b"_:root")
    assert canonical(blank) == canonical(standard_graph(expansion.nodes, base, document_id))
