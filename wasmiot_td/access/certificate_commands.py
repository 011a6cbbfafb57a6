"""`wasmiot certs`: an authority of one's own, and the certificates that it makes.

They work on a folder: `ca.pem` and `ca.key` are the authority's, `NAME.pem` and `NAME.key` a
server's or a person's. The keys are of mode 0600; only `ca.pem` goes to everybody.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from wasmiot_td import terminal
from wasmiot_td.access import authority_folder as folders
from wasmiot_td.access.authority import LOOPBACK, MAX_DAYS
from wasmiot_td.access.certificates import Facts, facts_of, read_certificate
from wasmiot_td.access.commands import Duration
from wasmiot_td.command_line import CommandFailed, json_option

YEAR = timedelta(days=365)
directory = click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("certs"),
    show_default=True,
    help="The folder of the authority.",
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
    help=f"How long it is good: 365d where not said, at most {MAX_DAYS}d.",
)


@click.group()
def certs() -> None:
    """Certificates for TLS: an authority of one's own and what it vouches for."""


@certs.command("authority")
@click.option("--name", default="wasmiot", show_default=True, help="What people call it.")
@years
@directory
@json_option
def authority_(name: str, lifetime: timedelta, directory: Path, is_json: bool) -> None:
    """Make an authority: ca.pem, for everybody, and ca.key, for nobody else."""
    made = folders.make(directory, name, lifetime)
    _tell(directory, folders.AUTHORITY, facts_of(made), is_json)


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
@json_option
def issue(
    name: str, hosts: tuple[str, ...], lifetime: timedelta | None, directory: Path, is_json: bool
) -> None:
    """Make a key and a certificate for a server, a device or a person: NAME.key and NAME.pem."""
    named = tuple(dict.fromkeys(hosts or LOOPBACK))
    made = folders.issue(directory, name, named, lifetime or YEAR)
    _tell(directory, name, facts_of(made), is_json)


@certs.command()
@click.argument("name")
@days
@directory
@json_option
def renew(name: str, lifetime: timedelta | None, directory: Path, is_json: bool) -> None:
    """Make NAME.pem anew, for the same key and hosts, so that it ends later.

    `renew ca` does so for the authority itself; what it signed before stays good.
    A server that runs takes the new file by itself.
    """
    if name == folders.AUTHORITY:
        made = folders.renew_authority(directory, lifetime or 10 * YEAR)
    else:
        made = folders.renew(directory, name, lifetime or YEAR)
    _tell(directory, name, facts_of(made), is_json)


@certs.command()
@click.argument("name")
@directory
@json_option
def revoke(name: str, directory: Path, is_json: bool) -> None:
    """Put all certificates that a name has had on the list of the authority, ca.crl.

    A server that was started with `--tls-crl` heeds the list as soon as its file is there.
    """
    count, path = folders.revoke(directory, name), str(directory / "ca.crl")
    if is_json:
        terminal.say_json({"name": name, "revoked": count, "list": path})
    else:
        terminal.say(f"{path}: {count} of {name} revoked; give it to every server")


@certs.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--ends-within", type=Duration(), metavar="TIME", help="Fail if it ends so soon, such as 30d."
)
@json_option
def show(file: Path, ends_within: timedelta | None, is_json: bool) -> None:
    """Show whom a certificate is for, who made it, and until when it is good."""
    facts = facts_of(read_certificate(file))
    if is_json:
        terminal.say_json(_document(facts))
    else:
        terminal.say(*(f"{name:12} {value}" for name, value in _lines(facts)))
    if ends_within is not None and facts.days_left < ends_within.total_seconds() / 86400:
        raise CommandFailed(f"{file} ends on {facts.ends:%Y-%m-%d}", hint="`wasmiot certs renew`.")


def _tell(directory: Path, name: str, facts: Facts, is_json: bool) -> None:
    certificate, key = (of(directory, name) for of in (folders.certificate_path, folders.key_path))
    paths = {"certificate": str(certificate), "key": str(key)}
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
