"""`wasmiot things`: the directory."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin, urlsplit

import click

from orchestrator_app.commands.options import names_of, remote, title_of
from wasmiot_td import terminal
from wasmiot_td.command_line import MISUNDERSTOOD, REFUSED, CommandFailed

if TYPE_CHECKING:
    from orchestrator_app.commands.client import Orchestrator

MEBIBYTE = 1024 * 1024

_name_argument = click.argument(
    "name", metavar="ID|TITLE", shell_complete=names_of("things", title_of)
)


@click.group()
def things() -> None:
    """Devices and other Things: list, show, add, remove."""


@things.command("list")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Not more than N.")
@remote
def list_things(orchestrator: "Orchestrator", is_json: bool, limit: int | None) -> None:
    """List what the directory knows."""
    with terminal.progress("asking for the Things") as advance:
        found = []
        for thing in orchestrator.pages("things", limit):
            found.append(thing)
            advance(1)
    if is_json:
        return terminal.say_json(found)
    columns = ("title", "kind", ">memory", "provides", "id")
    empty = "The directory is empty; `wasmiot supervisor` starts a device."
    return terminal.say_table(columns, sorted(map(_row, found), key=_by_title), empty=empty)


def _by_title(row: Sequence[Any]) -> str:
    return str(row[0]).casefold()


def _row(thing: dict[str, Any]) -> tuple[Any, ...]:
    return title_of(thing), _kinds(thing), _memory(thing), _interfaces(thing), thing["id"]


def _kinds(thing: dict[str, Any]) -> list[str]:
    types = _as_list(thing.get("@type"))
    return [t.removeprefix("wasmiot:").lower() for t in types if t != "Thing"] or ["thing"]


def _memory(thing: dict[str, Any]) -> str:
    size = thing.get("wasmiot:memoryBytes")
    return f"{size / MEBIBYTE:g} MiB" if isinstance(size, int | float) else ""


def _interfaces(thing: dict[str, Any]) -> list[str]:
    """Return the host modules that a device provides, without their functions."""
    names = _as_list(thing.get("wasmiot:provides"))
    return sorted({str(name).partition(".")[0] for name in names})


def _as_list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


@things.command()
@_name_argument
@remote
def show(orchestrator: "Orchestrator", is_json: bool, name: str) -> None:
    """Show a Thing: what it provides, and what can be done with it."""
    thing = orchestrator.thing(name)
    if is_json:
        return terminal.say_json(thing)
    registration = thing.get("registration", {})
    return terminal.say_members(
        {
            "title": title_of(thing),
            "id": thing["id"],
            "kind": _kinds(thing),
            "base": thing.get("base"),
            "description": thing.get("description"),
            "memory": _memory(thing),
            "cores": thing.get("wasmiot:cpuCores"),
            "architecture": thing.get("wasmiot:architecture"),
            "zone": thing.get("wasmiot:zone"),
            "provides": _as_list(thing.get("wasmiot:provides")),
            "properties": sorted(thing.get("properties", {})),
            "actions": sorted(thing.get("actions", {})),
            "events": sorted(thing.get("events", {})),
            "introduced by": registration.get("wasmiot:introducedBy"),
            "registered": registration.get("created"),
            "expires": registration.get("expires"),
        }
    )


@things.command()
@click.argument("sources", nargs=-1, required=True, metavar="FILE|DIRECTORY|URL|-…")
@remote
def add(orchestrator: "Orchestrator", is_json: bool, sources: Sequence[str]) -> None:
    """Register Thing Descriptions; one that is known is replaced.

    The URL of a device without a path means its own description, at /.well-known/wot.
    A file *.jsonl holds one a line. Many are sent in one request.
    All are tried; the exit code is 1 if the directory refused some.
    """
    from orchestrator_app.commands.registering import registered
    from wasmiot_td.document_sources import expand_sources

    found = list(expand_sources(map(_own_description, sources)))
    if not found:
        raise CommandFailed("there is no JSON file in there", MISUNDERSTOOD)
    with terminal.progress("registering", len(found)) as advance:
        results = registered(orchestrator, found, advance)
    _tell_registered(results, is_json)
    if any("error" in result for result in results):
        raise click.exceptions.Exit(REFUSED)


def _own_description(name: str) -> str:
    """Return where a device that is named by its URL alone describes itself."""
    parts = urlsplit(name)
    is_device = parts.scheme in ("http", "https") and parts.path in ("", "/")
    return urljoin(name, "/.well-known/wot") if is_device else name


def _tell_registered(results: Sequence[dict[str, Any]], is_json: bool) -> None:
    if is_json:
        plain = [{k: v for k, v in result.items() if k != "details"} for result in results]
        return terminal.say_json(plain)
    for result in results:
        if "error" not in result:
            terminal.say(f"{result['source']}: {result['id']}")
            continue
        terminal.say(f"{result['source']}: {result['error']['title']}", err=True)
        terminal.say(*(f"  {detail}" for detail in result.get("details", ())), err=True)
    return None


@things.command()
@click.argument(
    "names",
    nargs=-1,
    required=True,
    metavar="ID|TITLE…",
    shell_complete=names_of("things", title_of),
)
@remote
def remove(orchestrator: "Orchestrator", is_json: bool, names: Sequence[str]) -> None:
    """Take Things out of the directory; all must be known, or none is removed."""
    from orchestrator_app.commands.client import thing_path

    ids = [str(orchestrator.thing(name)["id"]) for name in names]
    if len(set(ids)) < len(ids):
        raise CommandFailed("the same Thing is named twice")
    for id in ids:
        orchestrator.send("DELETE", thing_path(id))
    if is_json:
        return terminal.say_json({"removed": ids})
    return terminal.say(*(f"removed {id}" for id in ids))


@things.command()
@click.argument("name", metavar="ID|TITLE", shell_complete=names_of("things", title_of))
@remote
def cordon(orchestrator: "Orchestrator", is_json: bool, name: str) -> None:
    """Give a device no new work; what runs on it stays."""
    _tell_cordon(orchestrator, is_json, "PUT", name)


@things.command()
@click.argument("name", metavar="ID|TITLE", shell_complete=names_of("things", title_of))
@remote
def uncordon(orchestrator: "Orchestrator", is_json: bool, name: str) -> None:
    """Let a device take work again."""
    _tell_cordon(orchestrator, is_json, "DELETE", name)


def _tell_cordon(orchestrator: "Orchestrator", is_json: bool, method: str, name: str) -> None:
    id = str(orchestrator.thing(name)["id"])
    orchestrator.send(method, f"cordons/{quote(id, safe='')}")
    is_cordoned = method == "PUT"
    if is_json:
        terminal.say_json({"id": id, "cordoned": is_cordoned})
    else:
        terminal.say(f"{name} takes {'no new work' if is_cordoned else 'work again'}")
