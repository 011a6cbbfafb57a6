"""JSON Web Tokens of an issuer (the only import of jwt).

Source: RFC 7519 (JWT), RFC 8725 (best practices: the algorithms are fixed here).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import jwt

LEEWAY_SECONDS = 30
OAUTH_ALGORITHMS = ("EdDSA", "ES256", "ES384", "PS256", "RS256", "RS384", "RS512")
"""Asymmetric ones only: a secret that the issuer shares is not a key set's to publish."""


class NotAcceptable(Exception):
    """A token is not what it should be; the message says why, for the one who sent it."""


def unverified(token: str) -> tuple[str, str]:
    """Return the issuer and the key id that a token names, to find the key to check it with.

    Raises:
        NotAcceptable: it is no JSON Web Token.
    """
    try:
        header = jwt.get_unverified_header(token)
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise NotAcceptable("it is no token of this server, and no JSON Web Token") from error
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
