"""A small authority: it says who is who, to those who trust its certificate.

Keys are of the curve P-256, which every TLS library, node and browsers take. A certificate is
for servers and clients alike, since each server here is also a client of others.
Source: RFC 5280, clauses 4.1 and 4.2; CA/Browser Forum baseline requirements, clause 6.3.2 (days).
"""

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wasmiot_td.access.certificates import CertificateError, facts_of

MAX_AUTHORITY_DAYS = 3653
MAX_DAYS = 825
"""Longer than that, browsers take no certificate of a server, whoever made it."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_CLOCKS = timedelta(hours=1)
"""How far the clocks of devices may be behind."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}")
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*\.?")
_SERVER = frozenset({"digital_signature"})
_AUTHORITY = frozenset({"key_cert_sign", "crl_sign"})
_KEY_USES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)

Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Authority:
    """Who makes certificates."""

    certificate: x509.Certificate
    key: Key


def make_authority(name: str, lifetime: timedelta) -> Authority:
    """Make an authority, which no other is mistaken for.

    Raises:
        CertificateError: the name is none, or the lifetime too long.
    """
    refuse_bad_name(name)
    key = new_key()
    made = f"{name} {secrets.token_hex(4)}"
    return Authority(_authority_certificate(made, key, lifetime), key)


def renewed_authority(authority: Authority, lifetime: timedelta) -> x509.Certificate:
    """Return a new certificate of an authority: what it signed before stays good."""
    return _authority_certificate(facts_of(authority.certificate).name, authority.key, lifetime)


def issue(
    authority: Authority,
    name: str,
    hosts: Sequence[str],
    public_key: ec.EllipticCurvePublicKey,
    lifetime: timedelta,
) -> x509.Certificate:
    """Return a certificate for a server and client; it ends with the authority at the latest.

    Raises:
        CertificateError: the name or a host is none, or the authority is over.
    """
    refuse_bad_name(name)
    issuer = authority.certificate
    begins, ends = _period(lifetime, MAX_DAYS)
    ends = min(ends, issuer.not_valid_after_utc)
    if issuer.not_valid_after_utc <= datetime.now(UTC):
        raise CertificateError("the authority is over; renew it first")
    names = x509.SubjectAlternativeName([general_name(host) for host in hosts])
    uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    builder = _builder(name, issuer.subject, public_key, begins, ends)
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(_SERVER), critical=True)
        .add_extension(uses, critical=False)
        .add_extension(names, critical=False)
        .add_extension(_authority_id(authority.key), critical=False)
        .sign(authority.key, SHA256())
    )


def renewed(
    authority: Authority, certificate: x509.Certificate, lifetime: timedelta
) -> x509.Certificate:
    """Return a certificate like another, for the same key, that ends later.

    Raises:
        CertificateError: another authority made it.
    """
    try:
        certificate.verify_directly_issued_by(authority.certificate)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise CertificateError("another authority made this certificate") from error
    facts, key = facts_of(certificate), certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return issue(authority, facts.name, facts.hosts, key, lifetime)


def refuse_bad_name(name: str) -> None:
    """Let names pass that files can have, and certificates.

    Raises:
        CertificateError: it is another.
    """
    if not _NAME.fullmatch(name):
        raise CertificateError(f"{name[:80]!r} is no name: letters, digits, `.`, `_` and `-`")


def revocations(
    authority: Authority, before: Iterable[x509.RevokedCertificate], *serials: int
) -> x509.CertificateRevocationList:
    """Return the list of what an authority vouches for no more: what was on it, and some more.

    It holds as long as the authority: whoever has the file heeds it.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    issuer = authority.certificate
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(now - _CLOCKS)
        .next_update(issuer.not_valid_after_utc)
        .add_extension(_authority_id(authority.key), critical=False)
        .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
    )
    made = (x509.RevokedCertificateBuilder(s, now).build() for s in serials)
    known = {entry.serial_number: entry for entry in (*made, *before)}
    for entry in known.values():
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(authority.key, SHA256())


def general_name(host: str) -> x509.GeneralName:
    """Return the name or address of a server as a certificate says it.

    Raises:
        CertificateError: it is none.
    """
    try:
        return x509.IPAddress(ip_address(host.strip("[]")))
    except ValueError:
        pass
    name = host.lower().rstrip(".")
    if not _HOST.fullmatch(name) or len(name) > 253:
        message = f"{host[:80]!r} is no host, such as roof.local or 10.0.0.2"
        raise CertificateError(message)
    return x509.DNSName(name)


def new_key() -> Key:
    """Return a new key."""
    return ec.generate_private_key(ec.SECP256R1())


def certificate_pem(certificate: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    """Return a certificate, or a list of revoked ones, as a file has it."""
    return certificate.public_bytes(Encoding.PEM)


def key_pem(key: Key) -> bytes:
    """Return a key as a file has it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _authority_certificate(name: str, key: Key, lifetime: timedelta) -> x509.Certificate:
    subject = _subject(name)
    begins, ends = _period(lifetime, MAX_AUTHORITY_DAYS)
    return (
        _builder(name, subject, key.public_key(), begins, ends)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(_AUTHORITY), critical=True)
        .add_extension(_authority_id(key), critical=False)
        .sign(key, SHA256())
    )


def _builder(
    name: str,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    begins: datetime,
    ends: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _authority_id(key: Key) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _key_usage(allowed: frozenset[str]) -> x509.KeyUsage:
    return x509.KeyUsage(**{use: use in allowed for use in _KEY_USES})


def _period(lifetime: timedelta, max_days: int) -> tuple[datetime, datetime]:
    """Return from when until when.

    Raises:
        CertificateError: that is too long.
    """
    if lifetime > timedelta(days=max_days):
        raise CertificateError(f"{lifetime.days} days is too long: at most {max_days}")
    now = datetime.now(UTC).replace(microsecond=0)
    return now - _CLOCKS, now + lifetime
