"""An orchestrator and a device as processes, with something under every kind of name."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from fleet import Fleet
from local_system import IMAGES, MID_BYTES, upload_module
from orchestrator_client import OrchestratorClient, RefusedError

from wasmiot_td.access.tokens import make_token
from wasmiot_td.consumed_thing import ConsumedThing

EXAMPLES = Path(__file__).parents[2] / "examples"
SPARE = tuple(f"urn:example:spare:{number}" for number in range(20))
STREAMS = "200"  # one that nobody reads any more is noticed after a while alone
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
        token: what is shown to it; nothing where it asks nobody.
    """

    name: str
    url: str
    known: dict[str, list[str]]
    spare: dict[str, list[str]]
    log: Path
    token: str = ""


@contextmanager
def fuzzed_servers(role: str = "") -> Iterator[dict[str, Target]]:
    """Run an orchestrator and a device until they are not needed any more.

    Args:
        role: of those who ask, with a token; where it is empty the servers ask nobody.
    """
    with Fleet(is_discovered=False) as fleet:
        server = fleet.start_orchestrator(options=("--streams", STREAMS))
        server.wait_until_listening()
        orchestrator = OrchestratorClient(server.url)
        device = fleet.start_supervisor(
            "device",
            *("--td", str(EXAMPLES / "lone-device" / "device.td.json")),
            *("--module", str(EXAMPLES / "lone-device" / "status.wasm")),
            *("--streams", STREAMS, "--observe-seconds", "0.02"),
            memory_bytes=MID_BYTES,
            camera=IMAGES,
        )
        device.wait_until_listening()
        known = _known(orchestrator, device.url)
        tokens = [_token(each.arguments, role) for each in (server, device)]
        spare = {"path.thing_id": list(SPARE)}
        yield {
            "orchestrator": Target("orchestrator", server.url, known, spare, server.log, tokens[0]),
            "supervisor": Target("supervisor", device.url, _on_device(), {}, device.log, tokens[1]),
        }


def _token(arguments: Sequence[str], role: str) -> str:
    """Return a token for a server that runs, which asks everybody from then on."""
    if not role:
        return ""
    data_dir = Path(arguments[list(arguments).index("--data-dir") + 1])
    return make_token(data_dir / "access", role, role)[0]


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
