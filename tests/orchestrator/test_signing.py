"""Who signed a module: checked when it comes, kept with it, shown, and asked for by devices."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator_app.app import create_app
from orchestrator_app.fleet_reader import read_fleet
from orchestrator_app.packages.authoring import signed_model
from orchestrator_app.packages.signing import signed_entry, signer_keys
from orchestrator_app.settings import Settings
from orchestrator_app.solver.errors import NoCandidate
from orchestrator_app.solver.solve import solve
from orchestrator_app.solver.view import DeviceFacts, Fleet, ModuleFacts, Step, View
from wasmiot_td.access.keys import Key, make_key
from wasmiot_td.access.signatures import SIGNATURE, ModuleStatement, signatures_of, signed, signers
from wasmiot_td.access.trust import Trust

WAT = '(module (memory (export "memory") 1) (func (export "f") (result i32) i32.const {}))'
DESCRIPTION = {
    "@context": [
        "https://www.w3.org/2022/wot/td/v1.1",
        {"wasmiot": "https://wetware.fi/2023/wasmiot/v1.0#", "saref": "https://w3id.org/saref#"},
    ],
    "title": "m",
    "version": {"model": "1.2.0"},
    "actions": {
        "f": {
            "wasmiot:entrypoint": "f",
            "output": {"type": "integer", "maximum": 1e2},
            "wasmiot:mount": [{"path": "weights.bin", "stage": "deployment"}],
        }
    },
}
Made = tuple[bytes, dict[str, Any], bytes]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Key, Key]:
    """Return two keys."""
    folder = tmp_path_factory.mktemp("keys")
    return make_key(folder / "one.pem"), make_key(folder / "two.pem")


@pytest.fixture
def made(keys, tmp_path, wasm) -> Made:
    """Return a binary, its signed Thing Model and its data file."""
    binary, weights = tmp_path / "m.wasm", tmp_path / "weights"
    binary.write_bytes(wasm(WAT.format(1)))
    weights.write_bytes(b"weights")
    text = json.dumps(DESCRIPTION).encode()
    model = signed_model(keys[0], binary, text, [("weights.bin", weights)])
    return binary.read_bytes(), model, b"weights"


@pytest.fixture
def orchestrator(tmp_path) -> Any:
    """Return a function that starts an orchestrator with some settings and lends a client of it."""
    apps = []

    def start(**settings: Any):
        app = create_app(Settings(data_dir=tmp_path / f"data-{len(apps)}", **settings))
        apps.append(app)
        return app.test_client()

    yield start
    for app in apps:
        app.extensions["wasmiot"].close()


def upload(client: Any, binary: bytes, model: Any, weights: bytes) -> Any:
    """Upload a module; return the response."""
    parts = {
        "binary": (io.BytesIO(binary), "m.wasm", "application/wasm"),
        "description": json.dumps(model),
        "weights": (io.BytesIO(weights), "weights.bin", "application/octet-stream"),
    }
    return client.post("/modules", data=parts)


def is_empty(client: Any) -> bool:
    """Return whether nothing at all was kept."""
    packages = client.application.extensions["wasmiot"].settings.data_dir / "packages"
    return client.get("/modules").json == [] and not [p for p in packages.rglob("*") if p.is_file()]


def test_a_signed_module_is_kept_with_its_signature(orchestrator, keys, made):
    """What is served has all that the orchestrator knows, and the signature holds for it."""
    client = orchestrator()
    assert upload(client, *made).status_code == 201
    model = client.get("/modules/m").json
    assert signer_keys(model) == [keys[0].public]
    assert model["wasmiot:binary"].startswith("http")
    assert model["wasmiot:dataFile"][0]["href"].startswith("http")


def test_who_signed_can_be_asked_by_sparql(orchestrator, keys, made):
    """The key stands in the graph beside the module's title."""
    client = orchestrator()
    upload(client, *made)
    question = """PREFIX wasmiot: <https://wetware.fi/2023/wasmiot/v1.0#>
      SELECT ?module ?key { ?module a wasmiot:Module ; wasmiot:signature/wasmiot:publicKey ?key }"""
    answer = client.get("/sparql", query_string={"query": question}).json
    rows = [{k: v["value"] for k, v in row.items()} for row in answer["results"]["bindings"]]
    assert rows == [{"module": "urn:wasmiot:module:m:1.2.0", "key": keys[0].public}]


def test_the_page_of_a_module_shows_who_signed(orchestrator, keys, made):
    """A person sees the key."""
    client = orchestrator()
    upload(client, *made)
    assert keys[0].public in client.get("/ui/modules/m").text


def changed(**members: Any) -> Callable[[Made], Made]:
    """Return what changes members of the Thing Model."""
    return lambda made: (made[0], {**made[1], **members}, made[2])


TAMPERED = {
    "data file": lambda made: (made[0], made[1], b"evil"),
    "member": changed(description="another"),
    "new member": changed(**{"wasmiot:limits": {"wallSeconds": 5}}),
    "actions": lambda made: (
        made[0],
        {**made[1], "actions": {"f": {**made[1]["actions"]["f"], "output": {"type": "number"}}}},
        made[2],
    ),
    "signatures": lambda made: (made[0], {**made[1], SIGNATURE: made[1][SIGNATURE] * 17}, made[2]),
    "signature": changed(
        **{SIGNATURE: [{"key": "A" * 43, "value": "A" * 86, "algorithm": "ed25519-jcs"}]}
    ),
}


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED.keys())
def test_a_signature_of_something_else_is_refused(orchestrator, made, tamper):
    """Whoever is trusted: a module that is not what its signature says is not kept."""
    client = orchestrator()
    response = upload(client, *tamper(made))
    assert response.status_code == 422
    assert re.search("has not signed this binary|16 signatures at most", response.json["detail"])
    assert is_empty(client)


def test_another_binary_is_refused(orchestrator, made, wasm):
    """The description names the digest of the one that was signed."""
    client = orchestrator()
    response = upload(client, wasm(WAT.format(2)), *made[1:])
    assert response.status_code == 422
    assert is_empty(client)


def test_an_orchestrator_may_ask_for_signatures(orchestrator, keys, made):
    """Then what nobody or a stranger signed is refused with 403, and nothing is kept."""
    client = orchestrator(trusted_keys=(keys[1].public,))
    unsigned = {k: v for k, v in made[1].items() if k != SIGNATURE}
    nobody, stranger = upload(client, made[0], unsigned, made[2]), upload(client, *made)
    assert (nobody.status_code, stranger.status_code) == (403, 403)
    assert "is not signed" in nobody.json["detail"]
    assert keys[0].public in stranger.json["detail"]
    assert "wasmiot module add FILE --key" in nobody.json["detail"]
    assert is_empty(client)
    signed_too = (made[0], signed(made[1], keys[1]), made[2])
    assert upload(client, *signed_too).status_code == 201


def test_a_module_may_be_signed_later(orchestrator, keys, made):
    """The same version with one more signature is the same version; none is ever lost."""
    client = orchestrator()
    unsigned = {k: v for k, v in made[1].items() if k != SIGNATURE}
    assert upload(client, made[0], unsigned, made[2]).status_code == 201
    assert upload(client, *made).status_code == 200
    assert upload(client, made[0], signed(unsigned, keys[1]), made[2]).status_code == 200
    assert upload(client, made[0], unsigned, made[2]).status_code == 200
    model = client.get("/modules/m").json
    assert signer_keys(model) == sorted(key.public for key in keys)


def test_a_signature_goes_through_a_registry(orchestrator, registry, keys, made):
    """Who pulls a module can check who signed it; who trusts others refuses."""
    upload(orchestrator(oci_registry=registry), *made)
    reference = {"reference": "m:1.2.0"}
    trusting = orchestrator(oci_registry=registry, trusted_keys=(keys[0].public,))
    assert trusting.post("/modules", json=reference).status_code == 201
    assert signer_keys(trusting.get("/modules/m").json) == [keys[0].public]
    other = orchestrator(oci_registry=registry, trusted_keys=(keys[1].public,))
    assert other.post("/modules", json=reference).status_code == 403


def test_a_device_is_told_what_it_needs_to_check(keys, made):
    """The entry of an installation holds for the module, without the Thing Model."""
    model = made[1]
    entry = {"id": model["id"], "digest": model["wasmiot:digest"], **signed_entry(model)}
    statement = ModuleStatement.of_entry(entry)
    assert signers(statement.text(), signatures_of(entry, "signature")) == {keys[0].public}
    assert signed_entry({k: v for k, v in model.items() if k != SIGNATURE}) == {}


def test_an_orchestrator_says_its_key(orchestrator, tmp_path, keys):
    """One of its own, the same after a restart; or the one that it was given."""
    found = set()
    for _ in range(2):
        app = create_app(Settings(data_dir=tmp_path / "own"))
        found.add(app.test_client().get("/.well-known/wot").json["wasmiot:publicKey"])
        app.extensions["wasmiot"].close()
    assert len(found) == 1
    given = make_key(tmp_path / "given.pem")
    client = orchestrator(signing_key=Path(tmp_path / "given.pem"))
    assert client.get("/.well-known/wot").json["wasmiot:publicKey"] == given.public


def test_unsigned_files_are_told_from_signed_ones(keys, made):
    """A trust knows its own signatures only."""
    assert Trust(frozenset({keys[0].public})).document_fault(made[1]) == ""
    assert "not trusted" in Trust(frozenset({keys[1].public})).document_fault(made[1])


OWN, AUTHOR, OTHER = "O" * 43, "A" * 43, "X" * 43
MODULE = ModuleFacts("urn:m", "m", 10, {"f": {}}, frozenset({AUTHOR}))
DEVICE = DeviceFacts("urn:d", "strict", 100)


def view_of(*trusts: str | None) -> View:
    """Return a view of devices that trust some keys."""
    devices = [replace(DEVICE, id=f"urn:d{i}", trusts=keys) for i, keys in enumerate(trusts)]
    return View(replace(Fleet.of(devices), own_key=OWN), {})


@pytest.mark.parametrize("trusts", [None, f"{AUTHOR} {OWN}"])
def test_a_step_goes_where_its_signer_is_trusted(trusts):
    """A device that asks for nothing, and one that trusts the author and the orchestrator."""
    solution = solve((Step(0, MODULE, "f"),), view_of(OTHER, trusts, OTHER))
    assert solution.placements[0].device == "urn:d1"
    assert {r.filter for r in solution.placements[0].rejections} == {"trusts_signer"}


@pytest.mark.parametrize(
    ("signers", "trusts", "reason"),
    [
        ({AUTHOR}, f"{OTHER} {OWN}", f"and the module is signed by {AUTHOR}"),
        (set(), f"{AUTHOR} {OWN}", "and the module is not signed"),
        ({AUTHOR}, AUTHOR, "and not by this orchestrator, whose key it does not trust"),
    ],
)
def test_a_step_that_no_device_would_take_is_explained(signers, trusts, reason):
    """The reason says whom the device trusts and who signed."""
    module = replace(MODULE, signers=frozenset(signers))
    with pytest.raises(NoCandidate) as caught:
        solve((Step(0, module, "f"),), view_of(trusts))
    told = [r.reason for r in caught.value.rejections]
    assert told == [f"strict runs only what was signed by {trusts.replace(' ', ' or ')}, {reason}"]


def test_the_trust_of_a_device_changes_with_its_description(orchestrator, made):
    """What the solver knows of keys is read from the graph, and read again when it changes."""
    client = orchestrator()
    parts = client.application.extensions["wasmiot"]

    def register(*keys: str) -> str | None:
        td = {
            "@context": made[1]["@context"][:2],
            "@type": ["Thing", "wasmiot:Supervisor"],
            "id": "urn:uuid:d",
            "title": "d",
            "securityDefinitions": {"n": {"scheme": "nosec"}},
            "security": "n",
            "wasmiot:provides": [],
            **({"wasmiot:trustsKey": list(keys)} if keys else {}),
        }
        assert client.put("/things/urn:uuid:d", json=td).status_code in (201, 204)
        return read_fleet(parts.store).device(0).trusts

    found = [register(), register(OTHER, AUTHOR), register(OTHER), register()]
    assert found == [None, f"{AUTHOR} {OTHER}", OTHER, None]
    assert read_fleet(parts.store).own_key == parts.devices.key.public


LAMP = {
    "@context": ["https://www.w3.org/2022/wot/td/v1.1", "https://wetware.fi/2023/wasmiot/v1.0"],
    "id": "urn:uuid:lamp",
    "title": "lamp",
    "securityDefinitions": {"n": {"scheme": "nosec"}},
    "security": "n",
}


@pytest.fixture
def signed_things(orchestrator, keys) -> Any:
    """An orchestrator whose directory asks for signatures."""
    return orchestrator(trusted_keys=(keys[0].public,), has_signed_things=True)


def test_a_directory_may_ask_for_signatures(signed_things, keys):
    """Signed a description is kept, and what is served is still signed; else it is not."""
    url = "/things/urn:uuid:lamp"
    for wrong in (LAMP, signed(LAMP, keys[1]), {**signed(LAMP, keys[0]), "title": "bomb"}):
        refused = signed_things.put(url, json=wrong)
        assert (refused.status_code, refused.json["title"]) == (403, "Not signed by a trusted key")
    assert signed_things.get("/things").json == []
    assert signed_things.put(url, json=signed(LAMP, keys[0])).status_code == 201
    served = signed_things.get(url).json
    assert "registration" in served
    assert Trust(frozenset({keys[0].public})).document_fault(served) == ""


def test_a_signed_description_is_not_changed_in_part(signed_things, keys):
    """A patch breaks the signature and is refused; one that changes nothing renews."""
    signed_things.put("/things/urn:uuid:lamp", json=signed(LAMP, keys[0]))

    def patch(change: dict[str, Any]) -> int:
        body = {"data": json.dumps(change), "content_type": "application/merge-patch+json"}
        return signed_things.patch("/things/urn:uuid:lamp", **body).status_code

    assert (patch({"title": "bomb"}), patch({})) == (403, 204)
    assert signed_things.get("/things/urn:uuid:lamp").json["title"] == "lamp"


def test_an_anonymous_description_is_signed_as_it_was_sent(signed_things, keys):
    """The id that it gets is the directory's."""
    nameless = {k: v for k, v in LAMP.items() if k != "id"}
    assert signed_things.post("/things", json=nameless).status_code == 403
    assert signed_things.post("/things", json=signed(nameless, keys[0])).status_code == 201


def test_signatures_of_nobody_cannot_be_asked_for(orchestrator):
    """The server does not start."""
    with pytest.raises(ValueError, match="--trusted-key"):
        orchestrator(has_signed_things=True)


@pytest.mark.parametrize("url", ["/things/urn:uuid:lamp", "/bulk/things"])
def test_no_directory_keeps_a_forged_signature(orchestrator, keys, url):
    """What was changed after it was signed is refused, whoever is trusted; the rest is kept."""
    client = orchestrator()
    text = json.dumps({**signed(LAMP, keys[0]), "title": "bomb"})
    put = url.startswith("/things")
    media_type = "application/td+json" if put else "application/jsonl"
    send = client.put if put else client.post
    forged = send(url, data=text, content_type=media_type).json
    if isinstance(forged, list):
        forged = forged[0]["problem"]
    assert (forged["status"], forged["validationErrors"][0]["field"]) == (422, f"/{SIGNATURE}/0")
    assert client.get("/things").json == []
    assert client.put("/things/urn:uuid:lamp", json=signed(LAMP, keys[0])).status_code == 201


def test_a_patch_cannot_put_words_into_the_mouth_of_a_signer(orchestrator, keys):
    """A part of a signed description is changed with its signature, or not at all."""
    client, url = orchestrator(), "/things/urn:uuid:lamp"
    client.put(url, json=signed(LAMP, keys[0]))

    def patch(change: dict[str, Any]) -> int:
        body = {"data": json.dumps(change), "content_type": "application/merge-patch+json"}
        return client.patch(url, **body).status_code

    assert (patch({"title": "bomb"}), patch({"title": "bulb", SIGNATURE: None})) == (422, 204)
    assert client.get(url).json["title"] == "bulb"


def test_a_number_that_cannot_be_signed_is_told(orchestrator, keys):
    """It is the description that is refused, not the server that fails."""
    wide = {
        **signed(LAMP, keys[0]),
        "schemaDefinitions": {"n": {"type": "integer", "const": 2**60}},
    }
    refused = orchestrator().put("/things/urn:uuid:lamp", json=wide)
    assert (refused.status_code, "cannot be signed" in refused.json["detail"]) == (422, True)
