"""How long expansion and the graph take, beside plain pyld in the same run.

Usage: `python benchmarks/bench_jsonld.py [FOLDER]`; without a folder of Thing Descriptions, one
of a supervisor is taken. Times are CPU milliseconds a document, the best of five rounds.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

from pyld import jsonld as pyld
from rows import Row, record

from wasmiot_td.contexts import default_registry
from wasmiot_td.errors import JsonLdError
from wasmiot_td.jsonld import expand
from wasmiot_td.n_triples import triples
from wasmiot_td.namespaces import CANONICAL_CONTEXT

BASE = "https://base.invalid/"
ROUNDS = 5
AFFORDANCE = {
    "wasmiot:entrypoint": "classify",
    "wasmiot:mount": [{"path": "image.pgm", "stage": "execution", "required": True}],
    "wasmiot:dependsOn": [{"id": "urn:x:camera#/actions/takeImage"}],
    "input": {"type": "string", "contentMediaType": "image/x-portable-graymap"},
    "output": {"type": "integer", "minimum": 0, "maximum": 9},
    "forms": [{"href": "actions/classify", "op": ["invokeaction"], "htv:methodName": "POST"}],
}
SUPERVISOR = {
    "@context": list(CANONICAL_CONTEXT),
    "@type": ["Thing", "wasmiot:Supervisor"],
    "id": "urn:x:supervisor",
    "title": "supervisor",
    "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
    "security": ["nosec_sc"],
    "wasmiot:provides": ["camera.takeImage", "wasi_snapshot_preview1"],
    "wasmiot:memoryBytes": 67108864,
    "actions": {"classify": AFFORDANCE, "classifyAgain": AFFORDANCE},
}


def main() -> None:
    """Measure each stage and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="of Thing Descriptions")
    folder = parser.parse_args().folder
    documents = [SUPERVISOR] * 20 if folder is None else _documents(folder)
    if not documents:
        parser.error("no Thing Description in that folder can be expanded")
    size = sum(len(json.dumps(document)) for document in documents) / len(documents)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{len(documents)} documents of {size:.0f} bytes on average; ms of CPU a document\n")
    print(f"{'':10}{'own':>8}{'pyld':>8}{'times':>8}")
    options = {"base": BASE, "documentLoader": _load}
    rows: dict[str, tuple[Callable[[Any], object], Callable[[Any], object], list[Any]]] = {
        "expand": (_expand, lambda document: pyld.expand(document, options), documents),
        "and graph": (
            _both,
            lambda document: pyld.to_rdf(document, _as_n_quads(options)),
            documents,
        ),
    }
    for name, (own, plain, inputs) in rows.items():
        ours, theirs = _milliseconds(own, inputs), _milliseconds(plain, inputs)
        print(f"{name:10}{ours:8.2f}{theirs:8.2f}{theirs / ours:8.1f}")
        record(Row(name, ours, peer=theirs, peer_name="plain pyld"))


def _documents(folder: Path) -> list[Any]:
    found, paths = [], sorted(folder.glob("*.json*"))
    for path in paths:
        try:
            document = json.loads(path.read_bytes())
            expand(document, base=BASE)
        except (ValueError, JsonLdError):
            continue
        found.append(document)
    if len(found) < len(paths):
        print(f"{len(paths) - len(found)} of {len(paths)} files cannot be expanded: left out")
    return found


def _load(iri: str, _: Any) -> dict[str, Any]:
    registry = default_registry()
    known = not registry.unavailable(iri)
    document = registry.document(iri) if known else {"@context": {}}
    return {"contextUrl": None, "documentUrl": iri, "document": document}


def _as_n_quads(options: dict[str, Any]) -> dict[str, Any]:
    return {**options, "format": "application/n-quads"}


def _expand(document: Any) -> object:
    return expand(document, base=BASE)


def _both(document: Any) -> object:
    return triples(expand(document, base=BASE), "urn:x")


def _milliseconds(work: Callable[[Any], object], inputs: list[Any]) -> float:
    def once() -> float:
        start = process_time()
        for each in inputs:
            work(each)
        return (process_time() - start) / len(inputs) * 1000

    return min(once() for _ in range(ROUNDS))


if __name__ == "__main__":
    main()
