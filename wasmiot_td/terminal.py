"""What people see of a command: tables, progress, JSON (the only import of rich).

rich is imported when the first table or bar is drawn, so that `--json` and errors do without.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import click

from wasmiot_td.command_line import printable

if TYPE_CHECKING:
    from rich.progress import ProgressColumn
    from rich.table import Table

PIPE_COLUMNS = 10_000
"""How wide a table may be that no person looks at: nothing is cut off."""


class Advance(Protocol):
    """A function that is told how much more is done, and in which words it is said from now on."""

    def __call__(self, amount: int, label: str = "") -> None:
        """Show it."""


def say_json(value: Any) -> None:
    """Write a value as JSON, laid out for people."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def say(*lines: str, err: bool = False) -> None:
    """Write some lines."""
    for line in lines:
        click.echo(printable(line), err=err)


def say_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, empty: str = "") -> None:
    """Write a table; where it has no rows, what that means.

    Args:
        columns: their headings; one that starts with `>` stands right.
        rows: of values that are written as text.
        empty: said instead of a table without rows.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if not rows and empty:
        say(empty)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        table.add_column(
            name.lstrip(">"), justify="right" if name.startswith(">") else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(_text(value)) for value in row))
    _print(table)


def say_members(members: Mapping[str, Any]) -> None:
    """Write names and values one below the other; those without a value are left out."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for name, value in members.items():
        if value not in (None, "", [], {}):
            table.add_row(Text(name, style="bold"), Text(_text(value)))
    _print(table)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return printable(str(value))


def _print(table: "Table") -> None:
    from rich.console import Console

    console = Console(file=sys.stdout)
    if not console.is_terminal:
        console.width = PIPE_COLUMNS
    with console.capture() as capture:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))


@contextmanager
def progress(label: str, total: int | None = None, *, unit: str = "") -> Iterator[Advance]:
    """Show how far something is, on stderr, as long as it takes; nothing where nobody looks.

    Args:
        label: what is being done.
        total: how much there is to do; None where nobody knows.
        unit: `bytes`, or empty for things that are counted.

    Yields:
        A function that is told how much more is done.
    """
    if not sys.stderr.isatty():
        yield lambda amount, label="": None
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(file=sys.stderr)
    with Progress(*_columns(total, unit), console=console, transient=True) as bar:
        task = bar.add_task(printable(label), total=total)

        def advance(amount: int, label: str = "") -> None:
            bar.update(task, advance=amount, description=printable(label) if label else None)

        yield advance


def _columns(total: int | None, unit: str) -> "list[ProgressColumn]":
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    label = [SpinnerColumn(), TextColumn("{task.description}", markup=False)]
    if total is None:
        return [*label, TimeElapsedColumn()]
    is_bytes = unit == "bytes"
    count = [DownloadColumn(), TaskProgressColumn()] if is_bytes else [MofNCompleteColumn()]
    return [*label, BarColumn(), *count, TimeElapsedColumn()]
