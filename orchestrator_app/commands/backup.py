"""`wasmiot backup` and `restore`: all that an orchestrator keeps, as one file."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import click

from orchestrator_app.commands.options import remote
from wasmiot_td import terminal
from wasmiot_td.command_line import MISUNDERSTOOD, CommandFailed, json_option

if TYPE_CHECKING:
    from orchestrator_app.commands.client import Orchestrator

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=_FILE, metavar="FILE|-")
@click.option("--with-secrets", is_flag=True, help="Tokens and keys too; keep the file safe then.")
@remote
def backup(orchestrator: "Orchestrator", is_json: bool, file: Path, with_secrets: bool) -> None:
    """Write all that an orchestrator keeps into FILE, while it goes on.

    Documents, graph, modules, executions and its id, as tar. FILE is replaced when the copy is
    complete and was found whole; where it is a link, the file that it leads to is. To - it goes
    to standard output, after it was found whole in the folder for temporary files (TMPDIR). A
    result that is a file stays with the device that made it.
    """
    from orchestrator_app.backup_archive import verified

    is_piped = str(file) == "-"
    target = None if is_piped else _replaceable(file)
    with _part(target) as part:
        with part.open("wb") as written:
            _download(orchestrator, written, with_secrets=with_secrets)
        with terminal.progress("checking", part.stat().st_size, unit="bytes") as advance:
            contents = verified(part, advance)
        if target:
            part.replace(target)
        else:
            _write_out(part)
    _say({"backup": str(file), **contents.told()}, is_json, err=is_piped)


def _replaceable(file: Path) -> Path:
    """Return the file that a backup replaces, behind all links.

    Raises:
        CommandFailed: it is no file, or there is no folder for one.
    """
    if file.exists() and not file.is_file():
        hint = "`wasmiot backup -` writes to standard output."
        raise CommandFailed(f"{file} is there and is no file", MISUNDERSTOOD, hint=hint)
    target = Path(os.path.realpath(file))
    if not target.parent.is_dir():
        raise CommandFailed(f"there is no folder {target.parent} to write to", MISUNDERSTOOD)
    return target


@contextmanager
def _part(target: Path | None) -> Iterator[Path]:
    """Yield a file to write to first: beside the target, from where it can be moved at once."""
    if target is None and sys.stdout.isatty():
        raise CommandFailed("a backup is nothing to read on a terminal", MISUNDERSTOOD)
    folder, name = (target.parent, target.name) if target else (None, "backup")
    descriptor, path = tempfile.mkstemp(dir=folder, prefix=f".{name}-")
    os.close(descriptor)
    try:
        yield Path(path)
    finally:
        Path(path).unlink(missing_ok=True)


def _write_out(part: Path) -> None:
    with part.open("rb") as content:
        shutil.copyfileobj(content, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def _download(orchestrator: "Orchestrator", target: Any, *, with_secrets: bool) -> None:
    url = urljoin(orchestrator.url, "backup" + ("?with-secrets=true" if with_secrets else ""))
    with orchestrator.opened("POST", url) as answer:
        total = int(answer.headers.get("content-length", 0)) or None
        with terminal.progress("backing up", total, unit="bytes") as advance:
            for chunk in answer.chunks:
                target.write(chunk)
                advance(len(chunk))
    target.flush()
    os.fsync(target.fileno())


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--data-dir",
    "directory",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where to; it must be empty or not there.",
)
@json_option
def restore(is_json: bool, file: Path, directory: Path) -> None:
    """Put a backup into a new data directory, to start an orchestrator on it.

    All of it is compared with its digests before anything is put in place.
    """
    from orchestrator_app.backup_archive import restored

    with terminal.progress(f"restoring {file.name}", file.stat().st_size, unit="bytes") as advance:
        contents = restored(file, directory, advance)
    _say({"restored": str(directory), **contents.told()}, is_json)
    if not is_json:
        terminal.say("", f"`wasmiot orchestrator --data-dir {directory}` starts on it")


def _say(told: dict[str, Any], is_json: bool, *, err: bool = False) -> None:
    names = {"hasSecrets": "with secrets"}
    with redirect_stdout(sys.stderr) if err else nullcontext():
        if is_json:
            terminal.say_json(told)
        else:
            terminal.say_members({names.get(name, name): value for name, value in told.items()})
