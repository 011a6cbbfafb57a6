"""Signatures hold for one content and one key, however its JSON is written."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from wasmiot_td.access.canonical_json import NotCanonical, canonical_json
from wasmiot_td.access.keys import Key, make_key
from wasmiot_td.access.signatures import (
    MOST_SIGNATURES,
    SIGNATURE,
    ModuleStatement,
    signatures_of,
    signed,
    signers,
    statement_of,
)
from wasmiot_td.access.trust import Trust, TrustError, keys_named, trust_of

DIGEST = "sha256:" + "a" * 64
OTHER_DIGEST = "sha256:" + "b" * 64
MODEL = {
    "@context": ["https://www.w3.org/2022/wot/td/v1.1", "https://wetware.fi/2023/wasmiot/v1.0"],
    "@type": ["tm:ThingModel", "wasmiot:Module"],
    "id": "urn:wasmiot:module:m:1.0.0",
    "title": "m",
    "version": {"model": "1.0.0"},
    "wasmiot:digest": DIGEST,
    "wasmiot:dataFile": [{"path": "weights.bin", "digest": DIGEST, "href": "http://here/a"}],
    "actions": {"f": {"wasmiot:entrypoint": "f"}},
}
TD = {"@type": "Thing", "title": "lamp", "properties": {"on": {"type": "boolean"}}}

# RFC 8785, appendix B: the bits of a double, and its text.
NUMBERS = """
0000000000000000 0
8000000000000000 0
0000000000000001 5e-324
8000000000000001 -5e-324
7fefffffffffffff 1.7976931348623157e+308
ffefffffffffffff -1.7976931348623157e+308
4340000000000000 9007199254740992
c340000000000000 -9007199254740992
4430000000000000 295147905179352830000
44b52d02c7e14af5 9.999999999999997e+22
44b52d02c7e14af6 1e+23
44b52d02c7e14af7 1.0000000000000001e+23
444b1ae4d6e2ef4e 999999999999999700000
444b1ae4d6e2ef4f 999999999999999900000
444b1ae4d6e2ef50 1e+21
3eb0c6f7a0b5ed8c 9.999999999999997e-7
3eb0c6f7a0b5ed8d 0.000001
41b3de4355555553 333333333.3333332
41b3de4355555554 333333333.33333325
41b3de4355555555 333333333.3333333
41b3de4355555556 333333333.3333334
41b3de4355555557 333333333.33333343
becbf647612f3696 -0.0000033333333333333333
43143ff3c1cb0959 1424953923781206.2
"""

_scalars = some.none() | some.booleans() | some.integers(-(2**53) + 1, 2**53 - 1)
_texts = some.text(some.characters(codec="utf-8"), max_size=8)
_values = some.recursive(
    _scalars | _texts | some.floats(allow_nan=False, allow_infinity=False),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(_texts, inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Key, Key]:
    """Return two keys."""
    folder = tmp_path_factory.mktemp("keys")
    return make_key(folder / "one.pem"), make_key(folder / "two.pem")


@pytest.mark.parametrize(("bits", "text"), [line.split() for line in NUMBERS.split("\n") if line])
def test_numbers_are_written_as_the_specification_says(bits: str, text: str) -> None:
    """Each double of RFC 8785, appendix B, has the text given there."""
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical_json(number).decode() == text


@pytest.mark.parametrize("bits", ["7fffffffffffffff", "7ff0000000000000", "fff0000000000000"])
def test_what_is_no_number_has_no_text(bits: str) -> None:
    """Not a number, and the infinities, are refused (RFC 8785, appendix B)."""
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    with pytest.raises(NotCanonical):
        canonical_json(number)


def test_primitives_are_written_as_the_specification_says() -> None:
    """The example of RFC 8785, 3.2.2, has the bytes of 3.2.4."""
    source = r"""{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3,
        0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]}"""
    expected = bytes.fromhex(
        "7b226c69746572616c73223a5b6e756c6c2c747275652c66616c73655d2c226e"
        "756d62657273223a5b3333333333333333332e333333333333332c31652b3330"
        "2c342e352c302e3030322c31652d32375d2c22737472696e67223a22e282ac24"
        "5c75303030665c6e4127425c225c5c5c5c5c222f227d"
    )
    assert canonical_json(json.loads(source)) == expected


def test_members_are_ordered_as_the_specification_says() -> None:
    """Names are compared by their UTF-16 code units (RFC 8785, 3.2.3)."""
    source = r"""{"\u20ac": "Euro Sign", "\r": "Carriage Return",
      "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
      "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control",
      "\u00f6": "Latin Small Letter O With Diaeresis"}"""
    expected = [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]
    assert list(json.loads(canonical_json(json.loads(source))).values()) == expected


@pytest.mark.parametrize("value", [2**53, -(2**53), "\ud800", {"a": [2**60]}])
def test_what_cannot_be_interchanged_is_refused(value: Any) -> None:
    """A number that doubles cannot tell apart, or half a character, is never signed."""
    with pytest.raises(NotCanonical):
        canonical_json(value)


@given(members=some.dictionaries(_texts, _values, max_size=6), random=some.randoms())
def test_a_signature_does_not_depend_on_how_json_is_written(
    keys: tuple[Key, Key], members: dict[str, Any], random: Any
) -> None:
    """Order of members, white space and escapes change nothing."""
    document = signed(members, keys[0])
    text = json.dumps(_shuffled(document, random), indent=random.choice([None, 1, 4]))
    again = json.loads(text)
    assert signers(statement_of(again), signatures_of(again)) == {keys[0].public}


@given(
    members=some.dictionaries(_texts, _values, max_size=4),
    others=some.dictionaries(_texts, _values, max_size=4),
)
def test_a_signature_is_of_one_content(
    keys: tuple[Key, Key], members: dict[str, Any], others: dict[str, Any]
) -> None:
    """Other members with the same signature are signed by nobody."""
    moved = {**others, SIGNATURE: signed(members, keys[0])[SIGNATURE]}
    is_same = statement_of(others) == statement_of(members)
    assert bool(signers(statement_of(moved), signatures_of(moved))) is is_same


def _shuffled(value: Any, random: Any) -> Any:
    if isinstance(value, list):
        return [_shuffled(item, random) for item in value]
    if not isinstance(value, dict):
        return value
    names = list(value)
    random.shuffle(names)
    return {name: _shuffled(value[name], random) for name in names}


def changed(change: Callable[[dict[str, Any]], Any]) -> Callable[[Any], Any]:
    """Return what changes a copy of a document."""

    def apply(document: Any) -> Any:
        copied = json.loads(json.dumps(document))
        change(copied)
        return copied

    return apply


TAMPERED = {
    "binary": changed(lambda m: m.update({"wasmiot:digest": OTHER_DIGEST})),
    "data file": changed(lambda m: m["wasmiot:dataFile"][0].update(digest=OTHER_DIGEST)),
    "path of a data file": changed(lambda m: m["wasmiot:dataFile"][0].update(path="other.bin")),
    "another data file": changed(
        lambda m: m["wasmiot:dataFile"].append({"path": "b", "digest": OTHER_DIGEST})
    ),
    "member of the model": changed(lambda m: m["actions"]["f"].update(safe=True)),
    "new member": changed(lambda m: m.update({"wasmiot:limits": {"wallSeconds": 99}})),
    "version": changed(lambda m: m.update(id="urn:wasmiot:module:m:2.0.0")),
    "signature": changed(lambda m: m[SIGNATURE][0].update(value="A" * 86)),
    "algorithm": changed(lambda m: m[SIGNATURE][0].update(algorithm="none")),
    "other kind": changed(lambda m: m.update({"@type": ["tm:ThingModel"]})),
}


@pytest.mark.parametrize("change", TAMPERED.values(), ids=TAMPERED.keys())
def test_a_module_that_was_changed_is_signed_by_nobody(
    keys: tuple[Key, Key], change: Callable[[Any], Any]
) -> None:
    """Every part that matters is covered, and the signature itself."""
    document = change(signed(MODEL, keys[0]))
    assert signers(statement_of(document), signatures_of(document)) == frozenset()


def test_a_module_may_move_and_be_completed(keys: tuple[Key, Key]) -> None:
    """Where its bytes are, and what follows from them, is not signed."""
    moved = {
        **signed(MODEL, keys[0]),
        "wasmiot:binary": "http://elsewhere/",
        "wasmiot:imports": ["camera.takeImage"],
        "wasmiot:dataFile": [{"path": "weights.bin", "digest": DIGEST, "byteLength": 3}],
    }
    assert signers(statement_of(moved), signatures_of(moved)) == {keys[0].public}


def test_a_module_can_be_checked_without_its_model(keys: tuple[Key, Key]) -> None:
    """What an installation says of a module is enough to check its signature."""
    model = signed(MODEL, keys[0])
    statement = ModuleStatement.of_model(model)
    entry = {"id": model["id"], "digest": DIGEST, **statement.to_entry(signatures_of(model))}
    found = ModuleStatement.of_entry(entry)
    assert signers(found.text(), signatures_of(entry, "signature")) == {keys[0].public}


def test_a_key_cannot_be_put_in_place_of_another(keys: tuple[Key, Key]) -> None:
    """A signature under the name of another key is none of that key."""
    document = signed(TD, keys[0])
    document[SIGNATURE][0]["key"] = keys[1].public
    assert signers(statement_of(document), signatures_of(document)) == frozenset()


def test_several_may_sign(keys: tuple[Key, Key]) -> None:
    """A second signature leaves the first one valid; the same key signs once."""
    document = signed(signed(signed(TD, keys[0]), keys[1]), keys[0])
    assert len(document[SIGNATURE]) == 2
    found = signers(statement_of(document), signatures_of(document))
    assert found == {key.public for key in keys}


@pytest.mark.parametrize(
    "signatures",
    [None, "x", 7, [7], [{}], [{"key": 1, "value": 2, "algorithm": "ed25519-jcs"}], {"key": "x"}],
)
def test_what_is_no_signature_is_none(signatures: Any) -> None:
    """Anything at all may stand in its place."""
    document = {**TD, SIGNATURE: signatures}
    assert signers(statement_of(document), signatures_of(document)) == frozenset()


def test_the_first_few_signatures_count(keys: tuple[Key, Key]) -> None:
    """However many are sent, no more than those are verified."""
    other = {"key": keys[1].public, "value": "A" * 86, "algorithm": "ed25519-jcs"}
    own = signed(TD, keys[0])[SIGNATURE]
    few, many = [*[other] * (MOST_SIGNATURES - 1), *own], [*[other] * MOST_SIGNATURES, *own]
    assert signers(statement_of(TD), few) == {keys[0].public}
    assert signers(statement_of(TD), many) == frozenset()


def test_trust_says_what_is_wrong(keys: tuple[Key, Key]) -> None:
    """Not signed, signed by another, and changed since are told apart."""
    trust = Trust(frozenset({keys[0].public}))
    own, other = signed(TD, keys[0]), signed(TD, keys[1])
    assert trust.document_fault(own) == ""
    assert trust.document_fault(TD) == "is not signed"
    assert "is not trusted here" in trust.document_fault(other)
    assert "is not what" in trust.document_fault({**own, "title": "else"})
    assert "cannot be signed" in trust.document_fault({**own, "number": 2**60})
    assert trust_of([]) is None


def test_trusted_keys_are_named_or_in_a_file(keys: tuple[Key, Key], tmp_path: Path) -> None:
    """A key itself, or a file with one a line and words for people."""
    file = tmp_path / "trusted"
    file.write_text(f"# who we know\n{keys[0].public} alice\n\n{keys[1].public}\n")
    assert keys_named(str(file)) == (keys[0].public, keys[1].public)
    assert keys_named(keys[0].public) == (keys[0].public,)


@pytest.mark.parametrize("text", ["", "# nobody\n", "not a key\n"])
def test_a_file_without_keys_is_refused(tmp_path: Path, text: str) -> None:
    """Trust in nobody is never meant: an empty file, or another one, stops the server."""
    file = tmp_path / "trusted"
    file.write_text(text)
    with pytest.raises(TrustError):
        keys_named(str(file))


def test_a_key_that_is_none_is_refused() -> None:
    """A name that is no file and no key is told with the command that helps."""
    with pytest.raises(TrustError, match="wasmiot key show"):
        keys_named("no-such-file")
