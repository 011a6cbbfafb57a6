"""What a device and an orchestrator say to each other when the device joins.

The device names its id, its key and where it is reached; the orchestrator answers with its own.
Each proves its words with the secret of the join token, and the device signs them besides, so that
it cannot come with somebody else's key. Said again by the same device, the answer is the same: an
answer that was lost costs no token.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wasmiot_td.access.join_tokens import (
    JOINS_FILE,
    JoinToken,
    is_proven,
    join_members,
    join_tokens_of,
    kept_join_tokens,
    parts_of,
    proof,
)
from wasmiot_td.access.keys import Key, public_key, verify
from wasmiot_td.access.peers import (
    DEVICE,
    ORCHESTRATOR,
    PEERS_FILE,
    REVOKED_FILE,
    Peer,
    members_of,
    peers_of,
)
from wasmiot_td.access.secret_files import locked, read_object, write_object
from wasmiot_td.problem import ProblemError

MAX_REQUEST_BYTES = 16 * 1024
MAX_TEXT_LENGTH = 2000
_MEMBERS = ("token", "device", "key", "base", "proof", "signature")


@dataclass(frozen=True)
class Host:
    """The orchestrator that is joined."""

    id: str
    key: str
    base: str


def request_of(text: str, device: str, key: Key, base: str) -> dict[str, str]:
    """Return what a device says.

    Raises:
        ValueError: the text is no join token.
    """
    token, verifier = parts_of(text)
    words = _request_words(token, device, key.public, base)
    return {
        "token": token,
        "device": device,
        "key": key.public,
        "base": base,
        "proof": proof(verifier, words),
        "signature": key.sign("\0".join(words).encode()),
    }


def host_of(text: str, request: Mapping[str, str], answer: Any) -> Peer:
    """Return the orchestrator that has answered.

    Raises:
        ValueError: it did not prove that it knows the token.
    """
    said = {m: str(answer.get(m, "")) for m in ("orchestrator", "key", "base", "proof")}
    token, verifier = parts_of(text)
    words = _answer_words(request["proof"], Host(said["orchestrator"], said["key"], said["base"]))
    if not is_proven(verifier, words, said["proof"]):
        raise ValueError("whoever answered does not know the join token")
    public_key(said["key"])
    bases = (said["base"],)
    return Peer(said["orchestrator"], said["key"], ORCHESTRATOR, bases=bases, token=token)


def check_token(directory: Path, request: Any) -> None:
    """Let one pass who proves to know a join token that counts; nothing is kept of it yet.

    Raises:
        ProblemError: 400 for something else, 403 for a token that does not count.
    """
    _token(kept_join_tokens(directory), _read(request))


def admit(directory: Path, request: Any, host: Host) -> dict[str, str]:
    """Let a device join, and return what it is answered.

    Args:
        directory: `access/` of the orchestrator's data directory.
        request: what the device says.
        host: the orchestrator.

    Raises:
        ProblemError: 400 for something else, 403 for a token that does not count, 409 for an id
            that is another's.
    """
    said = _read(request)
    with locked(directory):
        found = {
            file: read_object(directory / file) for file in (JOINS_FILE, PEERS_FILE, REVOKED_FILE)
        }
        token = _token(join_tokens_of(found[JOINS_FILE]), said)
        if token.key in found[REVOKED_FILE]:
            raise _refused("the key was revoked; a new join token lets it in again")
        peer = Peer(said["device"], said["key"], DEVICE, token.name, (said["base"],), token.id)
        _check_id(peers_of(found[PEERS_FILE]), peer, host)
        found[PEERS_FILE][peer.id] = members_of(peer)
        found[REVOKED_FILE].pop(peer.key, None)
        found[JOINS_FILE][token.id] = join_members(replace(token, key=peer.key))
        for file, content in reversed(found.items()):
            write_object(directory / file, content)
    words = _answer_words(said["proof"], host)
    mine = {"orchestrator": host.id, "key": host.key, "base": host.base}
    return {**mine, "proof": proof(token.verifier, words)}


def _read(request: Any) -> dict[str, str]:
    if not isinstance(request, dict):
        raise ProblemError(400, "No join request", "a JSON object is expected")
    for name in _MEMBERS:
        value = request.get(name)
        if not isinstance(value, str) or not value.isprintable() or len(value) > MAX_TEXT_LENGTH:
            detail = f"{name} is a text of at most {MAX_TEXT_LENGTH} characters"
            raise ProblemError(400, "No join request", detail)
    return {name: request[name] for name in _MEMBERS}


def _token(known: Mapping[str, JoinToken], said: Mapping[str, str]) -> JoinToken:
    token = known.get(said["token"])
    words = _request_words(said["token"], said["device"], said["key"], said["base"])
    if token is None or not is_proven(token.verifier, words, said["proof"]):
        raise _refused("the join token is unknown or was revoked")
    if not verify(said["key"], said["signature"], "\0".join(words).encode()):
        raise _refused("the signature is not that of the key")
    if token.key not in ("", said["key"]):
        raise _refused("the join token has been used already; each device needs its own")
    if token.is_over(datetime.now(UTC)):
        raise _refused("the time of the join token is over")
    if token.device not in ("", said["device"]):
        raise _refused(f"the join token is for {token.device} alone")
    return token


def _check_id(known: Mapping[str, Peer], peer: Peer, host: Host) -> None:
    owner = known.get(peer.id)
    if peer.id == host.id or (owner is not None and owner.key != peer.key):
        detail = f"{peer.id} is known by another key; `wasmiot token revoke` frees the id"
        raise ProblemError(409, "Id taken", detail)
    other = next((p for p in known.values() if p.key == peer.key and p.id != peer.id), None)
    if other is not None:
        raise ProblemError(409, "Key taken", f"this is the key of {other.id}")


def _refused(detail: str) -> ProblemError:
    return ProblemError(403, "Join refused", detail)


def _request_words(token: str, device: str, key: str, base: str) -> tuple[str, ...]:
    return ("wasmiot join 1", token, device, key, base)


def _answer_words(request_proof: str, host: Host) -> tuple[str, ...]:
    return ("wasmiot joined 1", request_proof, host.id, host.key, host.base)
