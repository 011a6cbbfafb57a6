"""`wasmiot module`: wasm binaries and what is known of them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import click

from orchestrator_app.commands.options import module_name, names_of, remote
from orchestrator_app.commands.signing import mounted
from wasmiot_td import terminal
from wasmiot_td.command_line import failure_of
from wasmiot_td.errors import ThingProblem

if TYPE_CHECKING:
    from orchestrator_app.commands.client import Orchestrator
    from orchestrator_app.commands.multipart import Part
    from wasmiot_td.transport import Response

MEBIBYTE = 1024 * 1024

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_name_argument = click.argument(
    "name", metavar="NAME[:VERSION]", shell_complete=names_of("modules", module_name)
)


@click.group()
def module() -> None:
    """WebAssembly modules: add, pull, list, show, remove."""


@module.command()
@click.argument("binary", type=_FILE)
@click.option(
    "--description", type=_FILE, metavar="FILE", help="Its Thing Model; read off the binary if not."
)
@click.option(
    "--data",
    "data_files",
    multiple=True,
    metavar="[PATH=]FILE",
    help="A file that the module reads at PATH; at the file's own name if not given.",
)
@click.option("--name", help="What to call it where it has no description; as its file, if not.")
@click.option("--key", "key_file", type=_FILE, metavar="FILE", help="Sign it with this key.")
@remote
def add(
    orchestrator: "Orchestrator",
    is_json: bool,
    binary: Path,
    description: Path | None,
    data_files: Sequence[str],
    name: str | None,
    key_file: Path | None,
) -> None:
    """Upload a module with its description and its data files."""
    from orchestrator_app.commands.multipart import MultipartBody, Part

    parts = [Part("binary", binary.name, binary, "application/wasm")]
    if key_file:
        description = _signed(key_file, binary, description, data_files, name)
    if description:
        parts.append(Part("description", description.name, description, "application/tm+json"))
    parts += map(_data_part, data_files)
    path = "modules" + (f"?{urlencode({'name': name})}" if name else "")
    total = sum(part.path.stat().st_size for part in parts)
    with terminal.progress(f"uploading {binary.name}", total, unit="bytes") as advance:
        body = MultipartBody(parts, advance)
        try:
            response = orchestrator.send("POST", path, body, body.content_type)
        finally:
            body.close()
    return _say_added(response, is_json)


def _data_part(text: str) -> "Part":
    from orchestrator_app.commands.multipart import Part

    return Part("data", *mounted(text))


def _signed(
    key_file: Path,
    binary: Path,
    description: Path | None,
    data_files: Sequence[str],
    name: str | None,
) -> Path:
    """Return a file of the signed Thing Model, which is there until the command ends."""
    from tempfile import TemporaryDirectory

    from orchestrator_app.packages.authoring import signed_model
    from wasmiot_td.access.keys import read_key

    folder = click.get_current_context().with_resource(TemporaryDirectory())
    text = description.read_bytes() if description else None
    files = [mounted(t) for t in data_files]
    model = signed_model(read_key(key_file), binary, text, files, name or "")
    signed = Path(folder, "description.json")
    signed.write_text(json.dumps(model, ensure_ascii=False))
    return signed


@module.command()
@click.argument("reference")
@remote
def pull(orchestrator: "Orchestrator", is_json: bool, reference: str) -> None:
    """Take in a module of the orchestrator's OCI registry.

    REFERENCE is NAME:VERSION, NAME@sha256:…, or either behind oci://HOST/.
    """
    body = json.dumps({"reference": reference}).encode()
    with terminal.progress(f"pulling {reference}"):
        response = orchestrator.send("POST", "modules", body)
    return _say_added(response, is_json)


def _say_added(response: "Response", is_json: bool) -> None:
    document, is_new = response.json(), response.status == 201
    if is_json:
        return terminal.say_json(document)
    if not is_new:
        terminal.say("It is there already.")
    return _say(document)


@module.command("list")
@remote
def list_modules(orchestrator: "Orchestrator", is_json: bool) -> None:
    """List all modules."""
    found = list(orchestrator.pages("modules"))
    if is_json:
        return terminal.say_json(found)
    columns = ("module", "functions", "imports", ">memory")
    empty = "There is no module; `wasmiot module add FILE.wasm` uploads one."
    return terminal.say_table(columns, [_row(document) for document in found], empty=empty)


def _row(document: dict[str, Any]) -> tuple[Any, ...]:
    imports = document.get("wasmiot:imports", [])
    return module_name(document), _functions(document), imports, _memory(document)


def _functions(document: dict[str, Any]) -> list[str]:
    return [name for kind in ("properties", "actions") for name in document.get(kind, {})]


def _memory(document: dict[str, Any]) -> str:
    size = document.get("wasmiot:requiredMemoryBytes")
    return f"{size / MEBIBYTE:.2f} MiB" if isinstance(size, int | float) else ""


@module.command()
@_name_argument
@remote
def show(orchestrator: "Orchestrator", is_json: bool, name: str) -> None:
    """Show what a module needs and offers."""
    document = orchestrator.get(_path(name))
    if is_json:
        return terminal.say_json(document)
    return _say(document)


def _say(document: dict[str, Any]) -> None:
    files = document.get("wasmiot:dataFile", [])
    terminal.say_members(
        {
            "module": module_name(document),
            "id": document["id"],
            "description": document.get("description"),
            "functions": _functions(document),
            "exports": document.get("wasmiot:exports"),
            "imports": document.get("wasmiot:imports"),
            "memory": _memory(document),
            "data files": [str(f.get("path")) for f in files if isinstance(f, dict)],
            "digest": document.get("wasmiot:digest"),
            "signed by": [s["key"] for s in document.get("wasmiot:signature", ())] or "nobody",
        }
    )


@module.command()
@_name_argument
@click.option("--force", is_flag=True, help="Even if a deployment needs it to roll back.")
@remote
def remove(orchestrator: "Orchestrator", is_json: bool, name: str, force: bool) -> None:
    """Remove a module that no deployment uses, nor needs to return to an earlier revision."""
    id = str(orchestrator.get(_path(name))["id"])
    path = _path(module_name({"id": id})) + ("?force=true" if force else "")
    try:
        orchestrator.send("DELETE", path)
    except ThingProblem as error:
        if "revisions" not in error.problem:
            raise
        failed = failure_of(error)
        failed.hint = "--force removes it; those revisions cannot be returned to then."
        raise failed from error
    if is_json:
        return terminal.say_json({"removed": [id]})
    return terminal.say(f"removed {module_name({'id': id})}")


def _path(name: str) -> str:
    return f"modules/{quote(name, safe=':')}"
