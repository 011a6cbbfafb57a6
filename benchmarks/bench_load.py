"""How long a full load takes, by stages, beside naive use of the same libraries in the same run.

Usage: `python benchmarks/bench_load.py [FOLDER]`; without a folder of Thing Descriptions, those of
supervisors are taken, each of a kind of its own: what was read before serves none of them. Times
are CPU milliseconds a document, the best of three rounds; of a folder one round is taken.

Naive is what the libraries' own READMEs show: `json.loads`, `pyld.compact`, `pyld.to_rdf`, an
rdflib graph of that, and `pyshacl.validate` with the path of the shapes.
"""

import argparse
import json
import platform
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from time import process_time
from typing import Any

import pyshacl
from pyld import jsonld as pyld
from rdflib import Graph
from rows import Row, record

from wasmiot_td import json_text
from wasmiot_td.canonical import Reading, compacted
from wasmiot_td.checks import CheckedDocument, check
from wasmiot_td.contexts import default_registry
from wasmiot_td.document_kind import is_model, root_types
from wasmiot_td.errors import DocumentError
from wasmiot_td.jsonld import Expansion, document_base, expand
from wasmiot_td.models.compose import default_composer
from wasmiot_td.n_triples import triples
from wasmiot_td.namespaces import CANONICAL_CONTEXT
from wasmiot_td.shacl import SHAPES_OF_KIND, explain, shapes_graph, validate
from wasmiot_td.thing_description import LoadedDocument, load

ROUNDS = 3
NAIVE_DOCUMENTS = 20
DOCUMENTS = 60
SUPERVISOR = {
    "@context": list(CANONICAL_CONTEXT),
    "@type": ["Thing", "wasmiot:Supervisor"],
    "id": "urn:uuid:5a7f7d1e-0000-4000-8000-000000000001",
    "title": "camera",
    "base": "http://127.0.0.1:5001/",
    "profile": "https://www.w3.org/2022/wot/profile/http-basic/v1",
    "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
    "security": ["nosec_sc"],
    "wasmiot:provides": ["camera.takeImageDynamicSize", "sys.print", "wasi_snapshot_preview1"],
    "wasmiot:memoryBytes": 67108864,
    "wasmiot:cpuCores": 2,
    "wasmiot:architecture": "x86_64",
    "properties": {
        "health": {
            "title": "How busy the device is",
            "type": "object",
            "properties": {
                "cpuLoad": {"type": "number", "minimum": 0, "maximum": 1},
                "memoryLoad": {"type": "number", "minimum": 0, "maximum": 1},
                "deployments": {"type": "integer", "minimum": 0},
            },
            "readOnly": True,
            "forms": [{"href": "properties/health", "op": ["readproperty"]}],
        }
    },
    "actions": {
        "deploy": {
            "input": {"type": "object"},
            "uriVariables": {"id": {"type": "string"}},
            "forms": [
                {
                    "href": "deployments/{id}",
                    "op": ["invokeaction"],
                    "htv:methodName": "PUT",
                    "contentType": "application/td+json",
                }
            ],
        }
    },
    "links": [{"rel": "item", "href": "deployments/x/td", "type": "application/td+json"}],
}


def own_kind(number: int) -> dict[str, Any]:
    """Return the supervisor of a number, with affordances that none other has."""
    made = alike(number)
    for members in ("properties", "actions"):
        made[members] = {f"{name}_{number}": each for name, each in made[members].items()}
    return made


def alike(number: int) -> dict[str, Any]:
    """Return the supervisor of a number, which differs from others in its names only."""
    own = {"id": f"urn:uuid:5a7f7d1e-0000-4000-8000-{number:012}", "title": f"camera {number}"}
    return {**SUPERVISOR, **own}


def made(make: Callable[[int], dict[str, Any]], begin: int, count: int) -> list[bytes]:
    """Return the texts of some supervisors."""
    return [json.dumps(make(number)).encode() for number in range(begin, begin + count)]


def load_milliseconds(make: Callable[[int], dict[str, Any]]) -> float:
    """Return the CPU milliseconds that the load of a new supervisor takes, the best of rounds."""
    rounds = [made(make, DOCUMENTS * (number + 1), DOCUMENTS) for number in range(ROUNDS)]
    return min(milliseconds(load, new, n_rounds=1) for new in rounds)


def milliseconds(work: Callable[[Any], Any], items: Iterable[Any], n_rounds: int = ROUNDS) -> float:
    """Return the CPU milliseconds an item takes, the best of the rounds."""
    items = list(items)
    best = float("inf")
    for _ in range(n_rounds):
        start = process_time()
        for item in items:
            work(item)
        best = min(best, process_time() - start)
    return best / len(items) * 1000


def naive(shapes: str) -> Callable[[bytes], Any]:
    """Return the load that the READMEs of the libraries suggest."""

    def load_context(iri: str, _options: Any) -> dict[str, Any]:
        document = default_registry().document(iri)
        return {"contextUrl": None, "documentUrl": iri, "document": document}

    def work(source: bytes) -> Any:
        document = json.loads(source)
        base = document_base(str(document.get("id")))
        options = {"base": base, "documentLoader": load_context}
        compacted = pyld.compact(document, list(CANONICAL_CONTEXT), dict(options))
        text = pyld.to_rdf(document, {**options, "format": "application/n-quads"})
        graph = Graph().parse(data=text, format="nt")
        return compacted, pyshacl.validate(graph, shacl_graph=shapes)

    return work


def sources(folder: str | None) -> list[bytes]:
    """Return the documents of a folder that load, or those of supervisors."""
    if folder is None:
        return made(own_kind, 0, DOCUMENTS)
    found = []
    for path in sorted(Path(folder).rglob("*.json")):
        try:
            if not load(path.read_bytes()).report.warnings:
                found.append(path.read_bytes())
        except DocumentError:
            continue
    return found


def stages(documents: list[bytes]) -> dict[str, float]:
    """Return the milliseconds of each stage of a load on its own."""
    loaded = [load(source) for source in documents]
    checked = [
        CheckedDocument(e.document, is_model=is_model(root_types(e.document))) for e in loaded
    ]
    expanded = [expand(each.document, base=document_base(each.id)) for each in loaded]
    return {
        "parse": milliseconds(json_text.parse, documents),
        "expand": milliseconds(lambda e: expand(e.document, base=document_base(e.id)), loaded),
        "check the JSON": milliseconds(lambda c: check(CheckedDocument(c.root)), checked),
        "write the graph": milliseconds(lambda each: triples(each, "urn:x:1"), expanded),
        "shapes": milliseconds(_judge_by(validate), loaded),
        "shapes, pyshacl alone": milliseconds(_judge_by(explain), loaded[:NAIVE_DOCUMENTS]),
        "compact, if in another form": milliseconds(_compact, expanded[:NAIVE_DOCUMENTS]),
        "model, where asked for": milliseconds(
            lambda each: default_composer.model_of(each.document), loaded
        ),
    }


def _compact(expansion: Expansion) -> None:
    """Make the canonical form out of expanded JSON-LD."""
    compacted(expansion.nodes, Reading(default_registry(), document_base("urn:x:1")))


def _judge_by(engine: Callable[..., Any]) -> Callable[[LoadedDocument], Any]:
    return lambda each: engine(each.n_triples, each.id, root_types(each.document))


def main() -> None:
    """Print the times and what they are compared with."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", help="of Thing Descriptions")
    folder = parser.parse_args().folder
    documents = sources(folder)
    if not documents:
        parser.error("no Thing Description in that folder loads")
    size = sum(map(len, documents)) / len(documents)
    print(f"{len(documents)} documents of {size:.0f} bytes, {platform.platform()}")
    full = milliseconds(load, documents, 1) if folder else load_milliseconds(own_kind)
    known = load_milliseconds(alike)
    for name, time in stages(documents).items():
        share = "" if "," in name else f"{time / full:6.0%}"
        print(f"  {name:28}{time:8.2f} ms {share}")
    print(f"{'load':30}{full:8.2f} ms")
    print(f"{'load, of a known kind':30}{known:8.2f} ms")
    with tempfile.TemporaryDirectory() as shapes_folder:
        shapes = Path(shapes_folder) / "shapes.ttl"
        shapes_graph(SHAPES_OF_KIND["Thing"]).serialize(shapes, format="turtle")
        work = naive(str(shapes))
        if not folder and not work(documents[0])[1][0]:
            raise SystemExit("naive use of the packages finds a document wrong that loads")
        slow = milliseconds(work, documents[:NAIVE_DOCUMENTS])
    print(f"{'naive':30}{slow:8.2f} ms, {slow / full:.1f} times the load")
    record(Row("load of a description", full, peer=slow, peer_name="naive use of the packages"))
    record(Row("load of one of a known kind", known, peer=full, peer_name="of a kind of its own"))


if __name__ == "__main__":
    main()
