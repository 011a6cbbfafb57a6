"""Who a server is, said with its own key, in tokens that hold for minutes and for one other server.

A supervisor and its orchestrator know each other's keys from joining. Two supervisors do not: the
orchestrator grants to one of them, by its key, the use of what it has deployed on the other. Such
a grant stands in a deployment, where anybody may read it; it is worth nothing without that key.
It holds as long as what it is for, so that devices go on without an orchestrator.

Source: RFC 7519 (JWT), RFC 8037 (EdDSA), RFC 8725 (best practices), RFC 7800 (proof of possession).
"""

import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from wasmiot_td.access.json_web_tokens import (
    NotAcceptable,
    checked_statement,
    statement,
    unverified_claims,
)
from wasmiot_td.access.keys import Key
from wasmiot_td.access.peers import DEVICE, ORCHESTRATOR, Peer
from wasmiot_td.access.roles import Principal, Role

LIFETIME_SECONDS = 300
"""There is no `iat`: of two clocks that differ, one would see a statement of the future."""

ASSERTION, GRANT = "wasmiot-assertion+jwt", "wasmiot-grant+jwt"


@dataclass(frozen=True)
class Grant:
    """The permission for a device to use installations of another.

    Attributes:
        device: who may use them.
        key: the key of that device.
        audience: the device that they are on.
        base: where that is, with a slash at the end.
        installations: their names there.
    """

    device: str
    key: str
    audience: str
    base: str
    installations: tuple[str, ...]


def assertion(key: Key, own_id: str, audience: str, grant: str = "") -> tuple[str, float]:
    """Return a statement of who asks whom, and until when it holds."""
    claims: dict[str, Any] = {"iss": own_id, "sub": own_id, "aud": audience}
    claims |= {"exp": int(time.time()) + LIFETIME_SECONDS, **({"grant": grant} if grant else {})}
    return statement(key, ASSERTION, claims), float(claims["exp"])


def granted(key: Key, own_id: str, grant: Grant) -> str:
    """Return a grant as a text; the same for the same grant, so that no deployment differs."""
    claims = {"iss": own_id, "sub": grant.device, "aud": grant.audience, "key": grant.key}
    names = sorted(grant.installations)
    return statement(key, GRANT, {**claims, "base": grant.base, "installations": names})


def read_grant(text: str) -> Grant:
    """Return what a grant says, to one who need not check it: its holder.

    Raises:
        NotAcceptable: it is no grant.
    """
    return _grant_of(unverified_claims(text))


def principal_of_assertion(
    token: str, own_id: str, peers: Mapping[str, Peer], revoked: Mapping[str, str]
) -> tuple[float, Principal]:
    """Return who says who they are, and until when that holds.

    Args:
        token: what they say.
        own_id: whom it must be said to.
        peers: those whose keys are known.
        revoked: keys that count no more, with the ids of those who had them.

    Raises:
        NotAcceptable: nobody who is known says so, not to this server, or not now.
    """
    claims = unverified_claims(token)
    peer = peers.get(str(claims.get("iss", "")))
    if peer is None:
        _tell_if_revoked(token, claims, own_id, revoked)
        return _granted_principal(token, claims, own_id, peers, revoked)
    claims = _asserted(token, peer.id, peer.key, own_id)
    if peer.kind == ORCHESTRATOR:
        return float(claims["exp"]), Principal(peer.id, Role.DEPLOY, peer.id)
    return float(claims["exp"]), Principal(peer.id, Role.READ, peer.id, frozenset({peer.id}))


def _tell_if_revoked(
    token: str, claims: Mapping[str, Any], own_id: str, revoked: Mapping[str, str]
) -> None:
    """Tell one whose key was revoked, and nobody who does not have that key.

    Raises:
        NotAcceptable: it was.
    """
    issuer = claims.get("iss")
    for key in [key for key, id in revoked.items() if id and id == issuer]:
        with suppress(NotAcceptable):
            _asserted(token, str(issuer), key, own_id)
            break
    else:
        return
    raise NotAcceptable(f"the key of {issuer} was revoked; a new join token lets it in again")


def _granted_principal(
    token: str,
    claims: Mapping[str, Any],
    own_id: str,
    peers: Mapping[str, Peer],
    revoked: Collection[str],
) -> tuple[float, Principal]:
    text = claims.get("grant")
    if not isinstance(text, str):
        raise NotAcceptable("its issuer is not known here")
    issuer = peers.get(str(unverified_claims(text).get("iss", "")))
    if issuer is None or issuer.kind == DEVICE:
        raise NotAcceptable("its grant is of nobody who may grant here")
    said = checked_statement(text, issuer.key, GRANT, issuer=issuer.id, audience=own_id, ends=False)
    grant = _grant_of(said)
    if grant.key in revoked:
        raise NotAcceptable(f"the key of {grant.device} was revoked")
    claims = _asserted(token, grant.device, grant.key, own_id)
    own = frozenset(grant.installations)
    return float(claims["exp"]), Principal(grant.device, Role.PUBLIC, grant.device, own)


def _asserted(token: str, issuer: str, key: str, own_id: str) -> dict[str, Any]:
    claims = checked_statement(token, key, ASSERTION, issuer=issuer, audience=own_id)
    if claims["sub"] != issuer:
        raise NotAcceptable("the token speaks for another")
    return claims


def _grant_of(claims: Mapping[str, Any]) -> Grant:
    names = claims.get("installations")
    words = [claims.get(name) for name in ("sub", "key", "aud", "base")]
    if not isinstance(names, list) or not all(isinstance(w, str) for w in [*words, *names]):
        raise NotAcceptable("it is no grant")
    device, key, audience, base = map(str, words)
    return Grant(device, key, audience, base, tuple(names))
