"""From settings to a guard and credentials; what both applications begin with.

The process that only watches over a server asks `is_guarded`: HTTP is imported where it is used.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from wasmiot_td.access.guard import Guard
from wasmiot_td.tls import TlsSettings, tls_of

if TYPE_CHECKING:
    from wasmiot_td.transport import Transport

ACCESS = "access"
"""The folder of a data directory with everything secret."""


class AccessSettings(TlsSettings, Protocol):
    """What the settings of a server say about access."""

    @property
    def data_dir(self) -> Path | None:
        """Where `access/` is."""

    @property
    def oauth_issuer(self) -> str:
        """The issuer whose tokens are accepted; empty for none."""

    @property
    def oauth_audience(self) -> str:
        """Whom they must be for."""

    @property
    def credentials(self) -> Path | None:
        """The file with what is shown to others."""


def open_guard(
    settings: AccessSettings,
    transport: "Transport | None" = None,
    *,
    own_id: str = "",
    is_guarded: bool = False,
) -> Guard:
    """Return the guard of a server.

    Args:
        settings: of the server.
        transport: the way to the issuer; HTTP when None.
        own_id: what peers call this server.
        is_guarded: whether nobody comes in unasked even where nobody is known yet.

    Raises:
        ValueError: an issuer is named and no audience.
    """
    directory = settings.data_dir / ACCESS if settings.data_dir else None
    if not settings.oauth_issuer:
        return Guard(directory, own_id=own_id, is_guarded=is_guarded)
    if not settings.oauth_audience:
        raise ValueError("--oauth-issuer needs --oauth-audience: tokens for others are not for us")
    from wasmiot_td.access.oauth import Issuer
    from wasmiot_td.http_transport import HttpTransport

    way = transport or HttpTransport(timeout_seconds=5, tls=tls_of(settings))
    issuer = Issuer(settings.oauth_issuer, settings.oauth_audience, way)
    return Guard(directory, issuer=issuer, own_id=own_id)


def with_credentials(
    transport: "Transport", file: Path | None, issuers: "Transport | None" = None
) -> "Transport":
    """Return a transport that shows what a file says, by origin; the same one without a file.

    Args:
        transport: the way to others.
        file: what is shown to them.
        issuers: the way to who gives tokens, whom the file names; the same one when None.

    Raises:
        SecretFileError: others may read the file, or it says something else.
    """
    if file is None:
        return transport
    from wasmiot_td.access.authorization import AuthorizedTransport
    from wasmiot_td.access.credentials import Credentials, read_credentials

    credentials = Credentials()
    read_credentials(file, credentials, issuers or transport)
    return AuthorizedTransport(transport, credentials)


def is_guarded(settings: AccessSettings) -> bool:
    """Say whether a server will ask who somebody is, be it for a certificate."""
    is_asking = settings.oauth_issuer or settings.tls_client_ca
    return bool(is_asking) or not open_guard(settings).is_open
