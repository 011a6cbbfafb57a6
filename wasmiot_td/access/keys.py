"""Ed25519 keys: made once, kept where only their owner reads them, named by 43 letters.

Source: RFC 8032 (Ed25519); RFC 8037, clause 2 (the public key as base64url).
"""

import base64
import binascii
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from wasmiot_td.access.secret_files import SecretFileError, locked, read_private, write_secret

KEY_FILE = "key.pem"
"""The key of a server, in `access/` of its data directory."""

_PUBLIC = re.compile(r"[A-Za-z0-9_-]{43}")
_SIGNATURE = re.compile(r"[A-Za-z0-9_-]{86}")


@dataclass(frozen=True)
class Key:
    """A key pair, which never shows its private half."""

    private: Ed25519PrivateKey

    @cached_property
    def public(self) -> str:
        """The public half, as text."""
        return _encoded(self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def sign(self, message: bytes) -> str:
        """Return the signature of a message, as text."""
        return _encoded(self.private.sign(message))


def make_key(path: Path) -> Key:
    """Make a key and keep it in a file of mode 0600."""
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_secret(path, pem)
    return Key(private)


def read_key(path: Path) -> Key:
    """Return the key in a file.

    Raises:
        SecretFileError: there is none, or others may read it.
    """
    try:
        private = load_pem_private_key(read_private(path), password=None)
    except (ValueError, TypeError) as error:
        raise SecretFileError(f"{path} holds no key: {error}") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise SecretFileError(f"{path} holds no Ed25519 key")
    return Key(private)


def own_key(path: Path) -> Key:
    """Return the key in a file, made now if there is none; the same for all who ask at once.

    Raises:
        SecretFileError: the file holds something else, or others may read it.
    """
    if not path.exists():
        with locked(path.parent):
            if not path.exists():
                return make_key(path)
    return read_key(path)


def public_key(text: str) -> Ed25519PublicKey:
    """Return the public key of a text.

    Raises:
        ValueError: it is none.
    """
    if not _PUBLIC.fullmatch(text):
        raise ValueError(f"{text[:60]!r} is no public key: 43 letters of base64url")
    return Ed25519PublicKey.from_public_bytes(_decoded(text))


def verify(public: str, signature: str, message: bytes) -> bool:
    """Say whether a signature is that of a key over a message; false for what is neither."""
    if not _SIGNATURE.fullmatch(signature):
        return False
    try:
        public_key(public).verify(_decoded(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _encoded(data: bytes) -> str:
    """Return bytes as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    """Return the bytes of a base64url text without padding.

    Raises:
        ValueError: it is none.
    """
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError(str(error)) from error
