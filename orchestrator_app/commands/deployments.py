"""`wasmiot deploy`, `deployments`, `undeploy`, `rollback`: what runs where."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import click

from orchestrator_app.commands.options import names_of, ordinal, remote, slug_of, title_of
from orchestrator_app.commands.thing_ids import thing_id
from wasmiot_td import terminal
from wasmiot_td.command_line import NOT_FOUND, CommandFailed

if TYPE_CHECKING:
    from orchestrator_app.commands.client import Orchestrator
    from wasmiot_td.consumed_thing import ConsumedThing

Places = list[dict[str, Any]]

_name_argument = click.argument(
    "name", metavar="NAME", shell_complete=names_of("deployments", slug_of)
)


@click.command()
@click.argument("source", metavar="NAME|FILE|-", shell_complete=names_of("manifests", slug_of))
@remote
def deploy(orchestrator: "Orchestrator", is_json: bool, source: str) -> None:
    """Bring a manifest onto the devices; a file is handed in first."""
    from orchestrator_app.commands.manifests import content_of, manifest_path, submitted
    from orchestrator_app.commands.solutions import rejections_told

    content = content_of(source)
    slug = source if content is None else slug_of(submitted(orchestrator, content)[0])
    with terminal.progress(f"deploying {slug}"), rejections_told(orchestrator):
        document = orchestrator.send("POST", f"{manifest_path(slug)}/deploy").json()
    if is_json:
        return terminal.say_json(document)
    _say(orchestrator, slug)
    return terminal.say("", f"`wasmiot execute {slug}` runs it")


@click.command()
@click.argument(
    "name", metavar="[NAME]", required=False, shell_complete=names_of("deployments", slug_of)
)
@remote
def deployments(orchestrator: "Orchestrator", is_json: bool, name: str | None) -> None:
    """List what is deployed, or show one deployment."""
    if name is None:
        return _list(orchestrator, is_json)
    if is_json:
        return terminal.say_json(_with_state(orchestrator.deployment(name)))
    return _say(orchestrator, name)


def _list(orchestrator: "Orchestrator", is_json: bool) -> None:
    found = [slug_of(document) for document in orchestrator.pages("deployments")]
    documents = [_with_state(orchestrator.deployment(slug)) for slug in found]
    if is_json:
        return terminal.say_json(documents)
    titles = orchestrator.titles(_devices(p for d in documents for p in d["placement"]))
    rows = [
        (slug, document["state"], document["revision"], _steps(document["placement"], titles))
        for slug, document in zip(found, documents, strict=True)
    ]
    empty = "Nothing is deployed; `wasmiot deploy NAME` brings a manifest onto the devices."
    return terminal.say_table(("deployment", "state", ">revision", "steps"), rows, empty=empty)


def _with_state(thing: "ConsumedThing") -> dict[str, Any]:
    """Return the description of a deployment with the values of its properties."""
    names = ("state", "revision", "placement")
    return {**thing.td, **{name: thing.read_property(name) for name in names}}


def _steps(placement: Places, titles: dict[str, str]) -> str:
    """Return the steps in a line: as a chain, or each with those that it follows."""
    stands = _stands(placement)
    if len(stands) < 2:
        return _graph([(p, f"{p['entrypoint']} on {titles[p['device']]}") for p in placement])
    each = ", ".join(dict.fromkeys(titles[p["device"]] for p in placement))
    return f"{_graph([(p, p['entrypoint']) for p in stands[0]])} on each of {each}"


def _stands(placement: Places) -> list[Places]:
    """Return the placement of each device where the whole stands by itself; of all, if together."""
    stands: list[Places] = []
    for place in placement:
        if not stands or place["step"] <= stands[-1][-1]["step"]:
            stands.append([])
        stands[-1].append(place)
    return stands


def _graph(told: list[tuple[dict[str, Any], str]]) -> str:
    if _is_chain([place for place, _ in told]):
        return " → ".join(text for _, text in told)
    return "; ".join(
        f"{text} after {', '.join(place['after'])}" if place["after"] else text
        for place, text in told
    )


def _is_chain(placement: Places) -> bool:
    """Whether each step takes the output of the one before it, and of no other."""
    names = [[], *([place["name"]] for place in placement)]
    return all(p["after"] == before for p, before in zip(placement, names, strict=False))


def _devices(placement: Iterable[dict[str, Any]]) -> set[str]:
    return {p[role] for p in placement for role in ("device", "standby") if p.get(role)}


def _say(orchestrator: "Orchestrator", slug: str) -> None:
    document = _with_state(orchestrator.deployment(slug))
    placement = document["placement"]
    titles = orchestrator.titles(_devices(placement))
    members = {"deployment": slug, "state": document["state"], "revision": document["revision"]}
    terminal.say_members({**members, "at": document.get("base")})
    terminal.say("")
    terminal.say_table(
        (">step", "function", "after", "device", "standby"),
        [
            (
                ordinal(p["step"]),
                p["entrypoint"],
                ", ".join(p["after"]),
                titles[p["device"]],
                titles.get(p.get("standby", "")),
            )
            for p in placement
        ],
    )


@click.command()
@_name_argument
@click.option(
    "--forget",
    "device",
    metavar="ID|TITLE",
    shell_complete=names_of("things", title_of),
    help="Give up waiting for a device that could not be told; if it is back, it is told then.",
)
@remote
def undeploy(orchestrator: "Orchestrator", is_json: bool, name: str, device: str | None) -> None:
    """Take a deployment from its devices.

    It is `undeploying` while a device is awaited that was away: --forget ends that.
    """
    if device is not None:
        return _forget(orchestrator, is_json, name, device)
    thing = orchestrator.deployment(name)
    with terminal.progress(f"undeploying {name}"):
        away = list(thing.invoke_action("undeploy") or ())
    if is_json:
        return terminal.say_json({"undeployed": name, "away": away})
    told = f"; told when they are back: {', '.join(away)}" if away else ""
    return terminal.say(f"undeployed {name}{told}")


def _forget(orchestrator: "Orchestrator", is_json: bool, name: str, device: str) -> None:
    """Have an undeployment wait no longer for a device, which may have left the directory."""
    try:
        id = thing_id(orchestrator.thing(device))
    except CommandFailed as error:
        if error.exit_code != NOT_FOUND or ":" not in device:
            raise
        id = device
    path = f"deployments/{quote(name, safe='')}?{urlencode({'forget': id})}"
    answer = orchestrator.send("DELETE", path)
    away = list(answer.json()["away"]) if answer.status == 202 else []
    if is_json:
        return terminal.say_json({"undeployed": name, "forgotten": id, "away": away})
    rest = f"; still awaited: {', '.join(away)}" if away else f"; {name} is undeployed"
    return terminal.say(f"{id} is awaited no longer{rest}")


@click.command()
@_name_argument
@click.option("--to", "revision", type=click.IntRange(min=1), help="The one before if not given.")
@remote
def rollback(orchestrator: "Orchestrator", is_json: bool, name: str, revision: int | None) -> None:
    """Return a deployment to an earlier revision."""
    thing = orchestrator.deployment(name)
    with terminal.progress(f"rolling {name} back"):
        now = thing.invoke_action("rollback", revision)
    if is_json:
        return terminal.say_json({"deployment": name, "revision": now})
    return _say(orchestrator, name)
