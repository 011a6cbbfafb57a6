"""Keys are made once, kept private, and their signatures are theirs alone."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from wasmiot_td.access.keys import Key, make_key, own_key, public_key, read_key, verify
from wasmiot_td.access.secret_files import SecretFileError


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    """Return a key."""
    return make_key(tmp_path_factory.mktemp("key") / "key.pem")


def test_a_key_is_made_once(tmp_path: Path) -> None:
    """However many ask at once, they have one key, which nobody else can read."""
    path = tmp_path / "access" / "key.pem"
    with ThreadPoolExecutor(8) as pool:
        publics = {k.public for k in pool.map(lambda _: own_key(path), range(16))}
    assert publics == {read_key(path).public}
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A private key of mode 0644 is none any more."""
    path = tmp_path / "key.pem"
    make_key(path)
    path.chmod(0o644)
    with pytest.raises(SecretFileError, match="can be read by others"):
        own_key(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_a_file_without_key_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file that was cut off, or is another, is named, and no new key takes its place."""
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SecretFileError, match=r"key\.pem holds no key"):
        own_key(path)
    assert path.read_bytes() == content


@given(message=some.binary(max_size=200), other=some.binary(max_size=200))
def test_a_signature_is_of_one_message_and_one_key(key: Key, message: bytes, other: bytes) -> None:
    """What was signed is verified, and nothing else."""
    signature = key.sign(message)
    assert verify(key.public, signature, message)
    assert verify(key.public, signature, other) is (message == other)


@pytest.mark.parametrize("text", ["", "A" * 42, "A" * 44, "é" * 43, "A" * 42 + "/"])
def test_other_texts_are_no_public_keys(key: Key, text: str) -> None:
    """A text that is no key raises as a key, and verifies nothing."""
    with pytest.raises(ValueError, match="no public key"):
        public_key(text)
    assert not verify(text, key.sign(b"x"), b"x")


@given(signature=some.text(max_size=100))
def test_other_texts_are_no_signatures(key: Key, signature: str) -> None:
    """A text that is no signature is false, whatever it is."""
    assert not verify(key.public, signature, b"x")
