"""`wasmiot execute`: run a deployment and bring its result."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator_app.commands.options import names_of, ordinal, remote, slug_of
from wasmiot_td import terminal
from wasmiot_td.command_line import REFUSED, UNREACHABLE, CommandFailed
from wasmiot_td.errors import WasmiotError

if TYPE_CHECKING:
    from orchestrator_app.commands.client import Orchestrator
    from wasmiot_td.consumed_thing import ConsumedThing
    from wasmiot_td.models.action_status import ActionStatus

FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.5

Look = Callable[["ActionStatus"], None]


@click.command()
@click.argument("name", metavar="NAME", shell_complete=names_of("deployments", slug_of))
@click.option("--input", "text", metavar="VALUE", help="The input: JSON, or a text.")
@click.option(
    "--file",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file as the input.",
)
@click.option("--content-type", metavar="TYPE", help="Of the file; as the first step asks, if not.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to put the result, a file or what would be shown; - for standard output.",
)
@click.option("--watch", is_flag=True, help="Tell each step as it begins and ends, on stderr.")
@click.option(
    "--timeout",
    "seconds",
    type=click.FloatRange(min=0),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the result.",
)
@remote
def execute(
    orchestrator: "Orchestrator",
    is_json: bool,
    name: str,
    output: Path | None,
    watch: bool,
    seconds: float,
    **given: Any,
) -> None:
    """Run a deployment, wait, and write its result.

    Ctrl-C cancels the execution.
    """
    thing = orchestrator.deployment(name)
    with _looking(orchestrator, thing, watch) as look:
        status = _ended(thing, _begun(thing, **given), seconds, look)
    if not status.is_completed:
        raise _failure(status)
    if output and (status.output_url or str(output) != "-"):
        _save(thing, status, output)
    if is_json:
        return terminal.say_json(status.to_document())
    return _say_result(status, output)


def _begun(
    thing: "ConsumedThing", text: str | None, file: Path | None, content_type: str | None
) -> "ActionStatus":
    from wasmiot_td.models.action_status import ActionStatus

    action = thing.td["actions"]["execute"]
    schema = action.get("input") or {}
    if file is not None and text is not None:
        raise click.UsageError("--input and --file are two ways to say the same; use one")
    if "input" not in action and (file is not None or text is not None):
        message = f"{thing.td.get('title')} takes no input: its first step asks for none"
        raise CommandFailed(message, hint="Leave --input and --file out.")
    if file is not None:
        usual = "application/json" if schema else "application/octet-stream"
        media_type = content_type or schema.get("contentMediaType") or usual
        status = thing.invoke_action("execute", body=file.read_bytes(), content_type=media_type)
    else:
        status = thing.invoke_action("execute", _value(text, schema))
    assert isinstance(status, ActionStatus)
    return status


def _value(text: str | None, schema: Mapping[str, Any]) -> Any:
    """Return an input as JSON; a text need not be quoted where the first step wants one."""
    if "contentMediaType" in schema:
        message = f"the first step takes a file ({schema['contentMediaType']})"
        raise CommandFailed(message, hint="Give it with --file PATH.")
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    return text if schema.get("type") == "string" and not isinstance(value, str) else value


def _ended(
    thing: "ConsumedThing", status: "ActionStatus", seconds: float, look: Look
) -> "ActionStatus":
    """Return the last status, showing each to `look`; Ctrl-C cancels the execution."""
    href = str(status.href)
    pause, deadline = FIRST_PAUSE_SECONDS, time.monotonic() + seconds
    try:
        while not status.is_ended:
            look(status)
            if time.monotonic() > deadline:
                hint = f"It goes on; --timeout waits longer. Its status is at {href}"
                raise CommandFailed(f"no result after {seconds:g} s", UNREACHABLE, hint=hint)
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
            status = thing.query_action(href)
    except KeyboardInterrupt:
        with suppress(WasmiotError):
            thing.cancel_action(href)
        raise
    look(status)
    return status


@contextmanager
def _looking(orchestrator: "Orchestrator", thing: "ConsumedThing", watch: bool) -> Iterator[Look]:
    """Yield what looks at each status: lines if watched, else a bar at a terminal."""
    placement = thing.read_property("placement")
    if watch:
        yield _Watch(orchestrator.titles(p["device"] for p in placement))
        return
    done = 0
    with terminal.progress("executing", len(placement)) as advance:

        def look(status: "ActionStatus") -> None:
            nonlocal done
            ended = sum(entry.status == "completed" for entry in status.trace)
            advance(ended - done)
            done = ended

        yield look


class _Watch:
    """Tells each step as it begins and ends; what a device is called, by its id."""

    def __init__(self, titles: Mapping[str, str]) -> None:
        self._titles = titles
        self._told: dict[int, str | None] = {}

    def __call__(self, status: "ActionStatus") -> None:
        for index, entry in enumerate(status.trace):
            state = entry.status or "running"
            if self._told.get(index) == state:
                continue
            self._told[index] = state
            device = self._titles.get(str(entry.device), entry.device)
            terminal.say(f"{ordinal(index)} {entry.affordance} on {device}: {state}", err=True)


def _failure(status: "ActionStatus") -> CommandFailed:
    error = status.error or {}
    detail = error.get("detail") or error.get("title") or "no reason was given"
    hint = "--watch shows how far it comes; `wasmiot things list` shows which devices are there."
    return CommandFailed(f"the execution failed: {detail}", REFUSED, hint=hint, problem=error)


def _save(thing: "ConsumedThing", status: "ActionStatus", output: Path) -> None:
    url = status.output_url
    shown = f"{_shown(status.output)}\n".encode(errors="backslashreplace")
    content = thing.fetch_output(url)[0] if url else shown
    if str(output) == "-":
        click.echo(content, nl=False)
    else:
        output.write_bytes(content)


def _say_result(status: "ActionStatus", output: Path | None) -> None:
    if output and str(output) != "-":
        return terminal.say(f"wrote {output}")
    if not status.output_url:
        return terminal.say(_shown(status.output))
    if output is None:
        terminal.say(f"a file: {status.output_url} (--output FILE saves it)")
    return None


def _shown(value: Any) -> str:
    """Return a result as a person reads it: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
