"""Signatures in documents: their form, their graph, their model."""

from typing import Any

import pytest

from wasmiot_td.errors import ValidationError
from wasmiot_td.namespaces import WASMIOT
from wasmiot_td.thing_description import load

KEY, VALUE = "k" * 43, "v" * 86
SIGNATURE = {"key": KEY, "value": VALUE, "algorithm": "ed25519-jcs"}


def thing(**members: Any) -> dict[str, Any]:
    """Return a Thing Description with further members."""
    return {
        "@context": ["https://www.w3.org/2022/wot/td/v1.1", "https://wetware.fi/2023/wasmiot/v1.0"],
        "@type": ["Thing", "wasmiot:Supervisor"],
        "id": "urn:uuid:a",
        "title": "a",
        "securityDefinitions": {"nosec_sc": {"scheme": "nosec"}},
        "security": "nosec_sc",
        **members,
    }


def entry(**members: Any) -> dict[str, Any]:
    """Return a Thing with one module."""
    return thing(**{"wasmiot:module": [{"id": "urn:wasmiot:module:m:1.0.0", **members}]})


def test_who_signed_stands_in_the_graph_and_in_the_model() -> None:
    """The key of a signature, those that a device trusts, and its own."""
    terms = {"wasmiot:trustsKey": [KEY], "wasmiot:publicKey": KEY}
    loaded = load(thing(**{"wasmiot:signature": [SIGNATURE]}, **terms))
    paths = [str(s) for s in loaded.graph.subjects(WASMIOT.publicKey)]
    assert sorted(paths) == ["urn:uuid:a", "urn:uuid:a#/wasmiot:signature/0"]
    model: Any = loaded.model
    assert (model.signature[0].key, model.trusts_key, model.public_key) == (KEY, [KEY], KEY)


def test_one_signature_may_stand_alone() -> None:
    """As JSON-LD has it, one is as good as a list of one."""
    assert load(thing(**{"wasmiot:signature": SIGNATURE})).document["wasmiot:signature"]


def test_the_module_of_an_installation_carries_its_signatures() -> None:
    """With the digests that were signed."""
    digest = "sha256:" + "0" * 64
    files = [{"path": "weights.bin", "digest": digest}]
    loaded = load(entry(digest=digest, model=digest, dataFile=files, signature=[SIGNATURE]))
    (module,) = loaded.graph.subjects(WASMIOT.modelDigest)
    assert str(module) == "urn:wasmiot:module:m:1.0.0"
    assert len(list(loaded.graph.objects(module, WASMIOT.signature))) == 1


@pytest.mark.parametrize(
    "signature",
    [
        {**SIGNATURE, "key": "short"},
        {**SIGNATURE, "key": KEY[:-1] + "="},
        {**SIGNATURE, "value": VALUE[1:]},
        {**SIGNATURE, "algorithm": "none"},
        {**SIGNATURE, "claims": "everything"},
        {"key": KEY, "value": VALUE},
        {"value": VALUE, "algorithm": "ed25519-jcs"},
        "signed, honestly",
    ],
    ids=str,
)
def test_what_is_no_signature_is_refused(signature: Any) -> None:
    """In a description, and at a module."""
    for document in (thing(**{"wasmiot:signature": [signature]}), entry(signature=[signature])):
        with pytest.raises(ValidationError, match="signature"):
            load(document)


@pytest.mark.parametrize("term", ["wasmiot:trustsKey", "wasmiot:signedBy", "wasmiot:publicKey"])
def test_a_key_is_43_letters(term: str) -> None:
    """Whoever it is of."""
    with pytest.raises(ValidationError, match="43 letters"):
        load(thing(**{term: KEY[1:]}))
