"""`wasmiot things`: the directory."""

from collections.abc import Sequence
from http.client import CREATED
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin, urlsplit

import click

from orchestrator_app.commands.options import names_of, remote, title_of
from orchestrator_app.commands.thing_ids import thing_id
from wasmiot_td import terminal
from wasmiot_td.command_line import MISUNDERSTOOD, REFUSED, CommandFailed
from wasmiot_td.errors import ThingProblem

if TYPE_CHECKING:
    from orchestrator_app.commands.client import Orchestrator
    from wasmiot_td.document_sources import Source

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
    """List what the directory knows, and whether the devices answer.

    A device "answers", or is "silent since" it last answered; one that is cordoned gets no new
    work. The state is empty for what the orchestrator does not look at. With --json whole
    descriptions come, without a state.
    """
    from orchestrator_app.commands.device_states import DeviceState, device_states

    with terminal.progress("asking for the Things") as advance:
        found = []
        for thing in orchestrator.pages("things", limit):
            found.append(thing)
            advance(1)
    if is_json:
        return terminal.say_json(found)
    states = device_states(orchestrator) if found else {}
    ids = [thing_id(thing) for thing in found]
    rows = [
        (*_row(thing), states.get(id, DeviceState()), id)
        for thing, id in zip(found, ids, strict=True)
    ]
    columns = ("title", "kind", ">memory", "provides", "state", "id")
    empty = "The directory is empty; `wasmiot supervisor` starts a device."
    return terminal.say_table(columns, sorted(rows, key=_by_title), empty=empty)


def _by_title(row: Sequence[Any]) -> str:
    return str(row[0]).casefold()


def _row(thing: dict[str, Any]) -> tuple[Any, ...]:
    return title_of(thing), _kinds(thing), _memory(thing), _interfaces(thing)


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
    """Show a Thing: how it is, what it provides, and what can be done with it."""
    from orchestrator_app.commands.device_states import DeviceState, device_states

    thing = orchestrator.thing(name)
    if is_json:
        return terminal.say_json(thing)
    registration = thing.get("registration", {})
    state = device_states(orchestrator).get(thing_id(thing), DeviceState())
    return terminal.say_members(
        {
            "title": title_of(thing),
            "id": thing_id(thing),
            "kind": _kinds(thing),
            "base": thing.get("base"),
            "answers": state.answers,
            "last seen": state.last_seen,
            "cordoned": state.is_cordoned or None,
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
            "announced as": registration.get("wasmiot:announcedAs"),
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
    A file *.jsonl holds one a line, as many as there are; so may the standard input and a URL.
    Many are sent in one request, and no more is read than is sent next.
    All are tried; the exit code is 1 if the directory refused some.
    """
    from orchestrator_app.commands.registering import LINE_SUFFIXES
    from wasmiot_td.document_sources import SUFFIXES, expand_sources

    suffixes = (*SUFFIXES, *LINE_SUFFIXES)
    found = list(expand_sources(map(_own_description, sources), suffixes))
    if not found:
        raise CommandFailed("there is no JSON file in there", MISUNDERSTOOD)
    results, failure = registered_so_far(orchestrator, found)
    if not results and failure is None:
        raise CommandFailed("there is no description in there", MISUNDERSTOOD)
    if results:
        _tell_registered(results, is_json)
    if failure is not None:
        raise failure
    if any("error" in result for result in results):
        raise click.exceptions.Exit(REFUSED)


def registered_so_far(
    orchestrator: "Orchestrator", sources: "Sequence[Source]"
) -> tuple[list[dict[str, Any]], Exception | None]:
    """Return what came of descriptions, and why the others were not sent."""
    from orchestrator_app.commands.registering import bytes_in, registered

    results = list[dict[str, Any]]()
    with terminal.progress("registering", bytes_in(sources), unit="bytes") as show:

        def advance(_count: int, n_bytes: int) -> None:
            show(n_bytes, f"registering, {len(results):,} done")

        try:
            for result in registered(orchestrator, sources, advance):
                results.append(result)
        except (CommandFailed, ThingProblem) as error:
            return results, error
    return results, None


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

    ids = [thing_id(orchestrator.thing(name)) for name in names]
    if len(set(ids)) < len(ids):
        raise CommandFailed("the same Thing is named twice")
    for id in ids:
        orchestrator.send("DELETE", thing_path(id))
    if is_json:
        return terminal.say_json({"removed": ids})
    return terminal.say(*(f"removed {id}" for id in ids))


@things.command()
@_name_argument
@remote
def cordon(orchestrator: "Orchestrator", is_json: bool, name: str) -> None:
    """Give a device no new work; what runs on it stays.

    One that is cordoned already stays so, and the exit code is 0.
    """
    id = thing_id(orchestrator.thing(name))
    is_new = orchestrator.send("PUT", _cordon_path(id)).status == CREATED
    _tell_cordon(is_json, id, f"{name} takes no new work{'' if is_new else ' already'}", True)


@things.command()
@_name_argument
@remote
def uncordon(orchestrator: "Orchestrator", is_json: bool, name: str) -> None:
    """Let a device take work again.

    One that is not cordoned takes work already, and the exit code is 0.
    """
    id = thing_id(orchestrator.thing(name))
    told = f"{name} takes work again"
    try:
        orchestrator.send("DELETE", _cordon_path(id))
    except ThingProblem as error:
        if error.problem.get("title") != "Not cordoned":
            raise
        told = f"{name} is not cordoned: it takes work already"
    _tell_cordon(is_json, id, told, False)


def _cordon_path(id: str) -> str:
    return f"cordons/{quote(id, safe='')}"


def _tell_cordon(is_json: bool, id: str, told: str, is_cordoned: bool) -> None:
    if is_json:
        terminal.say_json({"id": id, "cordoned": is_cordoned})
    else:
        terminal.say(told)
