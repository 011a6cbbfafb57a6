"""The options that all commands share, and completion of names by asking the orchestrator."""

from collections.abc import Callable
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from wasmiot_td.command_line import NOT_FOUND, CommandFailed, failure_of, json_option
from wasmiot_td.errors import ThingProblem

if TYPE_CHECKING:
    from orchestrator_app.commands.client import Orchestrator

DEFAULT_URL = "http://127.0.0.1:5000"
COMPLETION_SECONDS = 1.0

Command = TypeVar("Command", bound=Callable[..., Any])


def remote(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command an orchestrator to ask, and `--json`; both come as arguments."""

    def run(url: str, token: str | None, **arguments: Any) -> Any:
        try:
            return command(orchestrator=_orchestrator(url, token), **arguments)
        except ThingProblem as error:
            raise _hinted(failure_of(error), error.url) from error

    return url_option(token_option(json_option(update_wrapper(run, command))))


def url_option(command: Command) -> Command:
    """Give a command the option `--url`."""
    return click.option(
        "--url",
        envvar="WASMIOT_URL",
        default=DEFAULT_URL,
        show_default=True,
        metavar="URL",
        help="The orchestrator; the variable WASMIOT_URL says the same.",
    )(command)


def token_option(command: Command) -> Command:
    """Give a command the option `--token`."""
    return click.option(
        "--token",
        envvar="WASMIOT_TOKEN",
        metavar="TOKEN",
        help="What to show where tokens are asked for; better in the variable WASMIOT_TOKEN.",
    )(command)


def _orchestrator(url: str, token: str | None) -> "Orchestrator":
    from orchestrator_app.commands.client import Orchestrator

    _check(token)
    try:
        return Orchestrator(url, token=token or "")
    except ValueError as error:
        raise click.BadParameter(f"{url!r} is no URL: {error}", param_hint="--url") from error


def _check(token: str | None) -> None:
    """Refuse what can be no token, without showing it."""
    if not token:
        return
    from wasmiot_td.access.authorization import is_token

    if not is_token(token):
        raise click.BadParameter(
            "the token is not well-formed: one line of ASCII without blanks is expected",
            param_hint="--token or WASMIOT_TOKEN",
        )


_LISTS = {
    "/things": "things list",
    "/modules": "module list",
    "/manifests": "manifest list",
    "/deployments": "deployments",
}


def _hinted(failed: CommandFailed, url: str) -> CommandFailed:
    """Add where to look for what there is, where something is not there."""
    if failed.exit_code == NOT_FOUND and not failed.hint:
        lists = (command for path, command in _LISTS.items() if f"{path}/" in url)
        told = (f"`wasmiot {command}` shows what there is." for command in lists)
        failed.hint = next(told, "Look whether an orchestrator is there; --url names another.")
    return failed


Completion = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def names_of(path: str, name: Callable[[dict[str, Any]], str]) -> Completion:
    """Return a completion with the names of what an orchestrator has.

    Args:
        path: of the list.
        name: of one document.
    """

    def complete(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
        url = str(context.params.get("url") or DEFAULT_URL)
        found = (name(document) for document in _documents(url, path))
        return [CompletionItem(n) for n in found if n.startswith(begun)]

    return complete


def _documents(url: str, path: str) -> list[dict[str, Any]]:
    """Return what there is; nothing where nobody answers: a completion has no place for errors."""
    from orchestrator_app.commands.client import PAGE_LENGTH, Orchestrator
    from wasmiot_td.errors import WasmiotError
    from wasmiot_td.http_transport import HttpTransport

    try:
        orchestrator = Orchestrator(url, HttpTransport(COMPLETION_SECONDS, COMPLETION_SECONDS))
        return list(orchestrator.pages(path, PAGE_LENGTH))
    except (click.ClickException, WasmiotError):
        return []


def slug_of(document: dict[str, Any]) -> str:
    """Return what a manifest or a deployment is called in commands and URLs."""
    return str(document["id"]).rpartition(":")[2]


def module_name(document: dict[str, Any]) -> str:
    """Return `name:version` of a module."""
    return str(document["id"]).removeprefix("urn:wasmiot:module:")


def ordinal(step: object) -> str:
    """Return a step's place as people count, as the pages do; documents count from zero."""
    return str(step + 1) if isinstance(step, int) else str(step)


def title_of(document: dict[str, Any]) -> str:
    """Return what a Thing is called."""
    return str(document.get("title", document["id"]))
