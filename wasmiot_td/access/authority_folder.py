"""The folder of an authority: `ca.pem`, `ca.key`, `ca.crl`, and a pair for each name.

`issued.json` notes which certificates a name has had, so that all of them can be revoked.
"""

from datetime import timedelta
from pathlib import Path

from cryptography import x509

from wasmiot_td.access import authority as authorities
from wasmiot_td.access.authority import Authority
from wasmiot_td.access.certificates import (
    CertificateError,
    facts_of,
    read_authority_key,
    read_certificate,
    read_revocations,
)
from wasmiot_td.access.secret_files import changed_object, read_object, write_secret

AUTHORITY = "ca"
ISSUED_FILE = "issued.json"


def certificate_path(folder: Path, name: str) -> Path:
    """Return where the certificate of a name is."""
    return folder / f"{name}.pem"


def key_path(folder: Path, name: str) -> Path:
    """Return where the key of a name is."""
    return folder / f"{name}.key"


def make(folder: Path, name: str, lifetime: timedelta) -> x509.Certificate:
    """Make an authority, whose list of revoked certificates is empty.

    Raises:
        CertificateError: there is one, the name is none, or the lifetime too long.
    """
    refuse_existing(folder, AUTHORITY)
    made = authorities.make_authority(name, lifetime)
    write_secret(key_path(folder, AUTHORITY), authorities.key_pem(made.key))
    _write_public(certificate_path(folder, AUTHORITY), made.certificate)
    _write_public(_list_path(folder), authorities.revocations(made, ()))
    return made.certificate


def issue(folder: Path, name: str, hosts: tuple[str, ...], lifetime: timedelta) -> x509.Certificate:
    """Make a pair.

    Raises:
        CertificateError: there is one of that name, or it cannot be made.
        SecretFileError: the key of the authority cannot be read.
    """
    refuse_existing(folder, name)
    authority, key = authority_in(folder), authorities.new_key()
    made = authorities.issue(authority, name, hosts, key.public_key(), lifetime)
    _note(folder, name, made)
    write_secret(key_path(folder, name), authorities.key_pem(key))
    _write_public(certificate_path(folder, name), made)
    return made


def renew(folder: Path, name: str, lifetime: timedelta) -> x509.Certificate:
    """Make the certificate of a name anew, for the same key and hosts.

    Raises:
        CertificateError: there is none, or it is revoked, or another authority's.
    """
    authorities.refuse_bad_name(name)
    authority, old = authority_in(folder), read_certificate(certificate_path(folder, name))
    if any(entry.serial_number == old.serial_number for entry in _revoked(folder)):
        raise CertificateError(f"{certificate_path(folder, name)} is revoked")
    made = authorities.renewed(authority, old, lifetime)
    _note(folder, name, made)
    _write_public(certificate_path(folder, name), made)
    return made


def renew_authority(folder: Path, lifetime: timedelta) -> x509.Certificate:
    """Make the certificate of the authority anew, and its list, which ends with it."""
    authority = authority_in(folder)
    made = authorities.renewed_authority(authority, lifetime)
    _write_public(certificate_path(folder, AUTHORITY), made)
    renewed = Authority(made, authority.key)
    _write_public(_list_path(folder), authorities.revocations(renewed, _revoked(folder)))
    return made


def revoke(folder: Path, name: str) -> int:
    """Put all certificates that a name has had on the list; return how many that are.

    Raises:
        CertificateError: it has had none.
    """
    authorities.refuse_bad_name(name)
    authority = authority_in(folder)
    serials = [int(text, 16) for text in read_object(folder / ISSUED_FILE).get(name, ())]
    if not serials:
        raise CertificateError(f"{folder} has issued no certificate for {name!r}")
    made = authorities.revocations(authority, _revoked(folder), *serials)
    _write_public(_list_path(folder), made)
    return len(serials)


def authority_in(folder: Path) -> Authority:
    """Return the authority of a folder.

    Raises:
        CertificateError: there is none, or its files do not belong together.
        SecretFileError: others may read its key.
    """
    certificate, key = certificate_path(folder, AUTHORITY), key_path(folder, AUTHORITY)
    if not certificate.exists() and not key.exists():
        raise CertificateError(f"{folder} has no authority; `wasmiot certs authority` makes one")
    found = Authority(read_certificate(certificate), read_authority_key(key))
    if found.certificate.public_key() != found.key.public_key():
        raise CertificateError(f"{key} is not the key of {certificate}")
    return found


def refuse_existing(folder: Path, name: str) -> None:
    """Let names pass that have no files yet.

    Raises:
        CertificateError: one has, or it is no name.
    """
    authorities.refuse_bad_name(name)
    for path in (certificate_path(folder, name), key_path(folder, name)):
        if path.exists():
            raise CertificateError(f"{path} is there already; renew it, or take it away first")


def _note(folder: Path, name: str, certificate: x509.Certificate) -> None:
    with changed_object(folder / ISSUED_FILE) as issued:
        issued[name] = [*issued.get(name, ()), facts_of(certificate).serial]


def _revoked(folder: Path) -> list[x509.RevokedCertificate]:
    path = _list_path(folder)
    return list(read_revocations(path)) if path.exists() else []


def _list_path(folder: Path) -> Path:
    return folder / f"{AUTHORITY}.crl"


def _write_public(path: Path, content: x509.Certificate | x509.CertificateRevocationList) -> None:
    write_secret(path, authorities.certificate_pem(content))
    path.chmod(0o644)
