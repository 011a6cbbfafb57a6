"""`wasmiot manifest`: what shall run, and where it would."""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import click

from orchestrator_app.commands.options import names_of, remote, slug_of, title_of
from orchestrator_app.commands.solutions import explained, media_type, say_solution, tried_out
from orchestrator_app.commands.thing_ids import thing_id
from wasmiot_td import terminal
from wasmiot_td.command_line import MISUNDERSTOOD, CommandFailed, json_option

if TYPE_CHECKING:
    from orchestrator_app.commands.client import Orchestrator

_name_argument = click.argument(
    "name", metavar="NAME", shell_complete=names_of("manifests", slug_of)
)
_SUFFIXES = (".json", ".jsonld", ".yaml", ".yml", ".yamlld")
_NAME_OR_FILE = "`wasmiot manifest list` shows the names; what has a slash is a file of one."
_STEP_ID = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]*)=")
_file_argument = click.argument("file", type=click.File("rb"), metavar="FILE|-")


@click.group()
def manifest() -> None:
    """Manifests: init, submit, explain, list, show, remove."""


@manifest.command()
@click.argument("name")
@click.argument("steps", nargs=-1, metavar="[ID=]MODULE/FUNCTION[:FROM,…]…")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; NAME.jsonld if not given, - for standard output.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@json_option
def init(name: str, steps: Sequence[str], output: Path | None, force: bool, is_json: bool) -> None:
    """Write a manifest to start from: a name, and functions of modules in their order.

    For example: wasmiot manifest init digit-reader camera/takeImage digits/classify

    A step takes what the one before it gives; with ids it may take from others, as members of its
    input: shot=camera/takeImage a=edges/detect:shot merge/merge:left=a,right=shot

    THING#AFFORDANCE instead of MODULE/FUNCTION is a step that any Thing does.
    """
    from wasmiot_td.namespaces import CANONICAL_CONTEXT

    document = {
        "@context": list(CANONICAL_CONTEXT),
        "@type": "wasmiot:Manifest",
        "name": name,
        "sequence": [_step(step) for step in steps or ("MODULE/FUNCTION",)],
    }
    text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    if str(output) == "-":
        click.echo(text, nl=False)
        return None
    path = output or Path(f"{name}.jsonld")
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise CommandFailed(f"{path} is there already", hint="--force replaces it.") from error
    if is_json:
        return terminal.say_json({"written": str(path), "manifest": document})
    return terminal.say(f"wrote {path}; `wasmiot manifest explain {path}` says where it would run")


def _step(text: str) -> dict[str, Any]:
    found = _STEP_ID.match(text)
    named = {"id": found[1]} if found else {}
    text = text[found.end() :] if found else text
    thing, hash_mark, affordance = text.rpartition("#")
    if thing and affordance:
        return {**named, "thing": thing, "affordance": affordance}
    module, slash, function = text.rpartition("/")
    entrypoint, colon, sources = function.partition(":")
    if hash_mark or not (slash and module and entrypoint) or (colon and not sources):
        message = f"{text!r} is not MODULE/FUNCTION, and not THING#AFFORDANCE"
        raise click.BadParameter(message, param_hint="MODULE/FUNCTION")
    taken = {"dependsOn": [_source(each) for each in sources.split(",")]} if sources else {}
    return {**named, "module": module, "entrypoint": entrypoint, **taken}


def _source(text: str) -> dict[str, str]:
    """Return what a step takes: the output of a step, perhaps as a member of its input."""
    member, equals, step = text.rpartition("=")
    return {"step": step, "input": member} if equals else {"step": step}


@manifest.command()
@_file_argument
@click.option("--dry-run", is_flag=True, help="Say where it would run, and keep nothing.")
@remote
def submit(orchestrator: "Orchestrator", is_json: bool, file: Any, dry_run: bool) -> None:
    """Hand a manifest in, in JSON or YAML; one of the same name is replaced."""
    content = file.read()
    if dry_run:
        return say_solution(orchestrator, tried_out(orchestrator, content), is_json)
    document, is_new = submitted(orchestrator, content)
    if is_json:
        return terminal.say_json(document)
    slug = slug_of(document)
    what = "submitted" if is_new else "replaced"
    return terminal.say(f"{what} {slug}; `wasmiot deploy {slug}` brings it onto the devices")


def submitted(orchestrator: "Orchestrator", content: bytes) -> tuple[dict[str, Any], bool]:
    """Hand a manifest in; return it as it was taken in, and whether it is new."""
    response = orchestrator.send("POST", "manifests", content, media_type(content))
    return dict(response.json()), response.status == 201


@manifest.command()
@click.argument("source", metavar="NAME|FILE|-", shell_complete=names_of("manifests", slug_of))
@click.option(
    "--device",
    metavar="ID|TITLE",
    shell_complete=names_of("things", title_of),
    help="Only why this device would run the steps or not; of a manifest that was handed in.",
)
@remote
def explain(orchestrator: "Orchestrator", is_json: bool, source: str, device: str | None) -> None:
    """Say where each step would run, with which scores, and why not elsewhere.

    A file is tried out; nothing of it is kept.
    """
    content = content_of(source)
    if content is not None and device:
        raise click.UsageError("--device needs a manifest that was handed in; submit it first")
    if content is not None:
        solution = tried_out(orchestrator, content)
    else:
        id = device and thing_id(orchestrator.thing(device))
        question = f"?{urlencode({'device': id})}" if id else ""
        solution = explained(orchestrator, f"{manifest_path(source)}/solution{question}")
    say_solution(orchestrator, solution, is_json)


def content_of(source: str) -> bytes | None:
    """Return the bytes of a manifest's file; None if this is the name of one handed in.

    Raises:
        CommandFailed: it is neither: no name has a slash.
    """
    path = Path(source)
    if source == "-":
        return sys.stdin.buffer.read()
    if path.is_file() or path.is_fifo():  # such as <(…) of a shell
        return path.read_bytes()
    if path.suffix in _SUFFIXES or "/" in source or source in ("", ".", ".."):
        raise CommandFailed(_no_file(source), MISUNDERSTOOD, hint=_NAME_OR_FILE)
    return None


def _no_file(source: str) -> str:
    path = Path(source)
    if not source or not path.exists():
        return f"there is no file {source!r}"
    return f"{source} is a folder" if path.is_dir() else f"{source} is no file"


@manifest.command("list")
@remote
def list_manifests(orchestrator: "Orchestrator", is_json: bool) -> None:
    """List the manifests that were handed in."""
    found = list(orchestrator.pages("manifests"))
    if is_json:
        return terminal.say_json(found)
    rows = [(slug_of(m), m.get("name"), _steps(m)) for m in found]
    empty = "There is no manifest; `wasmiot manifest init NAME MODULE/FUNCTION…` writes one."
    return terminal.say_table(("manifest", "name", "steps"), rows, empty=empty)


def _steps(document: dict[str, Any]) -> str:
    """Return the steps of a list as one chain; of a graph each with what it takes."""
    sequence = document.get("sequence", [])
    if not any("dependsOn" in step for step in sequence):
        return " → ".join(map(_step_name, sequence))
    return ", ".join(f"{_step_name(step)}{_taken(step)}" for step in sequence)


def _step_name(step: dict[str, Any]) -> str:
    if "module" not in step:
        what = [step.get("thing"), step.get("affordance")]
        return str(step.get("id") or "#".join(str(w) for w in what if w) or "a Thing")
    module = str(step["module"]).removeprefix("urn:wasmiot:module:")
    return str(step.get("id") or f"{module}/{step.get('entrypoint')}")


def _taken(step: dict[str, Any]) -> str:
    """Return what a step names as what it takes."""
    named = [e.get("step") or e.get("id") or _types(e) for e in step.get("dependsOn", ())]
    return f" ← {' + '.join(named)}" if named else ""


def _types(entry: dict[str, Any]) -> str:
    types = entry.get("type", "?")
    return types if isinstance(types, str) else " or ".join(types)


@manifest.command()
@_name_argument
@remote
def show(orchestrator: "Orchestrator", is_json: bool, name: str) -> None:
    """Show a manifest."""
    document = orchestrator.get(manifest_path(name))
    if is_json:
        return terminal.say_json(document)
    return terminal.say_members(
        {
            "manifest": slug_of(document),
            "name": document.get("name"),
            "description": document.get("description"),
            "steps": _steps(document),
            "trigger": document.get("trigger") and json.dumps(document["trigger"]),
        }
    )


@manifest.command()
@_name_argument
@remote
def remove(orchestrator: "Orchestrator", is_json: bool, name: str) -> None:
    """Remove a manifest that is not deployed."""
    orchestrator.send("DELETE", manifest_path(name))
    if is_json:
        return terminal.say_json({"removed": [f"urn:wasmiot:manifest:{name}"]})
    return terminal.say(f"removed {name}")


def manifest_path(name: str) -> str:
    """Return where the orchestrator has a manifest."""
    return f"manifests/{quote(name, safe='')}"
