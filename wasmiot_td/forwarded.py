"""A command whose options an `argparse` parser knows: the servers have their own command lines."""

import argparse
from collections.abc import Callable, Sequence
from importlib import import_module

import click
from click.shell_completion import CompletionItem


class Forwarded(click.Command):
    """A command that hands all its arguments to a function, and the parser's help to people.

    Args:
        name: of the command.
        module: imported when the command runs, or its help is asked for.
        help: one line, for the list of commands.
        run: called with the module and the arguments.
        parser: returns the parser, of the module.
    """

    def __init__(
        self,
        name: str,
        module: str,
        help: str,
        *,
        run: Callable[..., int | None],
        parser: Callable[..., argparse.ArgumentParser],
    ) -> None:
        self._module, self._run, self._parser = module, run, parser
        arguments = click.Argument(
            ["arguments"], nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS]"
        )
        super().__init__(
            name,
            help=help,
            params=[arguments],
            callback=self._forward,
            context_settings={"ignore_unknown_options": True},
        )

    def get_help(self, ctx: click.Context) -> str:
        """Return the help of the parser."""
        parser = self._parser(import_module(self._module))
        parser.prog = ctx.command_path
        return parser.format_help().rstrip()

    def _forward(self, arguments: Sequence[str]) -> None:
        code = self._run(import_module(self._module), list(arguments))
        click.get_current_context().exit(code or 0)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the parser's options that begin so."""
        parser = self._parser(import_module(self._module))
        flags = sorted(
            flag
            for action in parser._actions
            for flag in action.option_strings
            if flag.startswith("--")
        )
        return [CompletionItem(f) for f in flags if incomplete and f.startswith(incomplete)]
