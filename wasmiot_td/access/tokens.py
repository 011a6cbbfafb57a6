"""Tokens that an operator makes: random, kept as hashes only, with a role and an end.

The secret has 256 random bits, so one round of SHA-256 keeps it; slow hashes are for what people
make up. A token names its entry, so that finding it costs one lookup whatever there is.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from wasmiot_td.access.roles import Principal, Role
from wasmiot_td.access.secret_files import changed_object, read_object

TOKENS_FILE = "tokens.json"
PREFIX = "wasmiot_"
_TOKEN = re.compile(r"wasmiot_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True)
class Token:
    """What is kept of a token.

    Attributes:
        digest: SHA-256 of the whole token.
        expires: seconds since 1970; None for never.
    """

    id: str
    name: str
    role: str
    digest: str
    created: float
    expires: float | None = None

    def is_over(self, now: datetime) -> bool:
        """Say whether its time is over."""
        return self.expires is not None and self.expires <= now.timestamp()


def make_token(
    directory: Path,
    name: str,
    role: str,
    lifetime: timedelta | None = None,
) -> tuple[str, Token]:
    """Make a token, and return its text, which is kept nowhere, with what is kept.

    Args:
        directory: `access/` of a data directory.
        name: what it is for.
        role: a role's word.
        lifetime: how long it holds.
    """
    now = datetime.now(UTC).timestamp()
    id = secrets.token_hex(6)
    text = f"{PREFIX}{id}_{secrets.token_urlsafe(32)}"
    expires = None if lifetime is None else now + lifetime.total_seconds()
    token = Token(id, name, role, _digest(text), now, expires)
    with changed_object(directory / TOKENS_FILE) as kept:
        kept[id] = {k: v for k, v in vars(token).items() if k != "id"}
    return text, token


def kept_tokens(directory: Path) -> dict[str, Token]:
    """Return the tokens of a data directory by their ids."""
    found = read_object(directory / TOKENS_FILE)
    return {id: _token(id, members) for id, members in found.items()}


def revoke_token(directory: Path, wanted: str) -> list[Token]:
    """Revoke the tokens of an id or a name, and return them."""
    if not (directory / TOKENS_FILE).exists():  # one that asks nobody goes on so
        return []
    with changed_object(directory / TOKENS_FILE) as kept:
        known = [_token(id, members) for id, members in kept.items()]
        revoked = [t for t in known if wanted in (t.id, t.name)]
        for token in revoked:
            del kept[token.id]
    return revoked


def find_token(tokens: Mapping[str, Token], text: str) -> Token | None:
    """Return the token of a text, if it is one and its time is not over."""
    matched = _TOKEN.fullmatch(text)
    token = tokens.get(matched[1]) if matched else None
    if token is None or not hmac.compare_digest(token.digest, _digest(text)):
        return None
    return None if token.is_over(datetime.now(UTC)) else token


def principal_of(token: Token) -> Principal:
    """Return who shows a token."""
    return Principal(token.name, Role.of(token.role))


def _token(id: str, members: Mapping[str, Any]) -> Token:
    return Token(id=id, **members)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
