"""An orchestrator and a device as processes, with something under every kind of name."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from fleet import Fleet
from local_system import IMAGES, MID_BYTES, upload_module
from orchestrator_client import OrchestratorClient, RefusedError

from wasmiot_td.consumed_thing import ConsumedThing

EXAMPLES = Path(__file__).parents[2] / "examples"
SPARE = tuple(f"urn:example:spare:{number}" for number in range(20))
POLICY = b"""@prefix sh: <http://www.w3.org/ns/shacl#> . @prefix ex: <urn:example:> .
ex:S a sh:NodeShape ; sh:targetClass ex:Never ; sh:property [ sh:path ex:p ; sh:minCount 1 ] ."""
ONTOLOGY = b"""@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . @prefix ex: <urn:example:> .
ex:Lamp rdfs:subClassOf ex:Light ."""
THING = """{"@context": "https://www.w3.org/2022/wot/td/v1.1", "id": "%s", "title": "spare",
 "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}}, "security": "nosec_sc"}"""


@dataclass(frozen=True)
class Target:
    """One server that is asked, and names of what is there.

    Attributes:
        name: of the server.
        url: its address, with a slash at the end.
        known: parameters of paths as `path.name`, each with values that lead somewhere.
        spare: the same for what may be deleted.
        log: what it has written.
    """

    name: str
    url: str
    known: dict[str, list[str]]
    spare: dict[str, list[str]]
    log: Path


@contextmanager
def fuzzed_servers() -> Iterator[dict[str, Target]]:
    """Run an orchestrator and a device until they are not needed any more."""
    with Fleet(is_discovered=False) as fleet:
        server = fleet.start_orchestrator()
        server.wait_until_listening()
        orchestrator = OrchestratorClient(server.url)
        device = fleet.start_supervisor(
            "device",
            *("--td", str(EXAMPLES / "lone-device" / "device.td.json")),
            *("--module", str(EXAMPLES / "lone-device" / "status.wasm")),
            memory_bytes=MID_BYTES,
            camera=IMAGES,
        )
        device.wait_until_listening()
        known = _known(orchestrator, device.url)
        yield {
            "orchestrator": Target(
                "orchestrator", server.url, known, {"path.thing_id": list(SPARE)}, server.log
            ),
            "supervisor": Target("supervisor", device.url, _on_device(), {}, device.log),
        }


def _known(orchestrator: OrchestratorClient, device: str) -> dict[str, list[str]]:
    """Fill an orchestrator, and return the names of what is there."""
    thing = orchestrator.request("GET", f"{device}.well-known/wot")
    orchestrator.register(thing.content)
    for name in SPARE:
        orchestrator.register((THING % name).encode())
    upload_module(orchestrator, "camera", {})
    digits = upload_module(
        orchestrator,
        "digits",
        {"weights.bin": (EXAMPLES / "digit-reader" / "weights.bin").read_bytes()},
    )
    manifest = (EXAMPLES / "digit-reader" / "manifest.jsonld").read_bytes()
    deployed = _deployed(orchestrator, orchestrator.submit(manifest))
    execution = ConsumedThing.fetch(deployed).invoke_action("execute", None)
    turtle = {"Content-Type": "text/turtle"}
    orchestrator.request("PUT", "policies/fuzzed", data=POLICY, headers=turtle)
    orchestrator.request("PUT", "ontologies/fuzzed", data=ONTOLOGY, headers=turtle)
    return {
        "path.slug": ["digit-reader"],
        "path.thing_id": [thing.json()["id"], *SPARE],
        "path.device": [thing.json()["id"]],
        "path.reference": ["camera", "digits", "digits@1.0.0", digits["id"]],
        "path.digest": [digits["wasmiot:digest"]],
        "path.invocation": [str(execution.href).rpartition("/")[2]],
        "path.name": ["fuzzed", "solution", "wasmiot", "td-v1.1"],
        "path.event_type": ["thing_created", "thing_updated"],
        "query.query": [
            "SELECT * { ?s ?p ?o } LIMIT 3",
            "ASK { ?s ?p ?o }",
            "$..title",
            "$[?@.id]",
        ],
    }


def _deployed(orchestrator: OrchestratorClient, manifest: str) -> str:
    """Deploy a manifest; where the machine is busy a device may need more than one try."""
    for _ in range(5):
        with suppress(RefusedError):
            return orchestrator.deploy(manifest)
    return orchestrator.deploy(manifest)


def _on_device() -> dict[str, list[str]]:
    return {
        "path.slug": ["some-device", "digit-reader"],
        "path.name": ["status", "takeImage", "classify"],
    }
