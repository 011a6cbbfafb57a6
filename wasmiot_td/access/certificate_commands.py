"""`wasmiot certs`: an authority of one's own, and the certificates that it makes.

They work on a folder: `ca.pem` and `ca.key` are the authority's, `NAME.pem` and `NAME.key` a
server's or a person's. The keys are of mode 0600; only `ca.pem` goes to everybody.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from wasmiot_td import terminal
from wasmiot_td.access import authority as authorities
from wasmiot_td.access.certificates import (
    CertificateError,
    Facts,
    facts_of,
    read_authority_key,
    read_certificate,
)
from wasmiot_td.access.commands import Duration
from wasmiot_td.access.secret_files import write_secret
from wasmiot_td.command_line import IS_JSON, CommandFailed

AUTHORITY = "ca"
YEAR = timedelta(days=365)
directory = click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("certs"),
    show_default=True,
    help="The folder of the authority.",
)


def _note_json(context: click.Context, _: click.Parameter, is_json: bool) -> bool:
    context.meta[IS_JSON] = is_json
    return is_json


is_json = click.option(
    "--json", "is_json", is_flag=True, is_eager=True, callback=_note_json, help="Answer with JSON."
)


years = click.option(
    "--lifetime",
    type=Duration(),
    default="3650d",
    show_default=True,
    metavar="TIME",
    help="How long it is good.",
)
days = click.option(
    "--lifetime",
    type=Duration(),
    metavar="TIME",
    help=f"How long it is good: 365d where not said, at most {authorities.MAX_DAYS}d.",
)


@click.group()
def certs() -> None:
    """Certificates for TLS: an authority of one's own and what it vouches for."""


@certs.command("authority")
@click.option("--name", default="wasmiot", show_default=True, help="What people call it.")
@years
@directory
@is_json
def authority_(name: str, lifetime: timedelta, directory: Path, is_json: bool) -> None:
    """Make an authority: ca.pem, for everybody, and ca.key, for nobody else."""
    _refuse_existing(directory, AUTHORITY)
    made = authorities.make_authority(name, lifetime)
    write_secret(directory / f"{AUTHORITY}.key", authorities.key_pem(made.key))
    _write(directory, AUTHORITY, authorities.certificate_pem(made.certificate))
    _tell(directory, AUTHORITY, facts_of(made.certificate), is_json)


@certs.command()
@click.argument("name")
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="HOST",
    help="A name or address at which others reach it; several. This machine alone without.",
)
@days
@directory
@is_json
def issue(
    name: str, hosts: tuple[str, ...], lifetime: timedelta | None, directory: Path, is_json: bool
) -> None:
    """Make a key and a certificate for a server, a device or a person: NAME.key and NAME.pem."""
    _refuse_existing(directory, name)
    authority, key = _authority(directory), authorities.new_key()
    named = tuple(dict.fromkeys(hosts or authorities.LOOPBACK))
    made = authorities.issue(authority, name, named, key.public_key(), lifetime or YEAR)
    write_secret(directory / f"{name}.key", authorities.key_pem(key))
    _write(directory, name, authorities.certificate_pem(made))
    _tell(directory, name, facts_of(made), is_json)


@certs.command()
@click.argument("name")
@days
@directory
@is_json
def renew(name: str, lifetime: timedelta | None, directory: Path, is_json: bool) -> None:
    """Make NAME.pem anew, for the same key and hosts, so that it ends later.

    `renew ca` does so for the authority itself; what it signed before stays good.
    A server that runs takes the new file when it is started again.
    """
    authority = _authority(directory)
    if name == AUTHORITY:
        made = authorities.renewed_authority(authority, lifetime or 10 * YEAR)
    else:
        authorities.refuse_bad_name(name)
        old = read_certificate(directory / f"{name}.pem")
        made = authorities.renewed(authority, old, lifetime or YEAR)
    _write(directory, name, authorities.certificate_pem(made))
    _tell(directory, name, facts_of(made), is_json)


@certs.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--ends-within", type=Duration(), metavar="TIME", help="Fail if it ends so soon, such as 30d."
)
@is_json
def show(file: Path, ends_within: timedelta | None, is_json: bool) -> None:
    """Show whom a certificate is for, who made it, and until when it is good."""
    facts = facts_of(read_certificate(file))
    if is_json:
        terminal.say_json(_document(facts))
    else:
        terminal.say(*(f"{name:12} {value}" for name, value in _lines(facts)))
    if ends_within is not None and facts.days_left < ends_within.total_seconds() / 86400:
        raise CommandFailed(f"{file} ends on {facts.ends:%Y-%m-%d}", hint="`wasmiot certs renew`.")


def _authority(directory: Path) -> authorities.Authority:
    certificate, key = directory / f"{AUTHORITY}.pem", directory / f"{AUTHORITY}.key"
    if not certificate.exists() and not key.exists():
        hint = "`wasmiot certs authority` makes one."
        raise CommandFailed(f"{directory} has no authority", hint=hint)
    found = authorities.Authority(read_certificate(certificate), read_authority_key(key))
    if found.certificate.public_key() != found.key.public_key():
        raise CertificateError(f"{key} is not the key of {certificate}")
    return found


def _refuse_existing(directory: Path, name: str) -> None:
    authorities.refuse_bad_name(name)
    for path in (directory / f"{name}.pem", directory / f"{name}.key"):
        if path.exists():
            hint = "Renew it, or take it away first."
            raise CommandFailed(f"{path} is there already", hint=hint)


def _write(directory: Path, name: str, pem: bytes) -> None:
    path = directory / f"{name}.pem"
    write_secret(path, pem)
    path.chmod(0o644)


def _tell(directory: Path, name: str, facts: Facts, is_json: bool) -> None:
    paths = {"certificate": str(directory / f"{name}.pem"), "key": str(directory / f"{name}.key")}
    if is_json:
        terminal.say_json({**_document(facts), **paths})
    else:
        terminal.say(f"{paths['certificate']}: {facts.name}, until {facts.ends:%Y-%m-%d}")


def _document(facts: Facts) -> dict[str, Any]:
    return {
        "name": facts.name,
        "issuer": facts.issuer,
        "hosts": list(facts.hosts),
        "uses": list(facts.uses),
        "begins": facts.begins.isoformat(),
        "ends": facts.ends.isoformat(),
        "daysLeft": facts.days_left,
        "serial": facts.serial,
        "sha256": facts.fingerprint,
    }


def _lines(facts: Facts) -> list[tuple[str, str]]:
    left = f"{facts.days_left} days left" if facts.days_left >= 0 else "over"
    return [
        ("name", facts.name),
        ("issuer", facts.issuer),
        ("hosts", ", ".join(facts.hosts) or "none"),
        ("for", ", ".join(facts.uses)),
        ("from", facts.begins.isoformat()),
        ("until", f"{facts.ends.isoformat()} ({left})"),
        ("sha256", facts.fingerprint),
    ]
