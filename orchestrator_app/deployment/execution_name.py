"""What executions are called: their time first, so that names are in order; pure.

The name of one that was asked for with an `Idempotency-Key` tells the key and the input by their
digests, so that whoever knows the names of the executions knows the keys, also after a restart.
Source: draft-ietf-httpapi-idempotency-key-header, clause 2.4 (idempotency fingerprint).
"""

import hashlib
import json
import re
import secrets
import time
from dataclasses import dataclass

from orchestrator_app.deployment.devices import Input
from orchestrator_app.deployment.hops import Given

_KEYED = re.compile(r"[0-9a-f]{16}-([0-9a-f]{32})-([0-9a-f]{16})")


@dataclass(frozen=True)
class Keyed:
    """What a name tells of the request: digests of its key, and of its key with its input."""

    key: str
    given: str

    @classmethod
    def of(cls, key: str, given: Given) -> "Keyed":
        """Return what the name of an execution tells that is asked for with a key."""
        digest = hashlib.sha256(key.encode())
        for name, part in (("", given.whole), *sorted((given.parts or {}).items())):
            digest.update(_digest(name, part))
        return cls(hashlib.sha256(key.encode()).hexdigest()[:32], digest.hexdigest()[:16])

    @classmethod
    def told_by(cls, name: str) -> "Keyed | None":
        """Return what a name tells; None where there was no key."""
        found = _KEYED.fullmatch(name)
        return cls(found[1], found[2]) if found else None


def new_name(keyed: Keyed | None = None) -> str:
    """Return the name of an execution that begins now."""
    rest = f"{keyed.key}-{keyed.given}" if keyed else secrets.token_hex(4)
    return f"{time.time_ns() // 1000:016x}-{rest}"


def _digest(name: str, given: Input) -> bytes:
    """Return the digest of an input; the same for JSON that is written in another way."""
    members = json.dumps([name, given.content_type, given.value], sort_keys=True)
    body = hashlib.sha256(given.body or b"").digest()
    return hashlib.sha256(members.encode() + body).digest()
