"""Devices that are known by a key: how they join, where they are, and who may not speak for them.

What is sent to the address of such a device carries a statement for it, so nobody else may have
that address in a description without being asked who they are.
"""

import logging
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Protocol
from urllib.parse import unquote, urljoin, urlsplit

from orchestrator_app.deployment.composing import Deployment
from orchestrator_app.deployment.granting import with_grants
from orchestrator_app.directory.description import RESERVED_PREFIX
from orchestrator_app.directory.things import Directory
from orchestrator_app.settings import Settings
from wasmiot_td.access.assertions import granted
from wasmiot_td.access.authorization import origin_of
from wasmiot_td.access.guard import Guard
from wasmiot_td.access.joining import Host, admit, check_token
from wasmiot_td.access.peer_tokens import PeerTokens
from wasmiot_td.access.peers import DEVICE, move_peer
from wasmiot_td.consumed_thing import Transport
from wasmiot_td.errors import InteractionError
from wasmiot_td.iri import well_formed
from wasmiot_td.own_process import PROCESS_HEADER
from wasmiot_td.problem import ProblemError

_HELD = (
    "{base} is the address of {id} ({name}); if that is gone, `wasmiot token revoke {id}` where "
    "the orchestrator runs, or `wasmiot things remove {id}`, lets another device have it"
)
_COPY = (
    "this device answers at {old} too: its data directory, or a copy of it, is in use twice, and "
    "{base} is not taken until it has ended there; a new device starts with a data directory of "
    "its own"
)

_log = logging.getLogger(__name__)


class Keyed(Protocol):
    """What this needs of the services."""

    @property
    def settings(self) -> Settings:
        """How the orchestrator runs."""

    @property
    def guard(self) -> Guard:
        """Who knows the keys."""

    @property
    def peer_tokens(self) -> PeerTokens:
        """Who has the orchestrator's own key."""

    @property
    def directory(self) -> Directory:
        """Where their descriptions are."""

    @property
    def transport(self) -> Transport:
        """How devices are reached."""


def admit_device(parts: Keyed, request: Any) -> dict[str, str]:
    """Let a device join, and return what it is answered.

    Raises:
        ProblemError: 400, 403 or 409, it may not; 404, nobody may here.
    """
    directory = parts.guard.directory
    if directory is None:
        raise ProblemError(404, "Nobody joins here", "this orchestrator keeps nothing")
    said = request if isinstance(request, dict) else {}
    device, base = str(said.get("device")), said.get("base")
    if well_formed(device) != device or device.startswith(RESERVED_PREFIX):
        raise ProblemError(400, "No join request", "device is an IRI that is a device's to have")
    _check_base(base)
    check_token(directory, request)
    _check_address(parts, device, str(base), is_here=False)
    host = Host(parts.guard.own_id, parts.peer_tokens.key.public, parts.settings.base_url)
    answer = admit(directory, request, host)
    move_peer(directory, device, str(base))
    _log.info("joined device=%s base=%s", device, base)
    return answer


def check_described(parts: Keyed, thing_id: str, described: Any, process: str = "") -> str:
    """Return where a device is by the description that it sends of itself.

    Args:
        parts: what is known here.
        thing_id: the device's id.
        described: what it sends.
        process: which process of the device it is that sends it; empty if that is not said.

    Raises:
        ProblemError: 400, it leads elsewhere; 403, another device is there; 409, the same device
            runs elsewhere too.
    """
    base = described.get("base") if isinstance(described, dict) else ""
    _check_base(base)
    origin = origin_of(str(base))
    elsewhere = sorted({o for o in _origins(described, str(base)) if o != origin})
    if elsewhere:
        detail = f"the description of a device leads to it alone, and not to {elsewhere[0]}"
        raise ProblemError(400, "Address of another", detail)
    _check_address(parts, thing_id, str(base), is_here=True)
    if process:
        _refuse_copy(parts, thing_id, str(base), process)
    return str(base)


def _refuse_copy(parts: Keyed, device: str, base: str, process: str) -> None:
    """Leave a device where it is as long as it answers there, and not in the process that asks."""
    peer = parts.guard.known.peers.get(device)
    for old in peer.bases if peer else ():
        if origin_of(old) == origin_of(base):
            continue
        there = _process_at(parts, device, old)
        if there is not None and there != process:
            _log.warning("copy_refused device=%s at=%s stays_at=%s", device, base, old)
            raise ProblemError(409, "Runs elsewhere too", _COPY.format(old=old, base=base))


def note_address(parts: Keyed, thing_id: str, base: str) -> None:
    """Reach a device from now on where it has said that it is."""
    directory = parts.guard.directory
    peer = parts.guard.known.peers.get(thing_id)
    if directory is not None and peer is not None and peer.bases != (base,):
        _log.warning("moved device=%s from=%s to=%s", thing_id, ",".join(peer.bases), base)
        move_peer(directory, thing_id, base)


def refuse_impersonation(guard: Guard, thing_id: str, described: Mapping[str, Any]) -> None:
    """Let a description pass that nobody vouches for, if it speaks for no device with a key.

    Raises:
        ProblemError: 403, it has the id of such a device, or leads to its address.
    """
    peers = guard.known.peers
    owner = peers.get(str(well_formed(thing_id)))
    if owner is not None:
        detail = f"{thing_id} is known by its key, and this description comes without it"
        own = [origin_of(base) for base in owner.bases]
        raise ProblemError(403, "Known by its key", detail, addresses=own)
    taken = {origin_of(base): peer.id for peer in peers.values() for base in peer.bases}
    for origin in _origins(described, str(described.get("base", ""))) if taken else ():
        if origin in taken:
            detail = f"{thing_id} leads to {origin}, which is {taken[origin]}"
            raise ProblemError(403, "Known by its key", detail)


def grant_shares(
    tokens: PeerTokens, directory: Directory, base_url: str, deployment: Deployment
) -> Deployment:
    """Return a deployment whose shares may use each other where devices are known by keys."""
    if not tokens.peers:
        return deployment
    sign = partial(granted, tokens.key, tokens.own_id)
    return with_grants(deployment, tokens.peers, sign, partial(_described, directory, base_url))


def _described(directory: Directory, base_url: str, url: str) -> Mapping[str, Any] | None:
    start = f"{base_url}things/"
    found = directory.get(unquote(url.removeprefix(start))) if url.startswith(start) else None
    return found.document if found else None


def _check_base(base: Any) -> None:
    is_url = isinstance(base, str) and bool(origin_of(base)) and base.endswith("/")
    if not is_url or urlsplit(base).scheme not in ("http", "https"):
        detail = "base is the URL of the device, with a slash at the end"
        raise ProblemError(400, "No address of a device", detail)


def _check_address(parts: Keyed, device: str, base: str, *, is_here: bool) -> None:
    """Let a device have an address that no other has, or where it answers in its own name now.

    One whose Thing was removed has its address only as long as it answers there.
    """
    if origin_of(base) == origin_of(parts.settings.base_url):
        raise ProblemError(403, "Address of another", f"{base} is the orchestrator")
    holders = [
        peer
        for peer in parts.guard.known.peers.values()
        if peer.kind == DEVICE and peer.id != device and _is_at(peer.bases, base)
    ]
    if is_here and holders and _process_at(parts, device, base) is not None:
        return
    for holder in holders:
        if is_here or _is_still_at(parts, holder.id, base):
            detail = _HELD.format(base=base, id=holder.id, name=holder.name or holder.id)
            raise ProblemError(403, "Address of another", detail)


def _is_still_at(parts: Keyed, device: str, base: str) -> bool:
    is_known = parts.directory.get(device) is not None
    return is_known or _process_at(parts, device, base) is not None


def _process_at(parts: Keyed, device: str, base: str) -> str | None:
    """Return the process of a device that answers at an address, and takes what is for it alone.

    None if nobody does, or another; empty if it does not say which process it is.
    """
    token = parts.peer_tokens.statement(device)
    headers = {"Authorization": f"Bearer {token}"}
    url = urljoin(base, "/properties/health")
    try:
        answer = parts.transport.request("GET", url, headers=headers)
    except InteractionError:
        return None
    return answer.headers.get(PROCESS_HEADER.lower(), "") if answer.status == 200 else None


def _is_at(bases: tuple[str, ...], base: str) -> bool:
    return origin_of(base) in {origin_of(b) for b in bases}


def _origins(value: Any, base: str) -> Iterator[str]:
    """Yield the origins that the addresses of a description lead to."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            if name in ("href", "base") and isinstance(member, str):
                yield origin_of(_joined(base, member))
            else:
                yield from _origins(member, base)
    elif isinstance(value, list):
        for item in value:
            yield from _origins(item, base)


def _joined(base: str, href: str) -> str:
    try:
        return urljoin(base, href)
    except ValueError:
        return ""
