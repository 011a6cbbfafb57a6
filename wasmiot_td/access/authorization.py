"""What is shown with a request: a token for where it goes, never to another.

Source: RFC 6454 (origin); RFC 6750, clause 2.1 (bearer tokens).
"""

import re
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

from wasmiot_td.transport import HeadedTransport, Transport

_TOKEN = re.compile(r"[\x21-\x7e]+")
_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> str:
    """Return the origin of a URL; empty if it has none."""
    parts = urlsplit(url)
    try:
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname}:{port}" if parts.hostname and port else ""


def is_token(text: str) -> bool:
    """Whether a text can be shown as a token: one line of ASCII without blanks."""
    return _TOKEN.fullmatch(text) is not None


class Tokens(Protocol):
    """Who knows what is shown where."""

    def token(self, url: str) -> str:
        """Return the token to show at a URL; empty without one.

        Raises:
            InteractionError: it has to be got, and cannot be.
        """


class AuthorizedTransport(HeadedTransport):
    """A transport that shows at each URL what belongs there; redirects get nothing of it."""

    def __init__(self, transport: Transport, tokens: Tokens) -> None:
        super().__init__(transport)
        self._tokens = tokens

    def headed(self, url: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Return the headers with a token, unless they have another."""
        token = self._tokens.token(url)
        if not token or "Authorization" in headers:
            return headers
        return {**headers, "Authorization": f"Bearer {token}"}
