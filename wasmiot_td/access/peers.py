"""Those whose keys are known: an orchestrator's devices, a device's orchestrators."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from wasmiot_td.access.secret_files import changed_object, locked, read_object, write_object

PEERS_FILE = "peers.json"
REVOKED_FILE = "revoked.json"
DEVICE, ORCHESTRATOR = "device", "orchestrator"


@dataclass(frozen=True)
class Peer:
    """A server that joined, or was joined.

    Attributes:
        key: its public key.
        kind: `device` or `orchestrator`.
        name: what people call it.
        bases: the URLs at which it is reached, each with a slash at the end.
        token: the id of the token that it joined by, or was joined by.
    """

    id: str
    key: str
    kind: str
    name: str = ""
    bases: tuple[str, ...] = ()
    token: str = ""


def known_peers(directory: Path) -> dict[str, Peer]:
    """Return the peers of a data directory by their ids.

    Raises:
        SecretFileError: the file cannot be read.
    """
    return peers_of(read_object(directory / PEERS_FILE))


def peers_of(found: Mapping[str, Any]) -> dict[str, Peer]:
    """Return the peers that a document lists."""
    return {id: Peer(id=id, **{**m, "bases": tuple(m["bases"])}) for id, m in found.items()}


def members_of(peer: Peer) -> dict[str, Any]:
    """Return what is kept of a peer."""
    return {name: value for name, value in asdict(peer).items() if name != "id"}


def put_peer(directory: Path, peer: Peer) -> None:
    """Keep a peer; whoever had its id before is forgotten."""
    with changed_object(directory / PEERS_FILE) as kept:
        kept[peer.id] = members_of(peer)


def move_peer(directory: Path, id: str, base: str) -> None:
    """Note where a peer is reached now; no other is reached there any more."""
    with changed_object(directory / PEERS_FILE) as kept:
        for other, peer in peers_of(kept).items():
            bases = (base,) if other == id else tuple(b for b in peer.bases if b != base)
            kept[other] = members_of(replace(peer, bases=bases))


def revoke_peers(directory: Path, wanted: str) -> list[Peer]:
    """Forget the peers of an id or a name, note that their keys count no more, and return them."""
    with locked(directory):
        kept, revoked = (read_object(directory / file) for file in (PEERS_FILE, REVOKED_FILE))
        gone = [p for p in peers_of(kept).values() if wanted in (p.id, p.name)]
        if gone:
            revoked |= {p.key: p.id for p in gone}
            ids = {p.id for p in gone}
            write_object(directory / REVOKED_FILE, revoked)
            remaining = {id: members for id, members in kept.items() if id not in ids}
            write_object(directory / PEERS_FILE, remaining)
    return gone


def revoked_keys(directory: Path) -> dict[str, str]:
    """Return the keys that count no more, with the ids of those who had them; empty if unknown."""
    return {key: str(id) for key, id in read_object(directory / REVOKED_FILE).items()}


def replace_revoked(directory: Path, keys: Iterable[str]) -> None:
    """Keep the keys that an orchestrator says count no more."""
    wanted = dict.fromkeys(keys, "")
    if read_object(directory / REVOKED_FILE).keys() != wanted.keys():
        with changed_object(directory / REVOKED_FILE) as kept:
            kept.clear()
            kept.update(wanted)
