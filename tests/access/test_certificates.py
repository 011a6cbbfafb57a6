"""`wasmiot certs`: an authority, what it vouches for, and what it does not do."""

import json
import ssl
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wasmiot_td.access.certificates import facts_of, read_certificate
from wasmiot_td.command_line import main


def wasmiot(*arguments: str) -> Result:
    """Run a command here."""
    return CliRunner().invoke(main, ["certs", *arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with an authority."""
    made = wasmiot("authority", "--dir", str(tmp_path / "certs"))
    assert made.exit_code == 0, made.output
    return tmp_path / "certs"


def issued(folder: Path, name: str, *options: str) -> Path:
    """Return a certificate made now."""
    made = wasmiot("issue", name, "--dir", str(folder), *options)
    assert made.exit_code == 0, made.output
    return folder / f"{name}.pem"


def is_verified(authority: Path, certificate: Path, *options: str) -> bool:
    """Say whether OpenSSL takes a certificate, by the letter of RFC 5280."""
    command = ["openssl", "verify", "-x509_strict", *options, "-CAfile", str(authority)]
    done = subprocess.run([*command, str(certificate)], capture_output=True, check=False)
    return done.returncode == 0


def test_openssl_takes_what_the_authority_makes_for_the_hosts_that_it_says(folder: Path) -> None:
    """A certificate is good for servers and clients at the hosts that were given alone."""
    made = issued(folder, "roof", "--host", "10.0.0.2", "--host", "Roof.local")
    for purpose in ("sslserver", "sslclient"):
        assert is_verified(folder / "ca.pem", made, "-purpose", purpose)
    assert is_verified(folder / "ca.pem", made, "-verify_ip", "10.0.0.2")
    assert is_verified(folder / "ca.pem", made, "-verify_hostname", "roof.local")
    assert not is_verified(folder / "ca.pem", made, "-verify_ip", "10.0.0.3")


def test_two_authorities_do_not_speak_for_each_other(folder: Path, tmp_path: Path) -> None:
    """Even with the same name, they are told apart."""
    wasmiot("authority", "--dir", str(tmp_path / "other"))
    assert not is_verified(tmp_path / "other" / "ca.pem", issued(folder, "roof"))


def test_what_is_issued_is_no_authority(folder: Path, tmp_path: Path) -> None:
    """The key of a device makes no certificate that anybody takes."""
    issued(folder, "roof")
    stolen = tmp_path / "stolen"
    stolen.mkdir()
    for kind in ("pem", "key"):
        (stolen / f"ca.{kind}").write_bytes((folder / f"roof.{kind}").read_bytes())
    (stolen / "ca.key").chmod(0o600)
    forged = issued(stolen, "admin")
    chain = ["-untrusted", str(stolen / "ca.pem")]
    assert not is_verified(folder / "ca.pem", forged, *chain)


def test_keys_are_for_their_owner_and_certificates_for_all(folder: Path) -> None:
    """Keys have mode 0600, certificates 0644."""
    issued(folder, "roof")
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    kept = {name: modes.pop(name) for name in ("ca.crl", "issued.json", ".lock")}
    assert modes == {"ca.pem": 0o644, "ca.key": 0o600, "roof.pem": 0o644, "roof.key": 0o600}
    assert kept == {"ca.crl": 0o644, "issued.json": 0o600, ".lock": 0o644}


def test_python_takes_a_pair(folder: Path) -> None:
    """A key belongs to its certificate."""
    made = issued(folder, "roof")
    ssl.create_default_context(cafile=folder / "ca.pem").load_cert_chain(made, folder / "roof.key")


def test_nothing_is_overwritten(folder: Path) -> None:
    """What is there stays as it is: neither an authority nor a pair is made a second time."""
    before = issued(folder, "roof").read_bytes(), (folder / "ca.key").read_bytes()
    for again in (("authority",), ("issue", "roof"), ("issue", "ca")):
        refused = wasmiot(*again, "--dir", str(folder))
        assert refused.exit_code == 1
        assert "is there already" in refused.output
    assert before == ((folder / "roof.pem").read_bytes(), (folder / "ca.key").read_bytes())


def test_renewing_keeps_the_key_and_the_hosts(folder: Path) -> None:
    """Only the certificate is new, and ends later: the key may be on the device alone."""
    path = issued(folder, "roof", "--host", "roof.local", "--lifetime", "1d")
    old, key = read_certificate(path), (folder / "roof.key").read_bytes()
    (folder / "roof.key").unlink()
    done = wasmiot("renew", "roof", "--dir", str(folder))
    assert done.exit_code == 0, done.output
    new = read_certificate(path)
    assert new.public_key() == old.public_key()
    assert facts_of(new).hosts == facts_of(old).hosts == ("roof.local",)
    assert (facts_of(new).ends - facts_of(old).ends).days == 364
    (folder / "roof.key").write_bytes(key)
    ssl.create_default_context().load_cert_chain(path, folder / "roof.key")


def test_a_renewed_authority_vouches_for_what_it_signed_before(folder: Path) -> None:
    """Both its certificates say the same of a device."""
    made, old = issued(folder, "roof"), (folder / "ca.pem").read_bytes()
    assert wasmiot("renew", "ca", "--dir", str(folder)).exit_code == 0
    assert (folder / "ca.pem").read_bytes() != old
    assert is_verified(folder / "ca.pem", made)


def test_a_certificate_of_another_authority_is_not_renewed(folder: Path, tmp_path: Path) -> None:
    """An authority speaks for its own."""
    other = tmp_path / "other"
    wasmiot("authority", "--dir", str(other))
    (folder / "roof.pem").write_bytes(issued(other, "roof").read_bytes())
    refused = wasmiot("renew", "roof", "--dir", str(folder))
    assert refused.exit_code == 1
    assert "another authority made this certificate" in refused.output


def test_a_certificate_ends_with_its_authority(tmp_path: Path) -> None:
    """None is good for longer than who made it."""
    folder = tmp_path / "certs"
    wasmiot("authority", "--lifetime", "5d", "--dir", str(folder))
    facts = facts_of(read_certificate(issued(folder, "roof")))
    assert facts.ends == facts_of(read_certificate(folder / "ca.pem")).ends


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("issue", "../roof"), "is no name"),
        (("issue", "roof", "--host", "http://roof.local"), "is no host"),
        (("issue", "roof", "--host", "10.0.0.2\x00"), "is no host"),
        (("issue", "roof", "--lifetime", "826d"), "too long: at most 825"),
        (("authority", "--lifetime", "9999d"), "is there already"),
        (("renew", "cellar"), "cannot be read: No such file"),
        (("revoke", "cellar"), "has issued no certificate for"),
        (("issue", "roof", "--lifetime", "soon"), "is no time"),
    ],
)
def test_what_cannot_be_made_is_one_sentence(
    folder: Path, arguments: tuple[str, ...], said: str
) -> None:
    """Names, hosts and lifetimes that are none are refused, and nothing is written."""
    before = sorted(folder.iterdir())
    refused = wasmiot(*arguments, "--dir", str(folder))
    assert refused.exit_code in (1, 2)
    assert said in refused.output
    assert sorted(folder.iterdir()) == before


def test_all_certificates_of_a_name_are_revoked(folder: Path) -> None:
    """Those before a renewal too, and those of others are not; what is revoked is not renewed."""
    old, other = issued(folder, "roof"), issued(folder, "cellar")
    (folder / "before.pem").write_bytes(old.read_bytes())
    wasmiot("renew", "roof", "--dir", str(folder))
    listed = ["-crl_check", "-CRLfile", str(folder / "ca.crl")]
    assert is_verified(folder / "ca.pem", old, *listed)
    told = wasmiot("revoke", "roof", "--dir", str(folder), "--json")
    assert json.loads(told.output)["revoked"] == 2
    for certificate in (old, folder / "before.pem"):
        assert not is_verified(folder / "ca.pem", certificate, *listed)
    assert is_verified(folder / "ca.pem", other, *listed)
    wasmiot("revoke", "cellar", "--dir", str(folder))
    wasmiot("renew", "ca", "--dir", str(folder))
    assert not is_verified(folder / "ca.pem", other, *listed)
    assert not is_verified(folder / "ca.pem", old, *listed)
    assert "is revoked" in wasmiot("renew", "roof", "--dir", str(folder)).output


def test_show_tells_when_a_certificate_ends(folder: Path) -> None:
    """For people, for programs, and by an exit code for who looks at it each night."""
    path = str(issued(folder, "roof", "--host", "roof.local", "--lifetime", "20d"))
    shown = json.loads(wasmiot("show", path, "--json").output)
    assert (shown["name"], shown["hosts"], shown["daysLeft"]) == ("roof", ["roof.local"], 19)
    assert "19 days left" in wasmiot("show", path).output
    assert wasmiot("show", path, "--ends-within", "10d").exit_code == 0
    assert wasmiot("show", path, "--ends-within", "30d").exit_code == 1
    refused = wasmiot("show", str(folder / "roof.key"))
    assert "holds a key, and no certificate" in refused.output


def test_a_file_that_cannot_be_read_has_the_exit_code_of_all_commands(folder: Path) -> None:
    """One that holds something else was read, and is refused."""
    missing, strange = folder / "missing.pem", folder / "strange.pem"
    strange.write_text("strange")
    for arguments in (("show", str(missing)), ("renew", "missing", "--dir", str(folder))):
        unread = wasmiot(*arguments)
        assert "missing.pem cannot be read: No such file" in unread.output
        assert unread.exit_code == 2
    assert wasmiot("show", str(strange)).exit_code == 1
