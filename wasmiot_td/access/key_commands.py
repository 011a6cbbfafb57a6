"""`wasmiot key` and `wasmiot verify`: keys, and what was signed with them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from wasmiot_td.command_line import CommandFailed, json_option

SUFFIX = ".signed.json"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_MAGIC = b"\0asm"


@click.group()
def key() -> None:
    """Keys that sign modules and descriptions: make one, show its public half."""


@key.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@json_option
def make(file: Path, is_json: bool) -> None:
    """Make a key in FILE, which nobody else may read, and write its public half."""
    from wasmiot_td.access.keys import make_key

    if file.exists():
        hint = "`wasmiot key show` writes the public half of a key."
        raise CommandFailed(f"{file} is there already; no key is ever replaced", hint=hint)
    _say(make_key(file).public, is_json)


@key.command()
@click.argument("file", type=_FILE)
@json_option
def show(file: Path, is_json: bool) -> None:
    """Write the public half of the key in FILE: what others name as --trusted-key."""
    from wasmiot_td.access.keys import read_key

    _say(read_key(file).public, is_json)


def _say(public: str, is_json: bool) -> None:
    click.echo(json.dumps({"publicKey": public}) if is_json else public)


@click.command()
@click.argument("file", type=_FILE)
@click.option(
    "--trusted-key",
    "trusted",
    multiple=True,
    metavar="KEY",
    help="A public key, or a file of them; one must have signed. Anybody if not given.",
)
@json_option
def verify(file: Path, trusted: Sequence[str], is_json: bool) -> None:
    """Say who signed a description (JSON), or FILE.wasm by FILE.signed.json beside it."""
    from wasmiot_td.access.canonical_json import NotCanonical
    from wasmiot_td.access.signatures import signatures_of, signers, statement_of
    from wasmiot_td.access.trust import Trust, keys_named

    document = _document(file)
    try:
        found = signers(statement_of(document), signatures_of(document))
    except NotCanonical as error:
        raise CommandFailed(f"{file}: {error}") from error
    keys = {k for text in trusted for k in keys_named(text)} if trusted else found
    fault = Trust(frozenset(keys)).document_fault(document)
    if fault:
        raise CommandFailed(f"{file} {fault}")
    signed_by = sorted(found & keys)
    click.echo(json.dumps({"signedBy": signed_by}) if is_json else _told(file, signed_by))


def _told(file: Path, signed_by: Sequence[str]) -> str:
    return f"{file}: signed by {', '.join(signed_by)}"


def _document(file: Path) -> Mapping[str, Any]:
    content = file.read_bytes()
    if not content.startswith(_MAGIC):
        return _object(file, content)
    beside = file.with_suffix(SUFFIX)
    if not beside.is_file():
        hint = f"`wasmiot sign {file}` writes {beside.name}."
        raise CommandFailed(f"{file} is not signed: there is no {beside.name}", hint=hint)
    model = _object(beside, beside.read_bytes())
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if model.get("wasmiot:digest") != digest:
        raise CommandFailed(f"{beside} was signed for another binary than {file} ({digest})")
    return model


def _object(file: Path, content: bytes) -> Mapping[str, Any]:
    from wasmiot_td.errors import DocumentError
    from wasmiot_td.json_text import parse

    try:
        parsed = parse(content)
    except DocumentError as error:
        raise CommandFailed(f"{file}: {error}") from error
    if parsed.findings or not isinstance(parsed.value, dict):
        raise CommandFailed(f"{file} holds no JSON object that can be signed")
    return parsed.value
