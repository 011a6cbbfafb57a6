"""A device that trusts some keys runs what they have signed, and nothing else."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import wasmtime

from supervisor_app.cli import settings_of
from wasmiot_td.access.keys import Key, make_key
from wasmiot_td.access.signatures import (
    SIGNATURE,
    ModuleStatement,
    signature,
    signatures_of,
    signed,
)
from wasmiot_td.problem import ProblemError

ADD = '(module (func (export "f") (result i32) i32.const 7))'
OTHER = '(module (func (export "f") (result i32) i32.const 8))'
MODEL = "sha256:" + "c" * 64
TITLE = "Not signed by a trusted key"
Device = Any


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Key, Key]:
    """Return two keys: one that the device trusts, and another."""
    folder = tmp_path_factory.mktemp("keys")
    return make_key(folder / "one.pem"), make_key(folder / "two.pem")


@pytest.fixture
def trusting(make_device, keys) -> Device:
    """A device that trusts the first key."""
    return make_device(trusted_keys=(keys[0].public,))


def share(device: Device, by: Key, module_by: Key | None = None, **members: Any) -> dict[str, Any]:
    """Return a signed installation of a module with a data file, both on the device already."""
    digest, weights = device.place(wasmtime.wat2wasm(ADD)), device.place(b"weights")
    files = {"weights.bin": weights}
    statement = ModuleStatement("urn:wasmiot:module:m:1.0.0", digest, MODEL, files)
    document: dict[str, Any] = {
        "@context": STANDALONE["@context"],
        "@type": ["Thing", "wasmiot:Supervisor", "wasmiot:Installation"],
        "title": "test",
        "wasmiot:module": [{"id": statement.id, "name": "m", "digest": digest}],
        "wasmiot:device": device.settings.device_id,
        "actions": {
            "f": {
                "wasmiot:entrypoint": "f",
                "output": {"type": "integer"},
                "wasmiot:mount": [{"path": "weights.bin", "stage": "deployment"}],
                "wasmiot:dataFile": [{"path": "weights.bin", "digest": weights}],
            }
        },
        **members,
    }
    signatures = [signature(module_by or by, statement.text())]
    document["wasmiot:module"][0] |= statement.to_entry(signatures)
    return signed(document, by)


def put(device: Device, document: Any, slug: str = "app") -> Any:
    """Send an installation; return the response."""
    return device.client.put(f"/deployments/{slug}", json=document)


def assert_refused(device: Device, response: Any, *words: str) -> None:
    """The answer names what is wrong and what to do, and nothing was installed."""
    assert (response.status_code, response.json["title"]) == (403, TITLE), response.text
    assert [w for w in (*words, "--trusted-key") if w not in response.json["detail"]] == []
    assert device.client.get("/deployments").json == []
    kept = [p for name in ("installations", "signed") for p in folder(device, name)]
    assert kept == []


def folder(device: Device, name: str) -> list[Path]:
    """Return the files in a folder of the device's data."""
    path = device.settings.data_dir / name
    return list(path.iterdir()) if path.is_dir() else []


def restarted(make_device, device: Device, **changes: Any) -> Device:
    """Return a new supervisor over the data of another."""
    device.app.extensions["supervisor"].close()
    settings = {"trusted_keys": device.settings.trusted_keys, **changes}
    return make_device(data_dir=device.settings.data_dir, **settings)


def test_what_a_trusted_key_signed_runs(trusting, keys):
    """It is installed and called, and its TD says who signed it."""
    assert put(trusting, share(trusting, keys[0])).status_code == 201
    assert trusting.invoke("app", "f")["output"] == 7
    document = trusting.client.get("/deployments/app/td").json
    assert document["wasmiot:signedBy"] == [keys[0].public]
    assert SIGNATURE not in document


def test_the_device_says_whom_it_trusts(trusting, device, keys):
    """So that nobody sends it what it refuses; a device that asks for nothing says nothing."""
    assert trusting.client.get("/.well-known/wot").json["wasmiot:trustsKey"] == [keys[0].public]
    assert "wasmiot:trustsKey" not in device.client.get("/.well-known/wot").json


def test_what_nobody_signed_is_refused(trusting, keys):
    """A TD without a signature, though its module has one."""
    document = share(trusting, keys[0])
    del document[SIGNATURE]
    assert_refused(trusting, put(trusting, document), "TD of app is not signed", keys[0].public)


def test_what_a_stranger_signed_is_refused(trusting, keys):
    """A good signature of a key that is not trusted."""
    response = put(trusting, share(trusting, keys[1]))
    assert_refused(trusting, response, keys[1].public, "not trusted here")


def test_a_module_of_a_stranger_is_refused(trusting, keys):
    """A trusted orchestrator cannot vouch for a module."""
    response = put(trusting, share(trusting, keys[0], module_by=keys[1]))
    assert_refused(trusting, response, "the module m", keys[1].public)
    assert response.json["validationErrors"][0]["field"] == "/wasmiot:module/0"


def _tampered_wasm(device: Device, document: Any) -> None:
    document["wasmiot:module"][0]["digest"] = device.place(wasmtime.wat2wasm(OTHER))


def _tampered_file(device: Device, document: Any) -> None:
    files = document["actions"]["f"]["wasmiot:dataFile"]
    files[0]["digest"] = device.place(b"evil weights")


def _tampered_file_list(device: Device, document: Any) -> None:
    _tampered_file(device, document)
    digest = document["actions"]["f"]["wasmiot:dataFile"][0]["digest"]
    document["wasmiot:module"][0]["dataFile"][0]["digest"] = digest


def _tampered_model(device: Device, document: Any) -> None:
    document["wasmiot:module"][0]["model"] = "sha256:" + "d" * 64


def _tampered_signature(device: Device, document: Any) -> None:
    document["wasmiot:module"][0]["signature"][0]["value"] = "A" * 86


def _no_signature(device: Device, document: Any) -> None:
    del document["wasmiot:module"][0]["signature"]


@pytest.mark.parametrize(
    "tamper",
    [
        _tampered_wasm,
        _tampered_file,
        _tampered_file_list,
        _tampered_model,
        _tampered_signature,
        _no_signature,
    ],
)
def test_a_module_that_was_changed_is_refused(trusting, keys, tamper):
    """Even if who deploys signs the change: binary, data file, model and signature are covered."""
    document = share(trusting, keys[0])
    tamper(trusting, document)
    assert_refused(trusting, put(trusting, signed(document, keys[0])))


@pytest.mark.parametrize(
    "change",
    [
        {"title": "other"},
        {"actions": {}},
        {"wasmiot:module": []},
        {"wasmiot:revision": 2},
        {SIGNATURE: [{"key": "A" * 43, "value": "A" * 86, "algorithm": "ed25519-jcs"}]},
        {SIGNATURE: "yes"},
    ],
    ids=str,
)
def test_a_td_that_was_changed_is_refused(trusting, keys, change):
    """Every member of what was signed is covered."""
    assert_refused(trusting, put(trusting, share(trusting, keys[0]) | change))


def test_bytes_that_are_not_the_digest_are_refused(trusting, keys):
    """A binary that was changed on the disk, and cannot be fetched again, is not run."""
    document = share(trusting, keys[0])
    digest = document["wasmiot:module"][0]["digest"].removeprefix("sha256:")
    packages = trusting.settings.data_dir / "packages"
    (packages / digest).write_bytes(wasmtime.wat2wasm(OTHER))
    response = put(trusting, document)
    assert (response.status_code, response.json["title"]) == (422, "Not installable")
    assert trusting.client.get("/deployments").json == []


def test_what_was_signed_for_another_device_is_refused(trusting, keys):
    """A share is for one device, and under one name."""
    elsewhere = share(trusting, keys[0], **{"wasmiot:device": "urn:uuid:other"})
    assert_refused(trusting, put(trusting, elsewhere), "urn:uuid:other")
    deployed = {
        "wasmiot:deployment": "urn:wasmiot:deployment:app",
        "base": "http://127.0.0.1/deployments/app/",
    }
    document = share(trusting, keys[0], **deployed)
    assert_refused(trusting, put(trusting, document, slug="else"), "not for else")
    assert put(trusting, document).status_code == 201


@pytest.mark.parametrize(
    "members",
    [
        {"@type": ["tm:ThingModel", "wasmiot:Module"], "title": "m"},
        {"@type": "Thing", "title": "m", "registration": {"created": "2026-01-01T00:00:00Z"}},
    ],
)
def test_a_signature_of_another_kind_is_none_of_an_installation(trusting, keys, members):
    """Neither the signed model of a module, nor what a directory has added to a description."""
    response = put(trusting, signed(members, keys[0]))
    assert response.status_code == 403
    assert trusting.client.get("/deployments").json == []


def test_a_refused_change_leaves_what_runs(trusting, keys):
    """What was installed before goes on."""
    put(trusting, share(trusting, keys[0]))
    assert put(trusting, share(trusting, keys[1])).status_code == 403
    assert trusting.invoke("app", "f")["output"] == 7


def test_what_is_kept_is_verified_when_the_device_starts(make_device, trusting, keys):
    """It is served again; a change of what is on the disk is not, whichever file it is in."""
    put(trusting, share(trusting, keys[0]))
    again = restarted(make_device, trusting)
    assert again.invoke("app", "f")["output"] == 7
    served = again.settings.data_dir / "installations" / "app.json"
    document = json.loads(served.read_bytes())
    document["actions"]["f"]["title"] = "other"
    served.write_text(json.dumps(document))
    again = restarted(make_device, again)
    assert "title" not in again.client.get("/deployments/app/td").json["actions"]["f"]
    kept = again.settings.data_dir / "signed" / "app.json"
    kept.write_text(kept.read_text().replace('"test"', '"other"'))
    assert restarted(make_device, again).client.get("/deployments").json == []


def test_a_key_that_is_trusted_no_longer_counts_no_longer(make_device, trusting, keys):
    """After a restart with other keys nothing runs that they did not sign; trusted again, it does.

    What nobody asked to be signed when it came is refused too.
    """
    put(trusting, share(trusting, keys[0]))
    revoked = restarted(make_device, trusting, trusted_keys=(keys[1].public,))
    assert revoked.client.get("/deployments").json == []
    back = restarted(make_device, revoked, trusted_keys=(keys[0].public,))
    assert back.client.get("/deployments").json == ["app"]


def test_what_came_before_anybody_asked_is_refused_later(make_device, device, keys):
    """An installation without signature is not served once signatures are asked for."""
    device.put("old", ADD, actions={"f": {"wasmiot:entrypoint": "f"}})
    signed_one = share(device, keys[0])
    assert put(device, signed_one).status_code == 201
    asked = restarted(make_device, device, trusted_keys=(keys[0].public,))
    assert asked.client.get("/deployments").json == ["app"]


def test_a_removed_installation_leaves_no_signed_text(trusting, keys):
    """Everything that it brought goes."""
    put(trusting, share(trusting, keys[0]))
    trusting.client.delete("/deployments/app")
    assert folder(trusting, "signed") == []


STANDALONE = {
    "@context": ["https://www.w3.org/2022/wot/td/v1.1", "https://wetware.fi/2023/wasmiot/v1.0"],
    "@type": ["Thing", "wasmiot:Supervisor"],
    "title": "alone",
    "actions": {"f": {"wasmiot:entrypoint": "f", "output": {"type": "integer"}}},
}


@pytest.fixture
def serve_files(make_device, keys, tmp_path):
    """Return a function that serves a TD over a module from files, on a trusting device."""

    def serve(td: Any, model: Any = None, wat: str = ADD, **changes: Any) -> Device:
        (tmp_path / "td.json").write_text(json.dumps(td))
        (tmp_path / "m.wasm").write_bytes(wasmtime.wat2wasm(wat))
        if model is not None:
            (tmp_path / "m.signed.json").write_text(json.dumps(model))
        files = {"td": tmp_path / "td.json", "modules": (tmp_path / "m.wasm",)}
        return make_device(trusted_keys=(keys[0].public,), **{**files, **changes})

    return serve


def model_of(device: Device | None, by: Key) -> dict[str, Any]:
    """Return the signed Thing Model of the module."""
    digest = f"sha256:{hashlib.sha256(wasmtime.wat2wasm(ADD)).hexdigest()}"
    types = ["tm:ThingModel", "wasmiot:Module"]
    model = {"@type": types, "id": "urn:wasmiot:module:m:1.0.0", "wasmiot:digest": digest}
    return signed({**model, "title": "m"}, by)


def test_signed_files_are_served_without_an_orchestrator(make_device, serve_files, keys):
    """A signed TD over a signed module runs, and again after a restart without the files."""
    device = serve_files(signed(STANDALONE, keys[0]), model_of(None, keys[0]))
    assert device.invoke("alone", "f")["output"] == 7
    assert restarted(make_device, device).invoke("alone", "f")["output"] == 7


@pytest.mark.parametrize("unsigned", ["td", "module", "binary"])
def test_files_that_are_not_signed_keep_the_device_from_starting(
    serve_files, keys, tmp_path, unsigned
):
    """A TD or a module without a trusted signature, or other bytes under one, stop the start."""
    td = STANDALONE if unsigned == "td" else signed(STANDALONE, keys[0])
    model = model_of(None, keys[1 if unsigned == "module" else 0])
    with pytest.raises(ProblemError, match="Trusted here"):
        serve_files(td, model, OTHER if unsigned == "binary" else ADD)
    assert [*tmp_path.glob("data-*/packages/*"), *tmp_path.glob("data-*/signed/*")] == []


def test_trusted_keys_are_read_from_the_command_line(keys, tmp_path, capsys):
    """A key, or a file of them, several times; anything else is a mistake that is told."""
    file = tmp_path / "trusted"
    file.write_text(f"{keys[1].public} bob\n")
    options = ["--trusted-key", keys[0].public, "--trusted-key", str(file)]
    assert settings_of(options).trusted_keys == (keys[0].public, keys[1].public)
    assert settings_of([]).trusted_keys == ()
    with pytest.raises(SystemExit):
        settings_of(["--trusted-key", "nothing"])
    assert "wasmiot key show" in capsys.readouterr().err


def test_statements_of_both_sides_agree(keys):
    """What an author signs of a Thing Model is what a device checks of an installation."""
    model = model_of(None, keys[0])
    entry = {
        "id": model["id"],
        "digest": model["wasmiot:digest"],
        **ModuleStatement.of_model(model).to_entry(signatures_of(model)),
    }
    assert ModuleStatement.of_entry(entry).text() == ModuleStatement.of_model(model).text()
