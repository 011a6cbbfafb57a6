"""OAuth 2: access tokens of an issuer, checked with its published keys; and tokens got from one.

Source: RFC 6749, clause 4.4 (client credentials); RFC 8414 (metadata); RFC 9068 (JWT access
tokens); RFC 7517 (key sets).
"""

import base64
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from wasmiot_td.access.roles import Principal, role_of_scopes
from wasmiot_td.errors import InteractionError, ThingProblem
from wasmiot_td.problem import ProblemError
from wasmiot_td.transport import Transport

KEYS_SECONDS = 600.0
RETRY_SECONDS = 5.0
RENEW_SECONDS = 30.0
"""How long before its end a token is replaced."""

FORM = "application/x-www-form-urlencoded"
_WELL_KNOWN = "/.well-known/oauth-authorization-server"
_OPENID = "/.well-known/openid-configuration"


class Issuer:
    """An issuer whose tokens are accepted.

    Args:
        url: the issuer's identifier, as its tokens have it.
        audience: whom its tokens must be for.
        transport: the way to it.
    """

    def __init__(self, url: str, audience: str, transport: Transport) -> None:
        self.url = url
        self.audience = audience
        self._transport = transport
        self._metadata: Mapping[str, Any] = {}
        self._keys: Mapping[str, Any] = {}
        self._asked = -RETRY_SECONDS
        self._lock = threading.Lock()

    @property
    def token_endpoint(self) -> str:
        """Where clients get tokens; empty while the issuer does not say."""
        if not self._metadata:
            self._refresh()
        return str(self._metadata.get("token_endpoint", ""))

    def principal(self, token: str, key_id: str) -> tuple[float, Principal]:
        """Return who shows an access token, and until when.

        Raises:
            NotAcceptable: it is not the issuer's, for somebody else, or over.
            ProblemError: 503, the issuer's keys cannot be had.
        """
        from wasmiot_td.access.json_web_tokens import checked_access_token

        key = self._key(key_id)
        claims, expires = checked_access_token(token, key, issuer=self.url, audience=self.audience)
        scopes = claims.get("scope", claims.get("scp", ""))
        words = " ".join(scopes) if isinstance(scopes, list) else str(scopes)
        name = str(claims.get("client_id") or claims.get("sub") or "a client")
        until = min(expires, time.time() + KEYS_SECONDS)
        return until, Principal(name, role_of_scopes(words))

    def _key(self, key_id: str) -> Any:
        from wasmiot_td.access.json_web_tokens import NotAcceptable

        is_old = time.monotonic() - self._asked > KEYS_SECONDS
        if is_old or (key_id not in self._keys and key_id) or not self._keys:
            self._refresh()
        if key_id in self._keys:
            return self._keys[key_id]
        if not key_id and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        if not self._keys:
            detail = f"the keys of {self.url} cannot be had; try again later"
            raise ProblemError(503, "Issuer not available", detail)
        raise NotAcceptable(f"the issuer has no key {key_id[:60]!r}")

    def _refresh(self) -> None:
        """Ask the issuer, at most every few seconds; what it said before stays if it is silent."""
        from wasmiot_td.access.json_web_tokens import NotAcceptable, key_set

        with self._lock:
            if time.monotonic() - self._asked < RETRY_SECONDS:
                return
            self._asked = time.monotonic()
            try:
                metadata = self._described()
                keys = key_set(self._transport.get_document(str(metadata["jwks_uri"])))
            except (InteractionError, NotAcceptable, KeyError):
                return
            self._metadata, self._keys = metadata, keys

    def _described(self) -> Mapping[str, Any]:
        """Return the issuer's metadata (RFC 8414, clause 3, or where OpenID has it)."""
        parts = urlsplit(self.url)
        path = parts.path.rstrip("/")
        try:
            url = f"{parts.scheme}://{parts.netloc}{_WELL_KNOWN}{path}"
            metadata = self._transport.get_document(url)
        except ThingProblem:
            metadata = self._transport.get_document(self.url.rstrip("/") + _OPENID)
        return metadata if metadata.get("issuer") == self.url else {}


@dataclass(frozen=True)
class Client:
    """How tokens are got by client credentials."""

    token_url: str
    client_id: str
    client_secret: str
    scope: str = ""
    audience: str = ""


class ClientTokens:
    """The access tokens of one client, got anew shortly before they end."""

    def __init__(self, client: Client, transport: Transport) -> None:
        self._client = client
        self._transport = transport
        self._token, self._until = "", 0.0
        self._lock = threading.Lock()

    def token(self) -> str:
        """Return a token that holds for a while.

        Raises:
            InteractionError: the issuer gives none.
        """
        with self._lock:
            if self._until < time.time():
                answer = self._ask()
                self._token = str(answer["access_token"])
                lifetime = float(answer.get("expires_in", 60))
                self._until = time.time() + max(lifetime - RENEW_SECONDS, lifetime / 2)
            return self._token

    def _ask(self) -> Mapping[str, Any]:
        client = self._client
        form = {"grant_type": "client_credentials", "scope": client.scope}
        form |= {"audience": client.audience}
        pair = f"{quote(client.client_id, safe='')}:{quote(client.client_secret, safe='')}"
        response = self._transport.request(
            "POST",
            client.token_url,
            body=urlencode({k: v for k, v in form.items() if v}).encode(),
            headers={
                "Content-Type": FORM,
                "Accept": "application/json",
                "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
            },
        ).checked()
        answer = response.json()
        if not isinstance(answer, dict) or "access_token" not in answer:
            url = client.token_url
            raise ThingProblem(f"{url} answered without a token", url, response.status, {})
        return answer
