"""`wasmiot sign`: vouch for a module or a description with a key."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wasmiot_td import terminal
from wasmiot_td.command_line import CommandFailed, json_option

if TYPE_CHECKING:
    from wasmiot_td.access.keys import Key

SUFFIX = ".signed.json"
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def mounted(text: str) -> tuple[str, Path]:
    """Return at which path a data file is opened, and the file, of `[PATH=]FILE`."""
    mount, equals, name = text.partition("=")
    path = Path(name if equals else text)
    if not path.is_file():
        raise click.BadParameter(f"there is no file {str(path)!r}", param_hint="--data")
    return (mount if equals else path.name), path


@click.command()
@click.argument("file", type=FILE)
@click.option("--key", "key_file", type=FILE, required=True, metavar="FILE", help="Whose word.")
@click.option("--description", type=FILE, metavar="FILE", help="The Thing Model of a wasm FILE.")
@click.option(
    "--data",
    "data_files",
    multiple=True,
    metavar="[PATH=]FILE",
    help="A file that the module reads at PATH; at the file's own name if not given.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to write it.",
)
@json_option
def sign(
    file: Path,
    key_file: Path,
    description: Path | None,
    data_files: Sequence[str],
    output: Path | None,
    is_json: bool,
) -> None:
    """Sign a module (FILE.wasm) or a description (JSON).

    For a module, its Thing Model is written to FILE.signed.json with the signature, which holds
    for the binary, the data files and the model together; upload it as --description, or lay it
    beside the binary of a supervisor without orchestrator. A description is signed where it is,
    in its canonical form.
    """
    from wasmiot_td.access.keys import read_key

    key, is_module = read_key(key_file), _is_wasm(file)
    if is_module:
        from orchestrator_app.packages.authoring import signed_model

        text = description.read_bytes() if description else None
        document = signed_model(key, file, text, [mounted(t) for t in data_files])
    else:
        document = _signed_description(file, key)
    target = output or (file.with_suffix(SUFFIX) if is_module else file)
    target.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    if is_json:
        return terminal.say_json({"file": str(target), "signedBy": key.public})
    return terminal.say(f"{target}: signed by {key.public}")


def _is_wasm(file: Path) -> bool:
    with file.open("rb") as content:
        return content.read(4) == b"\0asm"


def _signed_description(file: Path, key: "Key") -> dict[str, Any]:
    from wasmiot_td.access.signatures import is_module, signed
    from wasmiot_td.json_text import parse
    from wasmiot_td.thing_description import load

    value = parse(file.read_bytes()).value
    if isinstance(value, dict) and "wasmiot:digest" not in value and is_module(value):
        hint = f"Sign the two together: wasmiot sign FILE.wasm --description {file} --key …"
        raise CommandFailed(f"{file} does not say which binary it describes", hint=hint)
    return signed(load(value).document, key)
