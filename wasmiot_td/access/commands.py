"""`wasmiot token`: make, list and revoke the tokens of a server here, and let devices join.

They work on the data directory; a server that runs heeds the change at its next request.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from wasmiot_td import terminal
from wasmiot_td.access import join_tokens, peers, tokens
from wasmiot_td.access.opening import ACCESS
from wasmiot_td.access.roles import ROLE_WORDS
from wasmiot_td.command_line import NOT_FOUND, CommandFailed, json_option

MOST_NAME_CHARACTERS = 100
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([1-9][0-9]{0,8})([smhd])")


class Duration(click.ParamType):  # type: ignore[type-arg]  # not generic in click 8.1
    """A time as `90d`, `12h`, `30m` or `10s`."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> timedelta:
        """Return the time of a text."""
        matched = _DURATION.fullmatch(str(value))
        if matched is None:
            self.fail(f"{value!r} is no time like 90d, 12h, 30m or 10s", param, ctx)
        return timedelta(seconds=int(matched[1]) * _UNITS[matched[2]])


class Name(click.ParamType):  # type: ignore[type-arg]  # not generic in click 8.1
    """What people call a token or a device, in lists and logs: one line that can be read."""

    name = "name"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return the name, if it is one."""
        text = str(value)
        if not text.strip():
            self.fail("a name is not empty", param, ctx)
        if len(text) > MOST_NAME_CHARACTERS:
            self.fail(f"a name has at most {MOST_NAME_CHARACTERS} characters", param, ctx)
        if not text.isprintable():
            self.fail(f"{text!r} is not printable", param, ctx)
        return text


data_dir = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data/orchestrator"),
    show_default=True,
    help="Of the orchestrator or supervisor that the token is for.",
)


@click.group()
def token() -> None:
    """Tokens of a server here: who may do what with it."""


@token.command()
@click.argument("name", type=Name())
@click.option("--role", type=click.Choice(ROLE_WORDS), default="read", show_default=True)
@click.option("--expires", type=Duration(), metavar="TIME", help="Such as 90d, 12h or 30m.")
@data_dir
@json_option
def make(name: str, role: str, expires: timedelta | None, data_dir: Path, is_json: bool) -> None:
    """Make a token, and write it: this once, for only its hash is kept.

    With the first token of a server, everybody is asked for one.
    """
    text, made = tokens.make_token(data_dir / ACCESS, name, role, expires)
    click.echo(json.dumps({**_document(made), "token": text}) if is_json else text)


@token.command()
@click.argument("name", type=Name())
@click.option(
    "--expires", type=Duration(), default="1h", show_default=True, help="Such as 1d, 12h or 30m."
)
@click.option("--device", default="", metavar="IRI", help="The only id that may join by it.")
@data_dir
@json_option
def join(name: str, expires: timedelta, device: str, data_dir: Path, is_json: bool) -> None:
    """Make a token by which one device joins an orchestrator, once, and write it.

    The device is started with it: `wasmiot supervisor --directory URL --join-token TOKEN`. It is
    known by its key from then on.
    """
    text, made = join_tokens.make_join_token(data_dir / ACCESS, name, expires, device)
    click.echo(json.dumps({**_join_document(made), "token": text}) if is_json else text)


@token.command("list")
@data_dir
@json_option
def list_(data_dir: Path, is_json: bool) -> None:
    """List the tokens, and the servers that are known by their keys: name, role and end."""
    directory = data_dir / ACCESS
    found = [_document(t) for t in tokens.kept_tokens(directory).values()]
    unused = [t for t in join_tokens.kept_join_tokens(directory).values() if not t.key]
    found += map(_join_document, unused)
    found += map(_peer_document, peers.known_peers(directory).values())
    if is_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    columns = ("id", "name", "role", "expires")
    empty = f"{data_dir} has no token; `wasmiot token make NAME` makes one."
    terminal.say_table(columns, [tuple(str(t[c]) for c in columns) for t in found], empty=empty)


@token.command()
@click.argument("wanted", metavar="NAME_OR_ID")
@data_dir
@json_option
def revoke(wanted: str, data_dir: Path, is_json: bool) -> None:
    """Revoke the tokens of a name, or the one of an id; at once, also for servers that run.

    With the name or the id of a device that has joined, its key counts no more. A join token of
    the same name that was made later, for who replaces it, stays; its id revokes it.
    """
    directory = data_dir / ACCESS
    gone = peers.revoke_peers(directory, wanted)
    kept = join_tokens.kept_join_tokens(directory)
    later = join_tokens.replacements(kept, wanted, [p.token for p in gone]) if gone else []
    found = [_peer_document(p) for p in gone]
    found += map(_document, tokens.revoke_token(directory, wanted))
    spared = [t.id for t in later]
    used = join_tokens.revoke_join_tokens(directory, [wanted, *(p.key for p in gone)], spared)
    found += [_join_document(t) for t in used if not t.key]
    if not found:
        hint = "`wasmiot token list` shows what there is."
        raise CommandFailed(f"{data_dir} has no token {wanted!r}", NOT_FOUND, hint=hint)
    click.echo(json.dumps(found) if is_json else f"revoked: {', '.join(t['id'] for t in found)}")
    for id in spared:
        stays = f"the join token {id}, of the same name, was made later and stays"
        click.echo(f"{stays}; `wasmiot token revoke {id}` revokes it", err=True)


def _document(kept: tokens.Token) -> dict[str, str]:
    expires = "never" if kept.expires is None else _time(kept.expires)
    members = {"id": kept.id, "name": kept.name, "role": kept.role}
    return {**members, "created": _time(kept.created), "expires": expires}


def _join_document(kept: join_tokens.JoinToken) -> dict[str, str]:
    members = {"id": kept.id, "name": kept.name, "role": "join"}
    return {**members, "created": _time(kept.created), "expires": _time(kept.expires)}


def _peer_document(peer: peers.Peer) -> dict[str, str]:
    members = {"id": peer.id, "name": peer.name, "role": peer.kind, "key": peer.key}
    return {**members, "expires": "never"}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
