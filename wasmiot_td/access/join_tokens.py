"""Tokens by which a device joins an orchestrator, once.

Their secret never travels: both sides prove with it what they say of themselves, so that nobody
between them can put other keys in. What is kept is derived from the secret; it would do to join,
and lies beside the orchestrator's own key, which says more.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from wasmiot_td.access.secret_files import changed_object, read_object

JOINS_FILE = "joins.json"
_REMEMBERED = timedelta(days=1)
"""For how long after its end it is said of a token that it is over, and not that it is unknown."""

_TOKEN = re.compile(r"wasmiot_join_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True)
class JoinToken:
    """What is kept of a token.

    Attributes:
        verifier: what both sides prove their words with.
        expires: seconds since 1970.
        device: the only id that may join by it; empty for any.
        key: the key that joined by it; empty as long as none did.
    """

    id: str
    name: str
    verifier: str
    created: float
    expires: float
    device: str = ""
    key: str = ""

    def is_over(self, now: datetime) -> bool:
        """Say whether its time is over."""
        return self.expires <= now.timestamp()


def make_join_token(
    directory: Path, name: str, lifetime: timedelta, device: str = ""
) -> tuple[str, JoinToken]:
    """Make a token, and return its text, which is kept nowhere, with what is kept.

    Args:
        directory: `access/` of an orchestrator's data directory.
        name: what the device will be called.
        lifetime: how long it holds.
        device: the only id that may join by it; empty for any.
    """
    now = datetime.now(UTC)
    text = f"wasmiot_join_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}"
    id, verifier = parts_of(text)
    end = (now + lifetime).timestamp()
    token = JoinToken(id, name, verifier, now.timestamp(), end, device)
    with changed_object(directory / JOINS_FILE) as kept:
        for old in [t.id for t in join_tokens_of(kept).values() if t.is_over(now - _REMEMBERED)]:
            del kept[old]
        kept[id] = join_members(token)
    return text, token


def parts_of(text: str) -> tuple[str, str]:
    """Return the id and the verifier of a token's text.

    Raises:
        ValueError: it is no such token.
    """
    matched = _TOKEN.fullmatch(text.strip())
    if matched is None:
        raise ValueError("a join token begins with wasmiot_join_; `wasmiot token join` makes one")
    secret = matched[2].encode()
    return matched[1], hmac.new(secret, b"wasmiot join", hashlib.sha256).hexdigest()


def kept_join_tokens(directory: Path) -> dict[str, JoinToken]:
    """Return the tokens of a data directory by their ids."""
    return join_tokens_of(read_object(directory / JOINS_FILE))


def join_tokens_of(found: Mapping[str, Any]) -> dict[str, JoinToken]:
    """Return the tokens that a document lists."""
    return {id: JoinToken(id=id, **members) for id, members in found.items()}


def join_members(token: JoinToken) -> dict[str, Any]:
    """Return what is kept of a token."""
    return {name: value for name, value in asdict(token).items() if name != "id"}


def revoke_join_tokens(
    directory: Path, wanted: Sequence[str], spared: Collection[str] = ()
) -> list[JoinToken]:
    """Drop the tokens of some ids, names or keys but those of spared ids, and return them."""
    if not (directory / JOINS_FILE).exists():  # one that asks nobody goes on so
        return []
    with changed_object(directory / JOINS_FILE) as kept:
        known = join_tokens_of(kept).values()
        gone = [t for t in known if {t.id, t.name, t.key} & set(wanted) and t.id not in spared]
        for token in gone:
            del kept[token.id]
    return gone


def replacements(
    kept: Mapping[str, JoinToken], name: str, used: Collection[str]
) -> list[JoinToken]:
    """Return the unused tokens of a name that were made after others had been used.

    Args:
        kept: all tokens, by their ids.
        name: what the device is called.
        used: ids of the tokens by which those joined whom the new ones are to replace; of one
            that is no longer kept, all that are still there are later.
    """
    began = max((kept[id].created for id in used if id in kept), default=0.0)
    return [t for t in kept.values() if t.name == name and not t.key and t.created > began]


def proof(verifier: str, words: Sequence[str]) -> str:
    """Return the proof that somebody with the secret says some words."""
    message = "\0".join(f"{len(word)}:{word}" for word in words).encode()
    return hmac.new(bytes.fromhex(verifier), message, hashlib.sha256).hexdigest()


def is_proven(verifier: str, words: Sequence[str], said: str) -> bool:
    """Say whether a proof is that of some words; takes the same time whatever is wrong."""
    return hmac.compare_digest(proof(verifier, words).encode(), said.encode())
