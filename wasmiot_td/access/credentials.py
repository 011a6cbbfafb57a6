"""What a person has given to be shown: credentials by the origin that is asked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from wasmiot_td.access.authorization import is_token, origin_of
from wasmiot_td.access.oauth import Client, ClientTokens
from wasmiot_td.access.secret_files import SecretFileError, read_object, read_private
from wasmiot_td.transport import Transport

Source = Callable[[], str]
"""Returns the token to show now."""


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
        except ValueError as error:  # which does not show it
            raise SecretFileError(f"{path}: {url}: {error}") from None
        except (KeyError, TypeError, AttributeError) as error:
            message = f'{path}: {url}: {{"bearer": …}} or {{"oauth2": {{…}}}} is expected'
            raise SecretFileError(message) from error


def _source(entry: Any, transport: Transport) -> Source:
    if "bearer" in entry:
        token = str(entry["bearer"])
        if not is_token(token):
            raise ValueError("its token is none: one line of ASCII without blanks is expected")
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
