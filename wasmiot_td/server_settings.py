"""What both servers of this system can be told: their settings, and the options of these."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from wasmiot_td import option_values
from wasmiot_td.logs import FORMATS
from wasmiot_td.reach import Network
from wasmiot_td.stopping import SHUTDOWN_SECONDS


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """How a server is reached, whom it serves, and whom it believes.

    Attributes:
        host: the address to listen on.
        public_url: the URL under which others reach this server, where that is not its host and
            port.
        log_format: `text`, or `json` for one object a line.
        shutdown_seconds: how long what runs may take to end when the server is stopped.
        is_insecure: whether other machines may be served without asking for tokens.
        has_public_td: whether anybody may read what this server is.
        oauth_issuer: the OAuth 2 issuer whose access tokens are accepted, if any.
        oauth_audience: whom those tokens must be for.
        trusted_keys: the public keys of which one must have signed each module that is taken in,
            and on a device each installation; none for no such demand.
        credentials: a file with what is shown to other servers, by URL.
        tls_cert: the certificate to serve https with, and to show to other servers.
        tls_key: its key.
        tls_client_ca: the authorities of those who may connect; anybody may where None.
        tls_ca: the authorities that other servers must be of; those of clients where None.
        tls_crl: the list of certificates that count no more, of the authorities that are believed.
        tls_only: whether it connects to nobody without TLS.
        allow_addresses: networks that documents of others may lead to besides (`wasmiot_td.reach`).
        deny_addresses: networks that they may never lead to.
    """

    host: str = "127.0.0.1"
    public_url: str = ""
    log_format: str = "text"
    shutdown_seconds: float = SHUTDOWN_SECONDS
    is_insecure: bool = False
    has_public_td: bool = False
    oauth_issuer: str = ""
    oauth_audience: str = ""
    trusted_keys: tuple[str, ...] = ()
    credentials: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    tls_ca: Path | None = None
    tls_crl: Path | None = None
    tls_only: bool = False
    allow_addresses: tuple[Network, ...] = ()
    deny_addresses: tuple[Network, ...] = ()


def add_server_options(parser: argparse.ArgumentParser, port: int) -> None:
    """Add the options of how a server is reached, logs and ends.

    Args:
        parser: where they are added.
        port: where it listens if nothing is said.
    """
    add, default = parser.add_argument, ServerSettings()
    add("--host", default=default.host, help="address to listen on (%(default)s)")
    add(
        "--port", type=option_values.port, default=port, help="port, 0 for a free one (%(default)s)"
    )
    add(
        "--public-url",
        type=option_values.web_address,
        default="",
        metavar="URL",
        help="URL under which others reach the server",
    )
    add(
        "--log-format", choices=FORMATS, default=default.log_format, help="of the log (%(default)s)"
    )
    add(
        "--shutdown-seconds",
        type=option_values.number,
        default=default.shutdown_seconds,
        metavar="SECONDS",
        help="for what runs to end when told to stop (%(default)s)",
    )
