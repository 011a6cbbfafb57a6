"""JSON Web Tokens: of an issuer, and of servers for each other (the only import of jwt).

Source: RFC 7519 (JWT), RFC 8725 (best practices: the algorithms are fixed here).
"""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jwt

from wasmiot_td.access.keys import Key, public_key

LEEWAY_SECONDS = 30
OAUTH_ALGORITHMS = ("EdDSA", "ES256", "ES384", "PS256", "RS256", "RS384", "RS512")
"""Asymmetric ones only: a secret that the issuer shares is not a key set's to publish."""

LONGEST_SECONDS = 600.0
"""For how long a statement that ends may hold at most."""


class NotAcceptable(Exception):
    """A token is not what it should be; the message says why, for the one who sent it."""


def unverified(token: str) -> tuple[str, str]:
    """Return the issuer and the key id that a token names, to find the key to check it with.

    Raises:
        NotAcceptable: it is no JSON Web Token.
    """
    claims, header = unverified_claims(token), unverified_header(token)
    return str(claims.get("iss", "")), str(header.get("kid", ""))


def checked_access_token(
    token: str, key: Any, *, issuer: str, audience: str
) -> tuple[dict[str, Any], float]:
    """Return the claims of an issuer's access token, and until when it holds.

    Raises:
        NotAcceptable: it is not that issuer's, for another, or over.
    """
    options = {"require": ["iss", "aud", "exp"]}
    claims = _checked(token, key, OAUTH_ALGORITHMS, [audience], options, issuer)
    return claims, float(claims["exp"])


def statement(key: Key, kind: str, claims: Mapping[str, Any]) -> str:
    """Return claims of a kind, signed with the own key."""
    return jwt.encode(dict(claims), key.private, algorithm="EdDSA", headers={"typ": kind})


def checked_statement(
    token: str, public: str, kind: str, *, issuer: str, audience: str, ends: bool = True
) -> dict[str, Any]:
    """Return the claims of a statement that a key has signed.

    Args:
        token: the statement.
        public: the key.
        kind: what it has to be (RFC 8725, clause 3.11): one kind is never taken for another.
        issuer: who must say so.
        audience: whom it must be for.
        ends: whether it must have an end, which is near.

    Raises:
        NotAcceptable: it is not that key's, of another kind, for another, or over.
    """
    options = {"require": ["iss", "sub", "aud", *(["exp"] if ends else [])]}
    if unverified_header(token).get("typ") != kind:
        raise NotAcceptable(f"the token is no {kind}")
    claims = _checked(token, public_key(public), ("EdDSA",), [audience], options, issuer)
    if ends and float(claims["exp"]) - time.time() > LONGEST_SECONDS:
        raise NotAcceptable("the token holds for too long")
    return claims


def unverified_header(token: str) -> dict[str, Any]:
    """Return what a token says about itself.

    Raises:
        NotAcceptable: it is no JSON Web Token.
    """
    try:
        return dict(jwt.get_unverified_header(token))
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise NotAcceptable("it is no JSON Web Token") from error


def unverified_claims(token: str) -> dict[str, Any]:
    """Return what a token claims, whoever signed it.

    Raises:
        NotAcceptable: it is no JSON Web Token.
    """
    try:
        return dict(jwt.decode(token, options={"verify_signature": False}))
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise NotAcceptable("it is no token of this server, and no JSON Web Token") from error


def key_set(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the public keys of a JSON Web Key Set by their ids.

    Raises:
        NotAcceptable: there is no usable key in it.
    """
    try:
        keys = jwt.PyJWKSet.from_json(json.dumps(document)).keys
    except (jwt.PyJWTError, ValueError, AttributeError, TypeError) as error:
        raise NotAcceptable(f"the issuer's key set cannot be used: {error}") from error
    return {key.key_id or "": key.key for key in keys if key.key_type != "oct"}


def _checked(
    token: str,
    key: Any,
    algorithms: Sequence[str],
    audiences: list[str] | None,
    options: Mapping[str, Any],
    issuer: str | None = None,
) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(algorithms),
            audience=audiences,
            issuer=issuer,
            leeway=LEEWAY_SECONDS,
            options=options,  # type: ignore[arg-type]
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise NotAcceptable(f"the token is not acceptable: {error}") from error
    return claims
