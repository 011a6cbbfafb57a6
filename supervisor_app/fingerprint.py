"""What an input is known by, so that a key which comes again with another one is seen.

Source: draft-ietf-httpapi-idempotency-key-header, clauses 2.4 (idempotency fingerprint), 2.7.
"""

import hashlib
import json
from typing import Any

from supervisor_app.execution import Inputs


def fingerprint(inputs: Inputs) -> str:
    """Return the digest of an input; the same for one that is written in another way."""
    digest = hashlib.sha256()
    for kind, members in (("value", inputs.values), ("file", inputs.files)):
        for name, member in sorted(members.items()):
            content = _content(member)
            digest.update(json.dumps([kind, name, len(content)]).encode() + content)
    return digest.hexdigest()[:32]


def _content(member: Any) -> bytes:
    return member if isinstance(member, bytes) else json.dumps(member, sort_keys=True).encode()
