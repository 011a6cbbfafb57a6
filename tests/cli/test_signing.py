"""`wasmiot key`, `wasmiot sign` and `wasmiot verify`: with files alone, no server."""

import json
from pathlib import Path
from typing import Any

import pytest
from wasmtime import wat2wasm

WAT = '(module (func (export "one") (result i32) i32.const {}))'
TD = {
    "@context": "https://www.w3.org/2022/wot/td/v1.1",
    "title": "lamp",
    "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
    "security": "nosec_sc",
    "properties": {"on": {"type": "boolean", "forms": [{"href": "http://lamp.example/on"}]}},
}


@pytest.fixture
def folder(tmp_path: Path, nobody: Any) -> Path:
    """Return a folder with two keys, a module and a description."""
    for name in ("one", "two"):
        (tmp_path / f"{name}.pub").write_text(
            nobody("key", "make", tmp_path / f"{name}.pem").stdout
        )
    (tmp_path / "m.wasm").write_bytes(wat2wasm(WAT.format(1)))
    (tmp_path / "td.json").write_text(json.dumps(TD))
    (tmp_path / "data.bin").write_bytes(b"data")
    return tmp_path


def test_a_key_is_made_once_and_shown(folder: Path, nobody: Any) -> None:
    """Nobody else may read it, and it is never replaced."""
    key = folder / "one.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    public = (folder / "one.pub").read_text()
    assert nobody("key", "show", key).stdout == public
    assert nobody.json("key", "show", key) == {"publicKey": public.strip()}
    before = key.read_bytes()
    assert "is there already" in nobody("key", "make", key, code=1).stderr
    assert key.read_bytes() == before


def test_what_was_signed_is_verified(folder: Path, nobody: Any) -> None:
    """A description where it is, a module by the file beside it."""
    one, two = folder / "one.pub", folder / "two.pub"
    for name in ("td.json", "m.wasm"):
        nobody("sign", folder / name, "--key", folder / "one.pem")
        answer = nobody.json("verify", folder / name, "--trusted-key", one)
        assert answer == {"signedBy": [one.read_text().strip()]}
        said = nobody("verify", folder / name, "--trusted-key", two, code=1).stderr
        assert "not trusted here" in said


def test_several_sign_one_description(folder: Path, nobody: Any) -> None:
    """The second signature leaves the first as it is."""
    for name in ("one", "two"):
        nobody("sign", folder / "td.json", "--key", folder / f"{name}.pem")
    keys = sorted((folder / f"{name}.pub").read_text().strip() for name in ("one", "two"))
    assert nobody.json("verify", folder / "td.json") == {"signedBy": keys}


def test_what_is_not_signed_is_told(folder: Path, nobody: Any) -> None:
    """With what to do."""
    assert "is not signed" in nobody("verify", folder / "td.json", code=1).stderr
    assert "`wasmiot sign" in nobody("verify", folder / "m.wasm", code=1).stderr


def test_a_change_is_told(folder: Path, nobody: Any) -> None:
    """Another title, another binary."""
    for name in ("td.json", "m.wasm"):
        nobody("sign", folder / name, "--key", folder / "one.pem")
    text = (folder / "td.json").read_text()
    (folder / "td.json").write_text(text.replace('"lamp"', '"bomb"'))
    assert "is not what" in nobody("verify", folder / "td.json", code=1).stderr
    (folder / "m.wasm").write_bytes(wat2wasm(WAT.format(2)))
    assert "another binary" in nobody("verify", folder / "m.wasm", code=1).stderr


def test_a_model_without_its_binary_cannot_be_signed(folder: Path, nobody: Any) -> None:
    """The two are signed together, with the files."""
    model = {**TD, "@type": ["tm:ThingModel", "wasmiot:Module"]}
    (folder / "m.tm.json").write_text(json.dumps(model))
    failed = nobody("sign", folder / "m.tm.json", "--key", folder / "one.pem", code=1)
    assert "--description" in failed.stderr


def test_what_cannot_be_signed_is_told(folder: Path, nobody: Any) -> None:
    """No module, no description of it, a number that others would read otherwise."""
    key = ("--key", folder / "one.pem")
    (folder / "bad.wasm").write_bytes(b"\0asm\1\0\0\0\x63")
    assert "no WebAssembly module" in nobody("sign", folder / "bad.wasm", *key, code=1).stderr
    (folder / "td.json").write_text(json.dumps({**TD, "wasmiot:x": 2**60}))
    assert "RFC 8785" in nobody("sign", folder / "td.json", *key, code=1).stderr


def test_a_module_is_signed_as_it_is_added(wasmiot: Any, folder: Path) -> None:
    """And who signed is shown; what was signed before can be added without a key."""
    public = (folder / "one.pub").read_text().strip()
    data = ("--data", f"in/data.bin={folder / 'data.bin'}")
    added = wasmiot.json("module", "add", folder / "m.wasm", "--key", folder / "one.pem", *data)
    assert [s["key"] for s in added["wasmiot:signature"]] == [public]
    assert public in wasmiot("module", "show", "m").stdout
    wasmiot("module", "remove", "m")
    wasmiot("sign", folder / "m.wasm", "--key", folder / "one.pem")
    signed = ("--description", folder / "m.signed.json")
    added = wasmiot.json("module", "add", folder / "m.wasm", *signed)
    assert [s["key"] for s in added["wasmiot:signature"]] == [public]
    wasmiot("module", "remove", "m")
