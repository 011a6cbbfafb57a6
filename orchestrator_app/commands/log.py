"""`wasmiot log`: what the orchestrator decided, and why."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import click

from orchestrator_app.commands.options import names_of, ordinal, remote, slug_of
from wasmiot_td import terminal

if TYPE_CHECKING:
    from orchestrator_app.commands.client import Orchestrator

Decision = Mapping[str, Any]
_DEPLOYMENT = "urn:wasmiot:deployment:"


@click.command()
@click.argument(
    "name",
    metavar="[DEPLOYMENT]",
    required=False,
    shell_complete=names_of("deployments", slug_of),
)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@remote
def log(orchestrator: "Orchestrator", is_json: bool, name: str | None, limit: int) -> None:
    """Show what was decided about deployments and why, the newest last."""
    about = {"deployment": name} if name else {}
    decisions = orchestrator.send("GET", f"decisions?{urlencode({**about, 'limit': limit})}").json()
    if is_json:
        return terminal.say_json(decisions)
    titles = orchestrator.titles(sorted(set(_devices(decisions))))
    rows = [
        (
            d["startedAtTime"][:19].replace("T", " "),
            d["deployment"].removeprefix(_DEPLOYMENT),
            d["command"],
            _outcome(d),
            _why(d, titles),
        )
        for d in reversed(decisions)
    ]
    about_it = f" about {name}" if name else ""
    empty = f"Nothing was decided{about_it} yet; `wasmiot deploy` brings a manifest onto devices."
    columns = ("time", "deployment", "decision", "outcome", "why")
    return terminal.say_table(columns, rows, empty=empty)


def _devices(decisions: Iterable[Decision]) -> Iterable[str]:
    for decision in decisions:
        yield from (n["device"] for n in (decision, *decision.get("choices", ())) if "device" in n)


def _outcome(decision: Decision) -> str:
    attempts = decision.get("attempts", 1)
    return str(decision["outcome"]) + (f" ({attempts} times)" if attempts > 1 else "")


def _why(decision: Decision, titles: Mapping[str, str]) -> str:
    """Return the reason with what came of it."""
    about = f"{titles[decision['device']]}: " if "device" in decision else ""
    chosen = ", ".join(
        f"{c.get('name') or ordinal(c['step'])} on {titles[c['device']]}"
        + (f" ({c['total']:.0f} points)" if "total" in c else "")
        for c in decision.get("choices", ())
        if "device" in c
    )
    parts = (f"{about}{decision['reason']}", decision.get("detail", ""), chosen)
    return "; ".join(part for part in parts if part)
