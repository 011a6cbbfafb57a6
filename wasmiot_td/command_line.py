"""The command `wasmiot`: commands of all installed packages, one way to fail, nothing slow.

Packages add commands by the entry-point group `wasmiot.commands`. A command is imported when it
is asked for, and what it needs when it runs, so that help and completion come at once.

Exit codes: 0 all is well; 1 the answer is no: refused, not acceptable, failed; 2 the command was
not understood, a file cannot be read, or a part is not installed; 3 nobody answered; 4 there is
no such thing; 5 a server or this program has a fault; 130 ended by Ctrl-C.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import IO, Any, NoReturn, TypeVar

import click

from wasmiot_td.errors import InteractionError, ThingProblem, ThingUnreachable, WasmiotError

PLUGINS = "wasmiot.commands"

Command = TypeVar("Command", bound=Callable[..., Any])

REFUSED = 1
MISUNDERSTOOD = 2
UNREACHABLE = 3
NOT_FOUND = 4
FAULTY = 5
INTERRUPTED = 130

MOST_DETAILS = 20
IS_JSON = "wasmiot.is_json"


class CommandFailed(click.ClickException):
    """A command ends without what it was asked for.

    Attributes:
        hint: what to do next.
        details: further lines, one for each fault that was found.
        problem: the problem details of a server's answer (RFC 9457).
    """

    def __init__(
        self,
        message: str,
        exit_code: int = REFUSED,
        *,
        hint: str = "",
        details: Sequence[str] = (),
        problem: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click reads it of the instance
        self.hint = hint
        self.details = tuple(details)
        self.problem = dict(problem or {})
        context = click.get_current_context(silent=True)
        self.is_json = bool(context and context.meta.get(IS_JSON))

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the error to stderr: for a person, or as JSON where the command was told so."""
        if self.is_json:
            click.echo(self._json(), file=file, err=True)
            return
        lines = [f"error: {self.message}"]
        lines += [f"  {detail}" for detail in self.details[:MOST_DETAILS]]
        if len(self.details) > MOST_DETAILS:
            lines.append(f"  … and {len(self.details) - MOST_DETAILS} more")
        lines += [self.hint] if self.hint else []
        click.echo("\n".join(map(printable, lines)), file=file, err=True)

    def _json(self) -> str:
        own = {"title": self.message, "exitCode": self.exit_code}
        own |= {"hint": self.hint} if self.hint else {}
        return json.dumps({**own, **self.problem}, ensure_ascii=False)


def printable(text: str) -> str:
    """Return a text without what would move a terminal's cursor or change its colours."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


class Commands(click.Group):
    """The commands of all packages; whatever fails in one becomes a sentence and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(ctx), *_plugins()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported now."""
        plugin = _plugins().get(cmd_name)
        return super().get_command(ctx, cmd_name) or (_loaded(plugin) if plugin else None)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note whether JSON is asked for before anything can be wrong with the arguments."""
        ctx.meta[IS_JSON] = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            with failures_told():
                return super().invoke(ctx)
        except click.UsageError as error:
            raise _misunderstood(error) from error


def _plugins() -> dict[str, EntryPoint]:
    return {plugin.name: plugin for plugin in entry_points(group=PLUGINS)}


def _loaded(plugin: EntryPoint) -> click.Command:
    """Return a plugin's command, or one that says why there is none."""
    try:
        command = plugin.load()
    except ImportError as error:
        reason = f"{plugin.name} is not available: {error}"

        @click.command(plugin.name, help=reason, context_settings={"ignore_unknown_options": True})
        @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
        def unavailable(arguments: Sequence[str]) -> NoReturn:
            raise CommandFailed(reason, FAULTY, hint="Install the package that it names.")

        return unavailable
    assert isinstance(command, click.Command)
    return command


class Deferred(click.Group):
    """A group whose commands are imported when one of them is asked for.

    Args:
        target: `package.module:group`.
    """

    def __init__(self, name: str, target: str, help: str) -> None:
        super().__init__(name, help=help)
        self.target = target

    def group(self) -> click.Group:  # type: ignore[override]  # click's adds one, this is one
        """Return the group itself."""
        module, _, name = self.target.partition(":")
        found = getattr(import_module(module), name)
        assert isinstance(found, click.Group)
        return found

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of its commands."""
        return self.group().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return one of its commands."""
        return self.group().get_command(ctx, cmd_name)


@contextmanager
def failures_told() -> Iterator[None]:
    """Turn whatever fails into a sentence and an exit code."""
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise
    except KeyboardInterrupt:
        raise click.exceptions.Exit(INTERRUPTED) from None
    except WasmiotError as error:
        raise failure_of(error) from error
    except ModuleNotFoundError as error:
        hint = "Install what serves: pip install 'wasmiot[orchestrator,supervisor]'."
        message = f"{error.name} is not installed here"
        raise CommandFailed(message, MISUNDERSTOOD, hint=hint) from error
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        raise CommandFailed(f"{name}{error.strerror or error}", MISUNDERSTOOD) from error
    except Exception as error:
        if "WASMIOT_TRACEBACK" in os.environ:
            raise
        message = f"this command has a fault of its own ({type(error).__name__}: {error})"
        hint = "Set WASMIOT_TRACEBACK=1 to see where, and please report it."
        raise CommandFailed(message, FAULTY, hint=hint) from error


def _misunderstood(error: click.UsageError) -> click.ClickException:
    """Return what is wrong with a command line: click's words, as JSON where that is asked for."""
    if not (error.ctx and error.ctx.meta.get(IS_JSON)):
        return error
    hint = f"`{error.ctx.command_path} --help` tells what it takes."
    failed = CommandFailed(error.format_message(), error.exit_code, hint=hint)
    failed.is_json = True
    return failed


def json_option(command: Command) -> Command:
    """Give a command the option `--json`, which is also how its errors are told."""
    help = "Answer with JSON; errors are JSON too, on stderr."
    return click.option("--json", "is_json", is_flag=True, help=help)(command)


def failure_of(error: WasmiotError) -> CommandFailed:
    """Return what to tell a person of an error of the library."""
    if isinstance(error, ThingProblem):
        return _failure_of_answer(error)
    if isinstance(error, ThingUnreachable):
        hint = "Look whether it runs, and whether this machine reaches it."
        return CommandFailed(str(error), UNREACHABLE, hint=hint)
    return CommandFailed(str(error), _code_of(error))


def _code_of(error: WasmiotError) -> int:
    from wasmiot_td.document_sources import SourceError

    if isinstance(error, InteractionError):
        return NOT_FOUND
    is_unreadable = isinstance(error, SourceError) or _is_of_file(error.__cause__)
    return MISUNDERSTOOD if is_unreadable else REFUSED


def _is_of_file(cause: BaseException | None) -> bool:
    """Whether an error came from a file that cannot be read, not from what it holds."""
    return isinstance(cause, OSError) and cause.filename is not None


_CODES = {404: NOT_FOUND, 410: NOT_FOUND, 500: FAULTY, 503: FAULTY}


def _failure_of_answer(error: ThingProblem) -> CommandFailed:
    problem = error.problem
    violations = problem.get("validationErrors")
    details = [_violation(v) for v in violations] if isinstance(violations, list) else []
    title, detail = problem.get("title"), problem.get("detail")
    told = title if details and title else ": ".join(str(t) for t in (title, detail) if t)
    code = _CODES.get(error.status, REFUSED)
    message = told or str(error)
    return CommandFailed(message, code, details=details, problem=problem)


def _violation(violation: Any) -> str:
    if not isinstance(violation, dict):
        return str(violation)
    place = violation.get("field") or "the whole document"
    return f"{place}: {violation.get('description', '')}"


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="wasmiot", message="%(version)s")
def main() -> None:
    """Work with Thing Descriptions and with systems made of them."""


main.add_command(
    Deferred(
        "td",
        "wasmiot_td.cli:td",
        "Thing Descriptions and Thing Models: check, compact, turn into RDF, derive.",
    )
)


main.add_command(
    Deferred(
        "token",
        "wasmiot_td.access.commands:token",
        "Tokens of a server here: who may do what with it.",
    )
)


main.add_command(
    Deferred(
        "certs",
        "wasmiot_td.access.certificate_commands:certs",
        "Certificates for TLS: an authority of one's own and what it vouches for.",
    )
)


main.add_command(
    Deferred(
        "key",
        "wasmiot_td.access.key_commands:key",
        "Keys that sign modules and descriptions: make one, show its public half.",
    )
)


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@json_option
def completion(shell: str, is_json: bool) -> None:
    """Write the script that completes commands in a shell.

    For bash: eval "$(wasmiot completion bash)" in ~/.bashrc.
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(main, {}, "wasmiot", "_WASMIOT_COMPLETE").source()
    click.echo(json.dumps({"shell": shell, "script": script}) if is_json else script)
