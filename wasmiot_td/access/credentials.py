"""What is shown to whom: credentials by the origin that is asked, never to another.

Source: RFC 6454 (origin).
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from wasmiot_td.access.oauth import Client, ClientTokens
from wasmiot_td.access.secret_files import SecretFileError, read_object, read_private
from wasmiot_td.transport import Answer, Body, Transport

Source = Callable[[], str]
"""Returns the token to show now."""

_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> str:
    """Return the origin of a URL; empty if it has none."""
    parts = urlsplit(url)
    try:
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname}:{port}" if parts.hostname and port else ""


class Credentials:
    """Tokens by origin."""

    def __init__(self) -> None:
        self._by_origin: dict[str, Source] = {}

    def show(self, url: str, source: Source) -> None:
        """Show a token to the origin of a URL from now on."""
        if origin := origin_of(url):
            self._by_origin = {**self._by_origin, origin: source}

    def token(self, url: str) -> str:
        """Return the token to show at a URL; empty without one.

        Raises:
            InteractionError: it has to be got, and cannot be.
        """
        source = self._by_origin.get(origin_of(url)) if self._by_origin else None
        return source() if source else ""


class AuthorizedTransport(Transport):
    """A transport that shows at each URL what belongs there; redirects get nothing of it."""

    def __init__(self, transport: Transport, credentials: Credentials) -> None:
        self._transport = transport
        self._credentials = credentials

    def open(
        self,
        method: str,
        url: str,
        *,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[Answer]:
        """Send a request; see `Transport.open`."""
        token = self._credentials.token(url)
        if token and "Authorization" not in (headers or {}):
            headers = {**(headers or {}), "Authorization": f"Bearer {token}"}
        return self._transport.open(method, url, body=body, headers=headers)


def read_credentials(path: Path, credentials: Credentials, transport: Transport) -> None:
    """Add the credentials of a file of mode 0600.

    It is a JSON object: by URL, `{"bearer": token}` or `{"oauth2": {"token": URL, "client_id": …,
    "client_secret": …, "scope": …}}`.

    Raises:
        SecretFileError: others may read it, or it says something else.
    """
    read_private(path)
    for url, entry in read_object(path).items():
        try:
            credentials.show(url, _source(entry, transport))
        except (KeyError, TypeError, AttributeError) as error:
            message = f'{path}: {url}: {{"bearer": …}} or {{"oauth2": {{…}}}} is expected'
            raise SecretFileError(message) from error


def _source(entry: Any, transport: Transport) -> Source:
    if "bearer" in entry:
        token = str(entry["bearer"])
        return lambda: token
    given = entry["oauth2"]
    client = Client(
        given["token"],
        given["client_id"],
        given["client_secret"],
        given.get("scope", ""),
        given.get("audience", ""),
    )
    return ClientTokens(client, transport).token
