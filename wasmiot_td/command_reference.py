"""All commands on one page: `python -m wasmiot_td.command_reference docs/cli.md`.

What stands above the heading of the commands is written by people, and kept.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from wasmiot_td import command_line
from wasmiot_td.forwarded import Forwarded

WIDTH = 90
HEADING = "## Commands\n"


def with_reference(page: str, root: click.Command) -> str:
    """Return a page with what follows its heading of the commands written anew."""
    prose, _, _ = page.partition(HEADING)
    return prose + HEADING + "".join(_sections(root, _context(root, "wasmiot")))


def _context(
    command: click.Command, name: str, parent: click.Context | None = None
) -> click.Context:
    return click.Context(
        command,
        info_name=name,
        parent=parent,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        **command.context_settings,
    )


def _sections(command: click.Command, context: click.Context) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield f"\n### {context.command_path}\n\n{_told(command, context)}"
        return
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        yield from _sections(inner, _context(inner, name, context))


def _told(command: click.Command, context: click.Context) -> str:
    if isinstance(command, Forwarded):
        return f"{command.help} `{context.command_path} --help` tells its options.\n"
    return f"```text\n{command.get_help(context)}\n```\n"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_reference(path.read_text(), command_line.main))
