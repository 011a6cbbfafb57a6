"""X.509 certificates, read: whom they are for, for what, and until when.

Source: RFC 5280 (certificates); RFC 7468 (PEM); RFC 9525, clause 6 (names of servers).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wasmiot_td.access.secret_files import read_private
from wasmiot_td.errors import WasmiotError

MAX_FILE_BYTES = 4 * 1024 * 1024
_USES = {ExtendedKeyUsageOID.SERVER_AUTH: "server", ExtendedKeyUsageOID.CLIENT_AUTH: "client"}


class CertificateError(WasmiotError):
    """A certificate, or the file of one, cannot be used."""


@dataclass(frozen=True)
class Facts:
    """What a certificate says.

    Attributes:
        name: whom it is for.
        issuer: who says so.
        serial: its number there, in hexadecimal.
        hosts: the names and addresses at which its owner may be a server.
        uses: `server`, `client` or `authority`.
        fingerprint: SHA-256 of it, in hexadecimal.
    """

    name: str
    issuer: str
    serial: str
    hosts: tuple[str, ...]
    uses: tuple[str, ...]
    begins: datetime
    ends: datetime
    fingerprint: str

    @property
    def days_left(self) -> int:
        """Whole days until it ends; less than 0 when it is over."""
        return (self.ends - datetime.now(UTC)).days

    def is_for(self, host: str) -> bool:
        """Say whether its owner may be the server that is called by a name or an address."""
        try:
            wanted = str(ip_address(host.strip("[]")))
        except ValueError:
            wanted = host.lower().rstrip(".")
        parent = wanted.partition(".")[2]
        return wanted in self.hosts or (bool(parent) and f"*.{parent}" in self.hosts)


def facts_of(certificate: x509.Certificate) -> Facts:
    """Return what a certificate says."""
    return Facts(
        name=_common_name(certificate.subject),
        issuer=_common_name(certificate.issuer),
        serial=f"{certificate.serial_number:x}",
        hosts=tuple(_hosts(certificate)),
        uses=tuple(_uses(certificate)),
        begins=certificate.not_valid_before_utc,
        ends=certificate.not_valid_after_utc,
        fingerprint=certificate.fingerprint(SHA256()).hex(),
    )


def read_certificate(path: Path) -> x509.Certificate:
    """Return the first certificate of a file, which is its owner's.

    Raises:
        CertificateError: there is none.
    """
    return read_certificates(path)[0]


def read_certificates(path: Path) -> list[x509.Certificate]:
    """Return the certificates of a file.

    Raises:
        CertificateError: it cannot be read, or holds none.
    """
    text = _text(path)
    try:
        return x509.load_pem_x509_certificates(text)
    except ValueError as error:
        what = "a key, and no certificate" if b"PRIVATE KEY-" in text else "no certificate in PEM"
        raise CertificateError(f"{path} holds {what}") from error


def read_revocations(path: Path) -> x509.CertificateRevocationList:
    """Return the list of revoked certificates in a file.

    Raises:
        CertificateError: it cannot be read, or holds none.
    """
    try:
        return x509.load_pem_x509_crl(_text(path))
    except ValueError as error:
        raise CertificateError(f"{path} holds no list of revoked certificates") from error


def refuse_strange_list(path: Path, authorities: Path) -> None:
    """Let a list of revoked certificates pass that one of some authorities has signed.

    Raises:
        CertificateError: it is another's, or a file cannot be used.
    """
    found = read_revocations(path)
    keys = (certificate.public_key() for certificate in read_certificates(authorities))
    if not any(_has_signed(key, found) for key in keys):
        raise CertificateError(f"{path} is of no authority in {authorities}")


def read_authority_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the key of an authority.

    Raises:
        CertificateError: it is none that certificates are signed with here.
        SecretFileError: others may read the file, or it cannot be read.
    """
    try:
        key = load_pem_private_key(read_private(path), password=None)
    except (ValueError, TypeError) as error:
        raise CertificateError(f"{path} holds no key that can be read: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateError(f"{path} holds no key of an elliptic curve, as `certs` makes them")
    return key


def refuse_bad_pair(certificate: Path, key: Path) -> Facts:
    """Return what a certificate says that can be shown now, with its key.

    Raises:
        CertificateError: it is over, or has not begun; the key is another's or cannot be read.
        SecretFileError: others may read the key.
    """
    found = read_certificate(certificate)
    try:
        private = load_pem_private_key(read_private(key), password=None)
    except TypeError as error:
        raise CertificateError(f"{key} is encrypted; a server can only read a plain key") from error
    except ValueError as error:
        raise CertificateError(f"{key} holds no key in PEM") from error
    if private.public_key() != found.public_key():
        raise CertificateError(f"{key} is not the key of {certificate}")
    facts, now = facts_of(found), datetime.now(UTC)
    if facts.ends < now:
        raise CertificateError(f"{certificate} is over since {_said(facts.ends)}; renew it")
    if facts.begins > now:
        message = (
            f"{certificate} begins only at {_said(facts.begins)}; is this machine's clock right?"
        )
        raise CertificateError(message)
    return facts


def _text(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES)
    except OSError as error:
        raise CertificateError(f"{path} cannot be read: {error.strerror}") from error


def _has_signed(key: object, found: x509.CertificateRevocationList) -> bool:
    try:
        return found.is_signature_valid(key)  # type: ignore[arg-type]  # others raise TypeError
    except TypeError:
        return False


def _said(when: datetime) -> str:
    return when.isoformat(timespec="minutes")


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


def _hosts(certificate: x509.Certificate) -> Iterator[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return
    yield from (name.lower() for name in found.value.get_values_for_type(x509.DNSName))
    yield from (str(address) for address in found.value.get_values_for_type(x509.IPAddress))


def _uses(certificate: x509.Certificate) -> Iterator[str]:
    """Yield what a certificate may be used for; one that does not say may be used for all."""
    extensions = certificate.extensions
    try:
        if extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            yield "authority"
            return
    except x509.ExtensionNotFound:
        pass
    try:
        found = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        yield from _USES.values()
        return
    yield from (word for oid, word in _USES.items() if oid in found)
