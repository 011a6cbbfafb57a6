"""TLS: what a process shows to others, and whom it believes.

A server's certificate is also what it shows as a client, where it is asked for one. Whoever has
authorities of its own believes them and no others.
Source: RFC 8446 (TLS 1.3), clauses 4.4.2 and 6.2 (alerts); RFC 9325 (recommendations).
"""

import argparse
import logging
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from http.client import BadStatusLine
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from wasmiot_td.errors import WasmiotError
from wasmiot_td.renewable_context import RenewableContext

WARNING_DAYS = 30
CERT, KEY, CLIENT_CA, CA, CRL = "tls_cert", "tls_key", "tls_client_ca", "tls_ca", "tls_crl"
_HELP = {
    CERT: "certificate: serve https, and show it to other servers",
    KEY: "its key, of mode 0600",
    CLIENT_CA: "serve only who has a certificate of these authorities",
    CA: "authorities that other servers must be of; as --tls-client-ca where not given",
    CRL: "list of certificates that count no more, as `wasmiot certs revoke` makes it",
}
_NOT_TRUSTED = ("unable to get", "self-signed", "self signed", "unable to verify")
_TLS_ALERT = "\x15\x03"
_ASKED = "it serves only who shows a certificate (--tls-cert, WASMIOT_TLS_CERT)"
_ALERTS = {
    "CERTIFICATE_REQUIRED": _ASKED,
    "HANDSHAKE_FAILURE": _ASKED,
    "UNKNOWN_CA": "it does not know the authority of the certificate that it was shown",
    "CERTIFICATE_REVOKED": "the certificate that it was shown is revoked",
    "CERTIFICATE_EXPIRED": "the certificate that it was shown is over",
    "BAD_CERTIFICATE": "it does not take the certificate that it was shown",
    "WRONG_VERSION_NUMBER": "it speaks no TLS; http:// may be meant",
}
_ANY = ("0.0.0.0", "::", "")
_log = logging.getLogger(__name__)


class TlsError(WasmiotError):
    """What was said about TLS cannot be used."""


class TlsSettings(Protocol):
    """What the settings of a server say about TLS."""

    @property
    def tls_cert(self) -> Path | None:
        """Its certificate, perhaps with those between it and the authority."""

    @property
    def tls_key(self) -> Path | None:
        """The key of that."""

    @property
    def tls_client_ca(self) -> Path | None:
        """The authorities of those who may connect; anybody may where None."""

    @property
    def tls_ca(self) -> Path | None:
        """The authorities of those whom it connects to."""

    @property
    def tls_crl(self) -> Path | None:
        """Which certificates count no more."""

    @property
    def tls_only(self) -> bool:
        """Whether it connects to nobody without TLS."""


@dataclass(frozen=True)
class Tls:
    """The files of one process, in PEM.

    Attributes:
        cert: its certificate, perhaps with those between it and the authority.
        key: the key of that.
        client_ca: the authorities of those who may connect; anybody may where None.
        ca: the authorities of those whom it connects to; those of clients, or else of the
            system, where None.
        crl: which of their certificates count no more.
        is_only: whether it connects to nobody without TLS.
    """

    cert: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    ca: Path | None = None
    crl: Path | None = None
    is_only: bool = False

    @property
    def scheme(self) -> str:
        """By which others reach it."""
        return "https" if self.cert else "http"

    @cached_property
    def client_context(self) -> RenewableContext | None:
        """What is shown and believed at connections to others; None where nothing is said.

        Raises:
            TlsError: a file cannot be used.
        """
        return _client_context(self.cert, self.key, self.ca or self.client_ca, self.crl)


def tls_of(settings: TlsSettings) -> Tls:
    """Return what the settings of a server say."""
    pair = settings.tls_cert, settings.tls_key
    authorities = settings.tls_client_ca, settings.tls_ca
    return Tls(*pair, *authorities, settings.tls_crl, settings.tls_only)


def tls_of_environment(environment: Mapping[str, str] = os.environ) -> Tls:
    """Return what variables say of a client: WASMIOT_TLS_CERT, _KEY, _CA and _CRL."""
    cert, key, ca, crl = (
        _path(environment.get(variable(name), "")) for name in (CERT, KEY, CA, CRL)
    )
    return Tls(cert, key, ca=ca, crl=crl)


def add_tls_options(parser: argparse.ArgumentParser) -> None:
    """Add the options about TLS to a server's; variables of their names say the same."""
    for name, told in _HELP.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=lambda text: Path(text).resolve(),
            default=_path(os.environ.get(variable(name), "")),
            metavar="FILE",
            help=f"{told} ({variable(name)})",
        )
    parser.add_argument("--tls-only", action="store_true", help="connect to nobody without TLS")


def variable(name: str) -> str:
    """Return the environment variable that says the same as an option."""
    return f"WASMIOT_{name.upper()}"


def refuse_unusable(tls: Tls, base_url: str) -> None:
    """Let a server start whose files can be used, and warn where others will not take them.

    Args:
        tls: of the server.
        base_url: under which others reach it.

    Raises:
        SystemExit: a file cannot be used; one sentence says why.
    """
    try:
        for warning in warnings_of(tls, base_url) if tls != Tls() else ():
            _log.warning(warning)
    except WasmiotError as error:
        raise SystemExit(f"error: {error}") from None


def told(error: BaseException) -> str:
    """Return for people what went wrong with TLS; empty if it was something else."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message
        if why.startswith(_NOT_TRUSTED):
            return (
                f"its certificate is of no authority trusted here ({why}): --tls-ca, WASMIOT_TLS_CA"
            )
        return f"its certificate is not taken: {why}"
    if isinstance(error, ssl.SSLError):
        reason = error.reason or ""
        return next((text for word, text in _ALERTS.items() if reason.endswith(word)), "")
    if isinstance(error, BadStatusLine) and str(error.args[0]).startswith(_TLS_ALERT):
        return "it speaks TLS; https:// may be meant"
    return ""


def warnings_of(tls: Tls, base_url: str) -> list[str]:
    """Return what an operator should know of files that can be used; see `refuse_unusable`.

    Raises:
        WasmiotError: one of them cannot be used.
    """
    from wasmiot_td.access.certificates import (
        read_certificates,
        refuse_bad_pair,
        refuse_strange_list,
    )

    if tls.client_ca and not tls.cert:
        raise TlsError("--tls-client-ca needs --tls-cert and --tls-key")
    _refuse_half(tls)
    for file in (tls.client_ca, tls.ca):
        if file:
            read_certificates(file)
            if tls.crl:
                refuse_strange_list(tls.crl, file)
    facts = refuse_bad_pair(tls.cert, tls.key) if tls.cert and tls.key else None
    if tls.client_context is None or facts is None:
        return []
    host, said = urlsplit(base_url).hostname or "", []
    if base_url.startswith("https:") and host not in _ANY and not facts.is_for(host):
        said.append(f"tls_certificate_not_for host={host} hosts={','.join(facts.hosts)}")
    if facts.days_left < WARNING_DAYS:
        said.append(f"tls_certificate_ends days={facts.days_left} file={tls.cert}")
    return said


def _refuse_half(tls: Tls) -> None:
    if bool(tls.cert) != bool(tls.key):
        raise TlsError("--tls-cert and --tls-key belong together: one of them is missing")


@lru_cache(maxsize=8)
def _client_context(
    cert: Path | None, key: Path | None, ca: Path | None, crl: Path | None
) -> RenewableContext | None:
    """Return one context for all connections of a process, which hold for threads alike."""
    if cert is None and key is None and ca is None:
        return None
    _refuse_half(Tls(cert, key))
    return RenewableContext.made(partial(_made_context, cert, key, ca, crl))


def _made_context(
    cert: Path | None, key: Path | None, ca: Path | None, crl: Path | None
) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca)
        if crl is not None:
            context.load_verify_locations(crl)
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    except (OSError, ssl.SSLError) as error:
        raise TlsError(f"{crl or ca} holds nothing to believe: {_why(error)}") from error
    if cert and key:
        try:
            context.load_cert_chain(cert, key, _no_password)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise TlsError(f"{cert} and {key} are no pair to show: {_why(error)}") from error
    return context


def _no_password() -> str:
    """Keep OpenSSL from asking at the terminal."""
    raise ValueError("the key is encrypted")


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _path(text: str) -> Path | None:
    return Path(text).resolve() if text else None
