"""A module that nobody built for this system: the SHA-256 of the package `hash-wasm`."""

import base64
import hashlib

import pytest
import requests

ANY = "application/octet-stream"
CONTEXT = ["https://www.w3.org/2022/wot/td/v1.1", "https://wetware.fi/2023/wasmiot/v1.0"]
ROOM_BYTES = 16 * 1024
HASH = {
    "wasmiot:entrypoint": "Hash_Calculate",
    "wasmiot:buffer": "Hash_GetBuffer",
    "synchronous": True,
    "input": {"type": "string", "contentMediaType": ANY, "maxLength": ROOM_BYTES},
    "uriVariables": {"bits": {"type": "integer", "default": 256}},
    "output": {"type": "string", "contentMediaType": ANY, "maxLength": 32},
}


@pytest.fixture(scope="module")
def action(supervisor, binaries, run_node):
    """The address of the deployed function."""
    text = run_node("extract_wasm.mjs", "node_modules/hash-wasm/dist/sha256.umd.min.js")
    digest, binary = binaries(base64.b64decode(text))
    module = {"id": "urn:hash-wasm", "name": "hash-wasm", "digest": digest, "binary": binary}
    document = {
        "@context": CONTEXT,
        "title": "Hash",
        "wasmiot:module": [module],
        "actions": {"sha256": HASH},
    }
    response = requests.put(f"{supervisor}deployments/hash", json=document, timeout=60)
    assert response.status_code == 201, response.text
    return f"{supervisor}deployments/hash/actions/sha256"


@pytest.mark.parametrize("data", [b"", b"abc", bytes(range(256)) * 4, b"\0" * ROOM_BYTES])
def test_sha256(action, data):
    """The module's digest is that of Python's hashlib."""
    response = requests.post(action, data=data, headers={"Content-Type": ANY}, timeout=20)
    assert response.content == hashlib.sha256(data).digest()


def test_more_than_the_room(action):
    """What does not fit into the module's buffer is refused, not cut or written past its end."""
    data = b"x" * (ROOM_BYTES + 1)
    response = requests.post(action, data=data, headers={"Content-Type": ANY}, timeout=20)
    assert response.status_code == 413
